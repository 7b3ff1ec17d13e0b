"""Commands that fit, train and compare: ``calibrate``, ``train``, ``compare``, ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labctl.cli.console import emit, progress, say, table
from labctl.cli.options import AsJson, BenchFile, Budget, CalibrationId, Seed, Speech

ArmName = Literal["ideal", "unordered", "ordered", "board"]
Size = Annotated[
    Literal["full", "small", "tiny"], typer.Option("--size", help="How many utterances of synthetic speech.")
]


def calibrate(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Sweep runs to fit; without any, the board is measured first.")
    ] = None,
    bench: BenchFile = None,
    budget: Budget = "quick",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fit the ordered and the unordered model of the board, with intervals and a held-out score."""
    from labctl import workflow
    from labctl.bench import open_bench, read_config
    from labctl.library import find

    config = read_config(bench)
    with progress("calibrate") as listener:
        if runs:
            record = workflow.calibrate(runs=[find(run, bench) for run in runs], folder=config.runs, listener=listener)
        else:
            with open_bench(config) as opened:
                record = workflow.calibrate(opened, budget=budget, seed=seed, listener=listener)
    if as_json:
        emit(workflow.calibration_summary(record))
        return
    say(record.summary())


def train(
    arms: Annotated[list[ArmName] | None, typer.Argument(help="Arms to train; without any, all four.")] = None,
    bench: BenchFile = None,
    calibration: CalibrationId = "latest",
    speech: Speech = None,
    size: Size = "full",
    seed: Seed = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training utterances.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a keyword network on the ideal, unordered or ordered model, or on the board itself."""
    from labctl import workflow

    with progress("train") as listener:
        trained = workflow.train(
            arms or ["ideal", "unordered", "ordered", "board"],
            bench=bench,
            calibration=calibration,
            speech=workflow.prepare_speech(speech, size=size, listener=listener),
            seed=seed,
            epochs=epochs,
            listener=listener,
        )
    if as_json:
        emit({"networks": [workflow.network_summary(item) for item in trained]})
        return
    rows = [[item.arm, f"{item.validation_accuracy:.3f}", str(item.path)] for item in trained]
    table("Networks", ["arm", "validation accuracy", "file"], rows)


def compare(
    networks: Annotated[list[Path], typer.Argument(help="Network files (.safetensors).")],
    bench: BenchFile = None,
    calibration: CalibrationId = "latest",
    speech: Speech = None,
    size: Size = "full",
    limit: Annotated[int | None, typer.Option(min=1, help="Only that many utterances of the test set.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run networks on the board and on its simulated counterparts and keep every layer."""
    from labctl import workflow
    from labctl.bench import open_bench

    with progress("compare") as listener, open_bench(bench) as opened:
        prepared = workflow.prepare_speech(speech, size=size, listener=listener)
        found = [
            workflow.compare(
                opened, network, calibration=calibration, speech=prepared, limit=limit, seed=seed, listener=listener
            )
            for network in networks
        ]
    if as_json:
        emit({"comparisons": [workflow.comparison_summary(item) for item in found]})
        return
    workflow_table(found)


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
    """Do everything on an emulated board: measure, calibrate, train four ways, compare, report."""
    from labctl.demo import run_demo

    with progress("demo") as listener:
        result = run_demo(out, seed=seed, link=link, physics=tuple(physics or ()), size=size, listener=listener)
    if as_json:
        emit(result.document())
        return
    workflow_table(result.comparisons)
    for line in result.lines():
        say(line)


def workflow_table(comparisons: object) -> None:
    """Accuracy of each network (row) on each target (column)."""
    from labctl.comparison import TARGETS, Comparison

    rows = []
    assert isinstance(comparisons, (list, tuple))
    for item in comparisons:
        assert isinstance(item, Comparison)
        rows.append([item.arm, *(str(item.evaluations[target].accuracy) for target in TARGETS)])
    header = ["trained on", *(f"on {target}" for target in TARGETS)]
    table("Accuracy on unseen voices, with 95 % interval", header, rows)
