"""Who computes the points of a study: a few verbs, whether the workers are processes here or on other machines.

Processes of this machine are our own (:mod:`labctl.studies.local`): nothing listens, they end at once, nothing stays. A
local cluster of Dask, tried in their place, opens a port for the scheduler and three for each worker, which run what
anybody on the machine sends them; needs four seconds to end while points are computed; and leaves a lock beside its
scratch folder. Workers of other machines are Dask's (:mod:`labctl.studies.cluster`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from labctl.studies.folder import Failure
from labctl.studies.points import Point


@dataclass(frozen=True)
class Outcome:
    """How a point ended: finished, unless there is a failure.

    Attributes:
        key: of the point.
        failure: why it failed.
        lost: whether its worker ended in the middle, so that another try may succeed.
    """

    key: str
    failure: Failure | None = None
    lost: bool = False


@dataclass(frozen=True)
class Lack:
    """Why no worker can compute a point.

    Attributes:
        sentence: what is missing, and what to do.
        patience_s: for how long one that can may still come.
    """

    sentence: str
    patience_s: float = 0.0


class Workers(Protocol):
    """Workers of one study, each computing one point at a time on one thread."""

    @property
    def busy(self) -> int:
        """Points being computed."""
        ...

    def free(self, point: Point) -> bool:
        """Whether a worker that owns what the point uses can begin it now."""
        ...

    def lack(self, point: Point) -> Lack | None:
        """Why no worker, free or not, can compute the point; None where one can."""
        ...

    def begin(self, point: Point) -> None:
        """Give a point to a free worker."""
        ...

    def wait(self, timeout_s: float) -> Sequence[Outcome]:
        """Outcomes of points that ended since; waits for the first, at most so many seconds.

        Raises:
            BadInput: a worker cannot work on this study.
            LabctlError: the workers are out of reach.
        """
        ...

    def close(self) -> None:
        """End all work, whatever the workers are doing."""
        ...
