"""How fast a study goes, from the times at which its points were finished; any process can look."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from labctl.studies.folder import State, StudyFolder

FEWEST: Final = 2
"""Finished points below which nothing is said about the rest."""


@dataclass(frozen=True)
class Pace:
    """How fast the points of the present run are finished.

    Attributes:
        per_hour: points; None while too few are finished or nobody is at work.
        left_s: seconds that the points which are left take at that pace; None where it is not known.
    """

    per_hour: float | None = None
    left_s: float | None = None


def pace(folder: StudyFolder, state: State) -> Pace:
    """The pace of the run that goes on now.

    Points take different times; this is the mean of the run, and what is left may be longer or shorter.
    """
    since = folder.since()
    if since is None:
        return Pace()
    new = sum(folder.finished(key) >= since for key in state.done)
    lasted = time.time() - since
    if new < FEWEST or lasted <= 0.0:
        return Pace()
    return Pace(3600.0 * new / lasted, lasted / new * len(state.waiting))
