"""Command that times the kernels, the store and batched training: ``bench``."""

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
    """Time the ordered multiply and its peers, run files, and many trainings at once, as ratios in the same run.

    Kernels are compared with the plain product, run files with bare h5py, other programs' files with ours, and
    trainings in one computation with the same trainings one after another.
    """
    from labctl import batched_benchmark, store_benchmark
    from labctl.benchmarks import absent, measure

    for case, reason in (absent() | store_benchmark.absent() | batched_benchmark.absent()).items():
        note(f"labctl: {case} is absent: {reason}")
    figures = measure(threads, rounds) + store_benchmark.measure(rounds)
    speedups = batched_benchmark.measure(threads, rounds)
    if as_json:
        emit([*figures, *speedups])
        return
    rows = [[item.case, f"{item.ratio:.2f}", item.base, str(item.threads), item.shape] for item in figures]
    table("Times as long as its base", ["case", "ratio", "base", "threads", "shape"], rows)
    gains = [[item.case, f"{item.speedup:.2f}", item.base, str(item.threads), item.shape] for item in speedups]
    if gains:
        table("Times as much as its base in the same time", ["case", "speedup", "base", "threads", "shape"], gains)
