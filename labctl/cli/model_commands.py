"""Commands that fit, train and compare: ``calibrate``, ``train``, ``compare``, ``demo``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labctl.cli.console import emit, progress, say, table
from labctl.cli.options import AsJson, BenchFile, CalibrationId, Seed, Size, Speech
from labctl.progress import part

if TYPE_CHECKING:
    from labctl.comparison import Comparison


def calibrate(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Sweep runs to fit; without any, the board is measured first.")
    ] = None,
    bench: BenchFile = None,
    budget: Annotated[
        Literal["quick", "full", "optimal"] | None,
        typer.Option(
            "--budget", help="How much to measure; quick without it. Optimal: as long, chosen for this board."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of what is measured; 0 without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the ordered and the unordered model of the board."""
    from labctl import measuring
    from labctl.bench import open_bench, read_config
    from labctl.library import find

    config = read_config(bench)
    with progress("calibrate") as listener:
        if runs:
            files = [find(run, bench) for run in runs]
            record = measuring.calibrate(runs=files, folder=config.runs, budget=budget, seed=seed, listener=listener)
        else:
            with open_bench(config) as opened:
                record = measuring.calibrate(opened, budget=budget, seed=seed, listener=listener)
    if as_json:
        emit(measuring.calibration_summary(record))
    else:
        say(record.summary())


def train(
    arms: Annotated[
        list[str] | None, typer.Argument(help="Arms: ideal, unordered, ordered, board; without any, all four.")
    ] = None,
    bench: BenchFile = None,
    calibration: CalibrationId = "latest",
    speech: Speech = None,
    size: Size = "full",
    seed: Seed = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes, the board arm's excepted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a keyword network in one or more arms.

    The board arm starts from the ordered one, which is trained too.
    """
    from labctl.bench import open_bench, read_config
    from labctl.evaluating import calibration_for, calibration_record
    from labctl.learning import choose_arms, prepare_speech, train_arms, usable_columns

    wanted = choose_arms(arms)
    config = read_config(bench)
    with progress("train") as listener, ExitStack() as resources:
        opened = resources.enter_context(open_bench(config)) if "board" in wanted else None
        record = calibration_for(calibration, opened) if opened else calibration_record(calibration, config.runs)
        usable_columns(record)
        utterances = prepare_speech(speech, size=size, listener=part(listener, 0.0, 0.2))
        heard, board = part(listener, 0.2, 1.0), None
        if opened:
            board = resources.enter_context(opened.lend("train networks", total=100 * len(wanted), kind="training"))
            heard = board.heard_by(heard)
        trained = train_arms(
            wanted, utterances, record, folder=config.runs, board=board, seed=seed, epochs=epochs, listener=heard
        )
    found = [
        {"arm": item.arm, "validation_accuracy": item.trained.validation_accuracy, "file": item.path}
        for item in trained
    ]
    if as_json:
        emit({"calibration": record.calibration_id, "networks": found})
        return
    rows = [[item.arm, f"{item.trained.validation_accuracy:.3f}", str(item.path)] for item in trained]
    table("Networks", ["arm", "validation accuracy", "file"], rows)


def compare(
    networks: Annotated[list[Path], typer.Argument(help="Network files (.safetensors).")],
    bench: BenchFile = None,
    calibration: CalibrationId = "latest",
    speech: Speech = None,
    size: Size = "full",
    limit: Annotated[int | None, typer.Option(min=1, help="Only that many utterances, spread over all.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run networks on the board and on its counterparts."""
    from labctl.bench import open_bench, read_config
    from labctl.comparison_file import summary
    from labctl.evaluating import calibration_for
    from labctl.evaluating import compare as compare_one
    from labctl.learning import prepare_test

    config = read_config(bench)
    with progress("compare") as listener, open_bench(config) as opened:
        record = calibration_for(calibration, opened)
        test = prepare_test(speech, size=size, listener=part(listener, 0.0, 0.2))
        step = 0.8 / len(networks)
        found = [
            compare_one(
                opened,
                network,
                calibration=record,
                test=test,
                limit=limit,
                seed=seed,
                listener=part(listener, 0.2 + index * step, 0.2 + (index + 1) * step),
            )
            for index, network in enumerate(networks)
        ]
    if as_json:
        emit({"comparisons": [summary(item) for item in found]})
        return
    accuracy_table(found)
    for item in found:
        say(f"{item.path}")


def demo(
    seed: Seed = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything that is written.")] = Path("runs"),
    link: Annotated[
        Literal["serial", "tcp"] | None, typer.Option(help="Link to the emulated board; serial where there are ptys.")
    ] = None,
    physics: Annotated[
        list[str] | None, typer.Option("--physics", help="KEY=VALUE of the emulated board, e.g. order=off.")
    ] = None,
    size: Size = "full",
    as_json: AsJson = False,
) -> None:
    """Do everything, on an emulated board.

    Measure, calibrate, train four ways, compare, report.
    """
    from labctl.demo import run_demo

    with progress("demo") as listener:
        result = run_demo(out, seed=seed, link=link, physics=tuple(physics or ()), size=size, listener=listener)
    if as_json:
        emit(result.document())
        return
    accuracy_table(result.comparisons)
    for line in result.findings():
        say(line)
    report = result.files["report"][0]
    say(f"Took {sum(result.seconds.values()):.0f} s. Report: {report}")
    say(f"Everything else is in {report.parent}; `labctl runs --runs {report.parent}` lists it.")


def accuracy_table(comparisons: Sequence[Comparison]) -> None:
    """Accuracy of each network (row) on each target (column)."""
    from labctl.comparison import TARGETS

    rows = [[item.arm, *(str(item.evaluations[t].accuracy) for t in TARGETS)] for item in comparisons]
    header = ["trained on", *(f"on {target}" for target in TARGETS)]
    table("Accuracy on unseen voices, with 95 % interval", header, rows)
