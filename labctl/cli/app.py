"""All commands in one application; their work is imported when they run."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

from labctl.cli import (
    bench_commands,
    benchmark_commands,
    doctor_commands,
    file_commands,
    instrument_commands,
    kill_commands,
    model_commands,
    queue_commands,
    scan_commands,
    selftest_commands,
    spot_commands,
    study_commands,
)
from labctl.cli.console import set_up_logging

app = typer.Typer(
    name="labctl",
    help="The bench application for analog processor boards: measure, calibrate, and compute in the order that "
    "operands arrive.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
board = typer.Typer(help="The board at the end of the link.", rich_markup_mode=None)
app.add_typer(board, name="board")


@app.callback(invoke_without_command=True)
def labctl(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log everything to stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Measure, calibrate and compute on analog processor boards."""
    set_up_logging(verbose)
    if version:
        from labctl import __version__

        typer.echo(f"labctl {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("demo")(model_commands.demo)
board.command("emulate")(bench_commands.emulate)
board.command("proxy")(bench_commands.proxy)
app.command("discover")(bench_commands.discover)
app.add_typer(instrument_commands.instruments, name="instruments")
app.command("doctor")(doctor_commands.doctor)
app.command("sweep")(bench_commands.sweep)
app.command("scan")(scan_commands.scan)
app.add_typer(queue_commands.queue, name="queue")
app.command("calibrate")(model_commands.calibrate)
app.command("train")(model_commands.train)
app.command("compare")(model_commands.compare)
app.command("spot")(spot_commands.spot)
app.add_typer(study_commands.study, name="study")
app.add_typer(selftest_commands.selftest, name="selftest")
selftest_commands.selftest.command("kills")(kill_commands.kills)
app.command("report")(file_commands.report)
app.command("export")(file_commands.export)
app.command("runs")(file_commands.runs)
app.command("bench")(benchmark_commands.bench)

# Rooms above this one bring their commands along: nothing here may import them.
for _command in entry_points(group="labctl.commands"):
    app.command(_command.name)(_command.load())
for _command in entry_points(group="labctl.selftests"):
    selftest_commands.selftest.command(_command.name)(_command.load())
