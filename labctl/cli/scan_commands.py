"""Command that runs a plan of settings: ``scan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.console import EXIT_BAD_INPUT, emit, kept_file_said, note, progress, say, table
from labctl.cli.options import AsJson, BenchFile

if TYPE_CHECKING:
    from data.scan import ScanPlan
    from labctl.scanning import Estimate

PlanFile = Annotated[Path, typer.Argument(help="The plan: a .toml or .json file.")]


def scan(
    plan: PlanFile,
    bench: BenchFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check, count, time and draw it; nothing is set or measured.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set quantities of instruments and of the schedule, and measure at each setting.

    Ctrl-C stops and keeps what was measured; a lost link or a full disk is a pause.
    """
    from data.errors import Problems
    from data.scanfile import read_scan_plan
    from labctl.bench import open_bench
    from labctl.scanning import draw, prepare
    from labctl.scanning import scan as measure
    from labctl.scanning.estimate import estimate

    wanted = read_scan_plan(plan)
    with open_bench(bench) as opened, kept_file_said(opened):
        if not dry_run:
            with progress("scan") as listener:
                path = measure(opened, wanted, listener=listener, say=lambda text: note(f"labctl: {text}"))
            if as_json:
                emit({"file": path, "board": opened.board.identity})
            else:
                say(str(path))
            return
        ready = prepare(opened, wanted)
        problems = ready.problems()
    cost = estimate(wanted, ready.sweep)
    if as_json:
        emit(describe(wanted, cost, problems))
        if problems:
            raise typer.Exit(EXIT_BAD_INPUT)
        return
    show(wanted, cost)
    for line in draw(wanted):
        say(line)
    if problems:
        raise Problems(str(plan), problems)


def describe(plan: ScanPlan, cost: Estimate, problems: list[str]) -> dict[str, object]:
    """What a plan would do, as plain values."""
    import json

    from data.scanfile import scan_plan_as_json

    return {
        "plan": json.loads(scan_plan_as_json(plan)),
        "settings": cost.settings,
        "shape": plan.shape,
        "seconds": cost.seconds,
        "bytes": cost.bytes,
        "path": plan.path(),
        "problems": problems,
    }


def show(plan: ScanPlan, cost: Estimate) -> None:
    """The axes of a plan, how many settings they make, and what they cost."""
    from labctl.scanning import duration

    rows = [
        [name, f"{values[0]} .. {values[-1]}", "chosen" if plan.adaptive else str(len(values)), f"{settle:g}"]
        for (name, values), settle in zip(plan.values.items(), plan.settle_s.values(), strict=True)
    ]
    table(plan.name, ["sets", "from .. to", "values", "settles (s)"], rows)
    most = "at most " if plan.adaptive else ""
    say(f"{most}{cost.settings} settings, about {duration(cost.seconds)} and {cost.bytes / 1e6:.3g} MB")
    measured = [*plan.read, *([f"sweep {plan.sweep.kind} of the board"] if plan.sweep else [])]
    say(f"measures {', '.join(measured)}")
