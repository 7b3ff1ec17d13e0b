"""What a Dask worker does for a study: looks whether it can work on it, and computes a point in a process of its own.

The process, not Dask's thread, computes: on one thread like any other worker of a study, with its main thread free for
signals, and it can be ended when the study is stopped. It writes into the study's folder, which every machine must see.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labctl.plain import plain
from labctl.studies.folder import StudyFolder
from labctl.studies.points import Point
from labctl.studies.process import end, start

if TYPE_CHECKING:
    from distributed import Worker

LOOK_S: Final = 0.2
"""Seconds between two looks at whether the point is still wanted."""


@dataclass(frozen=True)
class Order:
    """What far workers work on.

    Attributes:
        compute: the function that computes a point, ``module:function``.
        folder: the study's, as this machine calls it.
        plan: what :func:`fingerprint` gives here.
        version: of labctl.
    """

    compute: str
    folder: str
    plan: str
    version: str


def fingerprint(folder: Path) -> str:
    """What tells the plan in a folder from every other; empty where none can be read."""
    try:
        return hashlib.sha256((folder / "plan.json").read_bytes()).hexdigest()
    except OSError:
        return ""


def objections(order: Order, dask_worker: Worker) -> list[str]:
    """Why this worker cannot work on a study, a sentence each."""
    import labctl

    where, folder = socket.gethostname(), Path(order.folder)
    found = []
    if labctl.__version__ != order.version:
        found.append(f"{where} has labctl {labctl.__version__}, not {order.version}; install the same version there")
    if dask_worker.state.nthreads != 1:
        found.append(
            f"a worker on {where} computes {dask_worker.state.nthreads} points at a time; start it with --nthreads 1"
        )
    seen = fingerprint(folder)
    if not seen:
        found.append(
            f"{where} does not see the study's folder {folder}; put it on a file system that all machines share"
        )
    elif seen != order.plan:
        found.append(f"{folder} is another folder on {where}; put the study where all machines see the same")
    elif not os.access(StudyFolder(folder).points, os.W_OK):
        found.append(f"{where} may not write into {folder}; let the user of its worker write there")
    return found


def _unseen(order: Order, point: Point) -> list[str]:
    """What the point needs and this machine does not see, in a sentence."""
    folder = StudyFolder(Path(order.folder))
    unseen = [key for key in point.needs if not folder.appears(key)]
    where = socket.gethostname()
    return [f"{where} does not see {key}, which is finished, in {folder.points}" for key in unseen]


def compute_far(order: Order, content: Mapping[str, Any]) -> dict[str, Any]:
    """Compute a point; called by Dask in a thread of a worker.

    Args:
        order: what is worked on.
        content: the point, as JSON has it.

    Returns:
        ``objections`` where this worker cannot work on the study, or else ``failure`` (None where the point is
        finished) and ``lost``, as in :class:`labctl.studies.workers.Outcome`.
    """
    from distributed import get_worker

    worker, point = get_worker(), Point.read(content)
    if found := objections(order, worker) or _unseen(order, point):
        return {"objections": found}
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    process = start(order.compute, Path(order.folder), lambda _, line: heard.put(line))
    try:
        process.begin(point)
        wanted = _Wanted(worker)
        while True:
            try:
                outcome = process.outcome(heard.get(timeout=LOOK_S))
            except queue.Empty:
                if wanted():
                    continue
                return {"failure": None, "lost": True}
            if outcome is None:
                return {"failure": None, "lost": True}
            return {"failure": plain(outcome.failure), "lost": outcome.lost}
    finally:
        end([process])


class _Wanted:
    """Whether the scheduler still wants what this thread computes; not once the study was stopped or has died."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._key = worker.get_current_task()

    def __call__(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        return task is not None and task.state in {"executing", "long-running"}
