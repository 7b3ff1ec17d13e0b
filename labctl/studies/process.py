"""A worker process as whoever started it sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from labctl.plain import plain
from labctl.studies.folder import Failure
from labctl.studies.points import Point
from labctl.studies.serving import PATIENCE_S
from labctl.studies.workers import Outcome

ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""Sums of floats depend on how they are split over threads, and a study must not depend on the number of workers."""

Heard = Callable[["WorkerProcess", str], None]
"""Called in a thread of its own with each line of a worker, and with nothing when it has ended."""


@dataclass
class WorkerProcess:
    """A worker process, and the point it computes.

    Attributes:
        point: what it computes; None while it waits.
    """

    _process: subprocess.Popen[str]
    _orders: IO[str]
    _reader: threading.Thread
    point: Point | None = None

    def begin(self, point: Point) -> None:
        """Give it a point; a process that has just ended is told of by its reader, not here."""
        self.point = point
        self._send(plain(point))

    def outcome(self, line: str) -> Outcome | None:
        """How its point ended, by what was heard of it; None where it had none.

        An empty line says that the process has ended: it is cleared away.
        """
        point, self.point = self.point, None
        if not line:
            end([self])
        if point is None:
            return None
        if line:
            told = json.loads(line)
            return Outcome(point.key, None if told is None else Failure(**told))
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Outcome(point.key, Failure(point.key, f"its worker process {how}"), lost=True)

    def close_orders(self) -> None:
        """Say that no more points come; one that is being computed is given up."""
        with suppress(OSError):
            self._orders.close()

    def join(self, timeout_s: float) -> None:
        """Wait for its end, and insist when it does not come."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _send(self, order: object) -> None:
        with suppress(OSError):
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()


def start(compute: str, folder: Path, heard: Heard, variables: Mapping[str, str] | None = None) -> WorkerProcess:
    """Start a worker process; it needs no port, and ends with whoever started it.

    Args:
        compute: the function that computes a point, ``module:function``.
        folder: the study's folder.
        heard: hears of it.
        variables: what its environment has beside ours.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "labctl.studies.serving"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(ONE_THREAD, variables or {}),
    )
    orders, lines = process.stdin, process.stdout
    if orders is None or lines is None:
        raise RuntimeError("a worker process was started without its pipes")

    def read() -> None:
        with lines:
            for line in lines:
                heard(worker, line)
        heard(worker, "")

    reader = threading.Thread(target=read, name="study worker", daemon=True)
    worker = WorkerProcess(process, orders, reader)
    worker._send({"compute": compute, "folder": str(folder.resolve()), "path": sys.path})
    reader.start()
    return worker


def environment(*more: Mapping[str, str]) -> dict[str, str]:
    """Our environment and more, in which a Python finds labctl."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    return {**os.environ, **{name: value for item in more for name, value in item.items()}, "PYTHONPATH": path}


def end(workers: Iterable[WorkerProcess]) -> None:
    """End worker processes together, whatever they are doing."""
    ended = list(workers)
    for worker in ended:
        worker.close_orders()
    until = time.monotonic() + PATIENCE_S + 1.0
    for worker in ended:
        worker.join(max(0.0, until - time.monotonic()))
