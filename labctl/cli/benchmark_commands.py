"""Command that times the kernels: ``bench``."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli.console import emit, note, table
from labctl.cli.options import AsJson


def bench(
    threads: Annotated[
        int | None, typer.Option("--threads", help="Threads of every case; without it as many as torch uses.")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", help="How often every case has its turn.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Time the ordered multiply and its peers, as ratios to the plain product in the same run."""
    from labctl.benchmarks import absent, measure

    for case, reason in absent().items():
        note(f"labctl: {case} is absent: {reason}")
    figures = measure(threads, rounds)
    if as_json:
        emit(figures)
        return
    rows = [[figure.case, f"{figure.ratio:.2f}", str(figure.threads), figure.shape] for figure in figures]
    table("Times the plain product takes", ["case", "ratio", "threads", "shape"], rows)
