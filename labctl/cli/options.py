"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

BenchFile = Annotated[
    Path | None,
    typer.Option("--bench", help="Bench file; without it bench.toml here, or else an emulated board."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout instead of tables.")]
Budget = Annotated[Literal["quick", "full"], typer.Option("--budget", help="How much to measure.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=999_999, help="Seed of all draws but the corpus.")]
Runs = Annotated[
    Path | None, typer.Option("--runs", help="Folder of the run files; without it the one of the bench file.")
]
Speech = Annotated[
    Path | None,
    typer.Option("--speech", help="Google Speech Commands v2 folder; without it words are synthesised."),
]
Size = Annotated[
    Literal["full", "small", "tiny"], typer.Option("--size", help="How many utterances of synthetic speech.")
]
CalibrationId = Annotated[
    str, typer.Option("--calibration", help="Calibration: its run id, the start of it, a file, or `latest`.")
]
