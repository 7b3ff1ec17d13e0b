"""How long the entries of a queue will take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from labctl.queue.entries import Entry, EntryState
from labctl.queue.jobs import CalibrateJob, Job, ScanJob

if TYPE_CHECKING:
    from data.values import Geometry, Schedule


class Estimates:
    """Estimates of jobs; what was worked out once is kept."""

    def __init__(self) -> None:
        self._known: dict[tuple[Job, Geometry | None, Schedule], float | None] = {}

    def of_entries(
        self, entries: Iterable[Entry], geometry: Geometry | None, schedule: Schedule
    ) -> dict[int, float | None]:
        """Seconds for all rounds of each entry by its number, None where nobody can know.

        A job that has been done before is taken to last as long as it did the last time.

        Args:
            entries: of the queue.
            geometry: of the board, None while none is connected.
            schedule: the working schedule.
        """
        listed = tuple(entries)
        lasted = {entry.job: found for entry in listed if (found := round_s(entry)) is not None}
        seconds: dict[int, float | None] = {}
        for entry in listed:
            each = lasted.get(entry.job)
            if each is None:
                each = self.of_job(entry.job, geometry, schedule)
            seconds[entry.number] = None if each is None else each * entry.rounds
        return seconds

    def of_job(self, job: Job, geometry: Geometry | None, schedule: Schedule) -> float | None:
        """Seconds for one round of a job; None for a fit, or a sweep of a board that nobody knows."""
        key = (job, geometry, schedule)
        if key not in self._known:
            self._known[key] = _job_s(job, geometry, schedule)
        return self._known[key]


def round_s(entry: Entry) -> float | None:
    """Seconds that a round of an entry took, None for one that has not been done."""
    if entry.state is not EntryState.DONE or not entry.rounds_done or not entry.began or not entry.ended:
        return None
    took = datetime.fromisoformat(entry.ended) - datetime.fromisoformat(entry.began)
    return max(took.total_seconds(), 0.0) / entry.rounds_done


def _job_s(job: Job, geometry: Geometry | None, schedule: Schedule) -> float | None:
    from data.errors import BadInput
    from labctl.scanning.estimate import estimate, sweep_s
    from labctl.scanning.running import board_sweep

    try:
        if isinstance(job, ScanJob):
            if job.plan.sweep is not None and geometry is None:
                return None
            return estimate(job.plan, board_sweep(job.plan, geometry, schedule)).seconds
        if isinstance(job, CalibrateJob) or geometry is None:
            return None
        from labctl.measuring import plans_for

        found = plans_for(geometry, schedule, job.kinds, budget=job.budget, seed=job.seed)
        return sum(sweep_s(plan) for plan in found)
    except BadInput:  # the run will say what is wrong with it
        return None
