"""Workers that are processes of this machine."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from pathlib import Path

from labctl.studies.points import Point
from labctl.studies.process import WorkerProcess, end, start
from labctl.studies.resources import environments, share
from labctl.studies.workers import Lack, Outcome


class LocalWorkers:
    """A few worker processes, each started when it is first needed; :meth:`close` ends them.

    Args:
        compute: the function that computes a point, ``module:function``.
        folder: the study's folder.
        count: how many processes, at least 1.
        resources: how much there is of what only one point at a time can use.

    Raises:
        Problems: there is more of a resource than workers.
    """

    def __init__(self, compute: str, folder: Path, count: int, resources: Mapping[str, int] | None = None) -> None:
        self._compute = compute
        self._folder = folder
        self._owned = share(resources or {}, count)
        self._environments = environments(self._owned)
        self._workers: dict[int, WorkerProcess] = {}
        self._heard: queue.SimpleQueue[tuple[WorkerProcess, str]] = queue.SimpleQueue()

    @property
    def busy(self) -> int:
        """Points being computed."""
        return sum(worker.point is not None for worker in self._workers.values())

    def free(self, point: Point) -> bool:
        """Whether a worker that owns what the point uses can begin it now."""
        return self._place(point) is not None

    def lack(self, point: Point) -> Lack | None:
        """Why no worker can compute the point; None where one can."""
        if any(names.issuperset(point.uses) for names in self._owned):
            return None
        names = " and ".join(point.uses)
        given = ",".join(f"{name}=1" for name in point.uses)
        return Lack(f"it uses {names}, and no worker owns that; say what there is with --resources {given}")

    def begin(self, point: Point) -> None:
        """Give a point to a free worker, starting one where none waits."""
        number = self._place(point)
        if number is None:
            raise RuntimeError(f"no worker is free for {point.key}")
        if number not in self._workers:
            environment = self._environments[number]
            self._workers[number] = start(self._compute, self._folder, self._hear, environment)
        self._workers[number].begin(point)

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Outcomes of points that ended since; waits for the first, at most so many seconds."""
        found: list[Outcome] = []
        until = time.monotonic() + timeout_s
        while True:
            try:
                worker, line = self._heard.get(timeout=0.0 if found else max(0.0, until - time.monotonic()))
            except queue.Empty:
                return found
            outcome = worker.outcome(line)
            if not line:
                self._workers = {number: other for number, other in self._workers.items() if other is not worker}
            if outcome is not None:
                found.append(outcome)

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        end(self._workers.values())
        self._workers.clear()

    def _hear(self, worker: WorkerProcess, line: str) -> None:
        self._heard.put((worker, line))

    def _place(self, point: Point) -> int | None:
        """The best worker that can begin now: one that owns little else, and runs already."""
        able = [
            number
            for number, names in enumerate(self._owned)
            if names.issuperset(point.uses) and (number not in self._workers or self._workers[number].point is None)
        ]
        return min(able, key=lambda number: (len(self._owned[number]), number not in self._workers), default=None)
