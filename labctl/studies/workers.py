"""Worker processes that compute points: spawned, each on one thread, none left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from data.errors import LabctlError
from labctl.studies.folder import Failure, StudyFolder
from labctl.studies.points import Compute, Point, load_function

PATIENCE_S = 5.0

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Sums of floats depend on how they are split over threads, and a study must not depend on the number of workers."""


@dataclass(frozen=True)
class Outcome:
    """How a point ended: finished, unless there is a failure."""

    key: str
    failure: Failure | None = None


def compute_point(compute: Compute, point: Point, folder: StudyFolder) -> Outcome:
    """Compute one point and write it in one piece; what goes wrong is told, not raised."""
    try:
        with folder.writing(point.key) as place:
            rows = list(compute(point, place, {key: folder.place(key) for key in point.needs}))
            folder.finish(place, rows)
    except LabctlError as error:
        return Outcome(point.key, Failure(point.key, str(error), traceback.format_exc()))
    except Exception as error:  # noqa: BLE001 (a point that fails must not take the others with it)
        return Outcome(point.key, Failure(point.key, repr(error), traceback.format_exc()))
    return Outcome(point.key)


def serve(name: str, folder: Path, jobs: Connection) -> None:
    """What a worker process does: points as they come, until the other end closes."""
    # Ctrl-C reaches the whole group; the process that started this one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ONE_THREAD)
    compute: Compute = load_function(name)
    while True:
        try:
            point = jobs.recv()
            jobs.send(compute_point(compute, point, StudyFolder(folder)))
        except (EOFError, OSError):
            return


@dataclass
class _Worker:
    process: SpawnProcess
    jobs: Connection
    point: Point | None = None


class Workers:
    """A few worker processes; leave with ``with`` and they are gone.

    Args:
        compute: the function that computes a point, ``module:function``.
        folder: the study's folder.
        count: how many processes, at least 1.
    """

    def __init__(self, compute: str, folder: Path, count: int) -> None:
        self._compute = compute
        self._folder = folder
        self._count = count
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def free(self) -> int:
        """How many more points can be begun now."""
        return self._count - self.busy

    @property
    def busy(self) -> int:
        """Points being computed."""
        return sum(worker.point is not None for worker in self._workers)

    def begin(self, point: Point) -> None:
        """Give a point to a free worker, starting one where none waits."""
        worker = next((item for item in self._workers if item.point is None), None) or self._start()
        worker.point = point
        worker.jobs.send(point)

    def wait(self, timeout_s: float | None = None) -> list[Outcome]:
        """Outcomes of points that ended since; waits for the first, at most so many seconds."""
        active = [worker for worker in self._workers if worker.point is not None]
        wait([thing for worker in active for thing in (worker.jobs, worker.process.sentinel)], timeout_s)
        return [outcome for worker in active if (outcome := self._outcome(worker)) is not None]

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            worker.jobs.close()
            if worker.point is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers.clear()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (self._compute, self._folder, theirs)
        process = self._context.Process(target=serve, args=arguments, daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _outcome(self, worker: _Worker) -> Outcome | None:
        point = worker.point
        if point is None:
            return None
        try:
            if worker.jobs.poll():
                outcome: Outcome = worker.jobs.recv()
                worker.point = None
                return outcome
        except (EOFError, OSError):
            worker.process.join(PATIENCE_S)
        if worker.process.is_alive():
            return None
        sentence = f"its worker process ended with exit code {worker.process.exitcode}"
        worker.jobs.close()
        worker.process.close()
        self._workers.remove(worker)
        return Outcome(point.key, Failure(point.key, sentence))
