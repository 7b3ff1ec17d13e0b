"""Run files against bare h5py with the same flushes, and against a QCoDeS dataset, in the same run on the same disk.

Timed is what a measurement waits for: handing rows over and the checkpoints between them, not the making of the file
and not its end. As in :mod:`labctl.benchmarks` the cases take turns, and a ratio is the median over rounds.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any, Final

import h5py
import numpy as np

from data.metadata import RunMetadata
from data.runfile import RunWriter
from labctl.benchmarks import Figure

COLUMNS: Final = 256
ROWS_A_CHECKPOINT: Final = 1024
CHECKPOINTS = 32
"""Of every case in every round."""
QCODES_ROWS: Final = 60
QCODES_SCALARS: Final = 3000
QCODES: Final = "qcodes"
BARE: Final = "bare h5py"
OURS: Final = "labctl"

Case = Callable[[Path], float]
"""Writes into a folder; seconds a row."""


def measure(rounds: int) -> list[Figure]:
    """Time every case.

    Args:
        rounds: how often every case has its turn.
    """
    cases = {
        "store/rows": (our_rows, bare_rows, f"{COLUMNS} columns of int16", BARE),
        "store/scalars": (our_scalars, bare_scalars, "2 x float64, one row a call", BARE),
        "store/scalar-blocks": (our_blocks, bare_blocks, f"2 x float64, {ROWS_A_CHECKPOINT} rows a call", BARE),
    }
    if not absent():
        cases |= {
            "store/rows/qcodes": (qcodes_rows, our_rows, f"{COLUMNS} columns of int16", OURS),
            "store/scalars/qcodes": (qcodes_scalars, our_scalars, "2 x float64, one row a call", OURS),
        }
    ratios: dict[str, list[float]] = {name: [] for name in cases}
    with tempfile.TemporaryDirectory(prefix="labctl-bench-") as folder:
        for turn in range(rounds):
            for name, (case, base, _, _) in cases.items():
                place = Path(folder) / f"{turn}-{name.replace('/', '-')}"
                place.mkdir()
                ratios[name].append(case(place) / base(place))
                for file in place.iterdir():
                    file.unlink()
    return [
        Figure(name, round(median(ratios[name]), 2), 1, f"{what}, checkpoint every {ROWS_A_CHECKPOINT} rows", base)
        for name, (_, _, what, base) in cases.items()
    ]


def absent() -> dict[str, str]:
    """Cases that cannot run here, and why."""
    if importlib.util.find_spec(QCODES) is None:
        why = "qcodes is not installed (extra `bench`)"
        return {"store/rows/qcodes": why, "store/scalars/qcodes": why}
    return {}


def our_rows(folder: Path) -> float:
    """Rows of many columns, each checkpoint's in one call."""
    rows = _rows()
    with _new_run(folder) as writer:
        writer.stream("y", ("row", "column"), (CHECKPOINTS * ROWS_A_CHECKPOINT, COLUMNS), np.int16)
        start = time.perf_counter()
        for _ in range(CHECKPOINTS):
            writer.append("y", rows)
            writer.checkpoint()
        return _a_row(start)


def bare_rows(folder: Path) -> float:
    """The same with h5py alone: write, count, flush."""
    rows = _rows()
    with h5py.File(folder / "bare.h5", "w") as file:
        data = file.create_dataset("y", (CHECKPOINTS * ROWS_A_CHECKPOINT, COLUMNS), np.int16)
        count = file.create_dataset("rows_done", data=0)
        start = time.perf_counter()
        for number in range(CHECKPOINTS):
            first = number * ROWS_A_CHECKPOINT
            data[first : first + ROWS_A_CHECKPOINT] = rows
            count[()] = first + ROWS_A_CHECKPOINT
            file.flush()
        return _a_row(start)


def our_scalars(folder: Path) -> float:
    """Two numbers a row, one row a call, as many as come."""
    with _new_run(folder) as writer:
        writer.stream("x", ("row",), (None,), np.float64)
        writer.stream("y", ("row",), (None,), np.float64)
        start = time.perf_counter()
        for _ in range(CHECKPOINTS):
            for number in range(ROWS_A_CHECKPOINT):
                writer.append_row(x=float(number), y=0.5 * number)
            writer.checkpoint()
        return _a_row(start)


def bare_scalars(folder: Path) -> float:
    """The same with h5py alone, which grows in steps of a checkpoint."""
    with h5py.File(folder / "bare.h5", "w") as file:
        x, y = (file.create_dataset(name, (0,), np.float64, maxshape=(None,), chunks=(1 << 15,)) for name in "xy")
        start = time.perf_counter()
        for turn in range(CHECKPOINTS):
            for data in (x, y):
                data.resize((turn + 1) * ROWS_A_CHECKPOINT, axis=0)
            for number in range(ROWS_A_CHECKPOINT):
                x[turn * ROWS_A_CHECKPOINT + number] = float(number)
                y[turn * ROWS_A_CHECKPOINT + number] = 0.5 * number
            file.flush()
        return _a_row(start)


def our_blocks(folder: Path) -> float:
    """Two numbers a row, a whole checkpoint's rows in one call."""
    block = np.arange(float(ROWS_A_CHECKPOINT))
    with _new_run(folder) as writer:
        writer.stream("x", ("row",), (None,), np.float64)
        writer.stream("y", ("row",), (None,), np.float64)
        start = time.perf_counter()
        for _ in range(CHECKPOINTS):
            writer.append("x", block)
            writer.append("y", block)
            writer.checkpoint()
        return _a_row(start)


def bare_blocks(folder: Path) -> float:
    """The same with h5py alone."""
    block = np.arange(float(ROWS_A_CHECKPOINT))
    with h5py.File(folder / "bare.h5", "w") as file:
        x, y = (file.create_dataset(name, (0,), np.float64, maxshape=(None,), chunks=(1 << 15,)) for name in "xy")
        count = file.create_dataset("rows_done", data=0)
        start = time.perf_counter()
        for turn in range(CHECKPOINTS):
            stop = (turn + 1) * ROWS_A_CHECKPOINT
            for data in (x, y):
                data.resize(stop, axis=0)
                data[stop - ROWS_A_CHECKPOINT : stop] = block
            count[()] = stop
            file.flush()
        return _a_row(start)


def qcodes_rows(folder: Path) -> float:
    """Rows of many columns into a QCoDeS dataset, one a call, as its ``add_result`` takes them."""
    rows = _rows()[:QCODES_ROWS]
    return _qcodes(folder, {"y": "array"}, [(("y", row),) for row in rows])


def qcodes_scalars(folder: Path) -> float:
    """Two numbers a row into a QCoDeS dataset, one row a call."""
    results = [(("x", float(number)), ("y", 0.5 * number)) for number in range(QCODES_SCALARS)]
    return _qcodes(folder, {"x": "numeric", "y": "numeric"}, results)


def _qcodes(folder: Path, parameters: dict[str, str], results: list[Any]) -> float:
    with redirect_stdout(sys.stderr):  # it tells the number of every run
        dataset = importlib.import_module(f"{QCODES}.dataset")
        importlib.import_module("tqdm").tqdm.monitor_interval = 0  # its progress bars would leave a thread behind
        logging.getLogger(QCODES).setLevel(logging.WARNING)
        dataset.initialise_or_create_database_at(str(folder / "qcodes.db"))
        experiment = dataset.load_or_create_experiment("labctl", "bench")
        measurement = dataset.Measurement(exp=experiment)
        for name, kind in parameters.items():
            measurement.register_custom_parameter(name, paramtype=kind)
        start = time.perf_counter()
        with measurement.run() as saver:
            for result in results:
                saver.add_result(*result)
        seconds = (time.perf_counter() - start) / len(results)
        experiment.conn.close()
    return seconds


def _new_run(folder: Path) -> RunWriter:
    return RunWriter.create(folder, RunMetadata.new("bench", simulated=True))


def _rows() -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    drawn = np.random.default_rng(0).integers(-128, 128, (ROWS_A_CHECKPOINT, COLUMNS), np.int16)
    return np.asarray(drawn)


def _a_row(start: float) -> float:
    return (time.perf_counter() - start) / (CHECKPOINTS * ROWS_A_CHECKPOINT)
