"""Command that times the kernels and the store: ``bench``."""

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
    """Time the ordered multiply and its peers, and the writing of run files, as ratios in the same run.

    Kernels are compared with the plain product, run files with bare h5py, and other programs' files with ours.
    """
    from labctl import store_benchmark
    from labctl.benchmarks import absent, measure

    for case, reason in (absent() | store_benchmark.absent()).items():
        note(f"labctl: {case} is absent: {reason}")
    figures = measure(threads, rounds) + store_benchmark.measure(rounds)
    if as_json:
        emit(figures)
        return
    rows = [[item.case, f"{item.ratio:.2f}", item.base, str(item.threads), item.shape] for item in figures]
    table("Times as long as its base", ["case", "ratio", "base", "threads", "shape"], rows)
