"""When something was measured: the computer's clock as a run began, counted on evenly from there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Self

TIME: Final = "time"
"""Variable of run files: when each of their rows had been measured."""
TIME_UNIT: Final = "seconds since 1970-01-01 00:00:00"
"""Its unit, UTC, as the CF conventions (section 4.4, "Time coordinate") want it: xarray makes dates of it."""


@dataclass(frozen=True, slots=True)
class RunClock:
    """Tells the time during one run; a clock that is set meanwhile, or jumps, changes nothing.

    What drifts, drifts with the time that really passes. So that differences within a run are right, the clock of the
    computer is asked once; from there a counter goes on that nobody sets, and that counts on in a suspended computer
    where the system has such a one (Linux).

    Attributes:
        began_s: when the run began, in seconds since 1970-01-01 UTC.
    """

    began_s: float
    _counter_s: float

    @classmethod
    def start(cls) -> Self:
        """A clock for a run that begins now."""
        return cls(time.time(), _counted())

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return _counted() - self._counter_s

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self.at(self.elapsed())

    def at(self, elapsed_s: float) -> float:
        """The time so many seconds after the run began, in seconds since 1970-01-01 UTC."""
        return self.began_s + elapsed_s


def _counted() -> float:
    suspended_too = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if suspended_too is None else time.clock_gettime(suspended_too)
