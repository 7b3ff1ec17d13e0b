"""The points of one run of a study, begun in the order of the plan as soon as what they need is there."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from data.errors import Problems
from labctl.progress import Listener, Stop
from labctl.studies.folder import Failure, Plan, StudyFolder
from labctl.studies.points import Point
from labctl.studies.workers import Outcome, Workers

log = logging.getLogger(__name__)

LOOK_S: Final = 0.3
"""Seconds between two looks at whether the study should stop."""
TRIES: Final = 3
"""How often a point is begun whose worker ends in the middle."""
NAMED: Final = 3
"""Points that a sentence names before it counts the rest."""


class Run:
    """One run of a study.

    Args:
        folder: the study's, held by this process.
        plan: its points.
        workers: who computes.
        listener: hears of progress.
        stop: asked now and then; true ends the run.
    """

    def __init__(self, folder: StudyFolder, plan: Plan, workers: Workers, listener: Listener, stop: Stop) -> None:
        self._folder = folder
        self._workers = workers
        self._listener = listener
        self._stop = stop
        self._total = len(plan.points)
        self._done = {point.key for point in plan.points if folder.is_done(point.key)}
        self._waiting = [point for point in plan.points if point.key not in self._done]
        self._points = {point.key: point for point in plan.points}
        self._tries: Counter[str] = Counter()
        self._idle_since: float | None = None

    def all(self) -> None:
        """Do everything that can be done.

        Raises:
            Problems: points that no worker can compute, and none that can will come; nothing has been computed.
        """
        self._refuse_impossible()
        self._tell(f"{len(self._done)} of {self._total} points")
        while not self._stop():
            self._folder.refresh()
            self._begin()
            if self._workers.busy:
                self._idle_since = None
            elif not self._ready():
                return
            else:
                self._give_up()
            for outcome in self._workers.wait(LOOK_S):
                self._note(outcome)

    def _refuse_impossible(self) -> None:
        lacks = [(point, lack) for point in self._waiting if (lack := self._workers.lack(point)) is not None]
        if hopeless := {lack.sentence for _, lack in lacks if lack.patience_s <= 0.0}:
            problems = [
                f"{_names([point for point, lack in lacks if lack.sentence == sentence])}: {sentence}"
                for sentence in sorted(hopeless)
            ]
            raise Problems("some points can be computed by no worker", problems)

    def _begin(self) -> None:
        """Give points to free workers, the first in the plan first."""
        taken: set[tuple[str, ...]] = set()
        for point in self._ready():
            if point.uses in taken:
                continue
            if not self._workers.free(point):
                taken.add(point.uses)
                continue
            self._waiting.remove(point)
            self._tries[point.key] += 1
            self._workers.begin(point)

    def _ready(self) -> list[Point]:
        return [point for point in self._waiting if self._done.issuperset(point.needs)]

    def _give_up(self) -> None:
        """Nothing is being computed: say what is waited for, and note as failed what nobody will take."""
        now = time.monotonic()
        self._idle_since = now if self._idle_since is None else self._idle_since
        waited = now - self._idle_since
        lacks = [(point, lack) for point in self._ready() if (lack := self._workers.lack(point)) is not None]
        for point, lack in lacks:
            if waited >= lack.patience_s:
                self._waiting.remove(point)
                self._fail(Failure(point.key, lack.sentence))
        if patient := [(point, lack) for point, lack in lacks if waited < lack.patience_s]:
            self._tell(f"waiting, {_names([point for point, _ in patient])}: {patient[0][1].sentence}")

    def _note(self, outcome: Outcome) -> None:
        key, failure = outcome.key, outcome.failure
        if failure is None and not self._folder.appears(key):
            place = self._folder.place(key)
            failure = Failure(key, f"its worker has finished it, and {place} does not show it; look at the file system")
        if failure is None:
            self._done.add(key)
        elif outcome.lost and self._tries[key] < TRIES:
            log.warning("point %s is tried again: %s", key, failure.message)
            self._folder.sweep(key)
            self._waiting.insert(0, self._points[key])
        else:
            again = f"; tried {self._tries[key]} times" if outcome.lost else ""
            self._fail(replace(failure, message=failure.message + again))
        self._tell(f"{len(self._done)} of {self._total} points, last {key}")

    def _fail(self, failure: Failure) -> None:
        self._folder.fail(failure)
        log.warning("point %s failed: %s", failure.key, failure.message)

    def _tell(self, message: str) -> None:
        self._listener(len(self._done) / self._total, message)


def _names(points: Sequence[Point]) -> str:
    names = ", ".join(point.key for point in points[:NAMED])
    return f"{names} and {len(points) - NAMED} more" if len(points) > NAMED else names
