"""Looks at something that changes, one at a time: what changes during a look is seen by the next."""

from __future__ import annotations


class Looks:
    """Whether a look is being taken, and whether another one is wanted after it."""

    def __init__(self) -> None:
        self._looking = False
        self._again = False

    @property
    def looking(self) -> bool:
        """Whether one is being taken."""
        return self._looking

    def begin(self) -> bool:
        """Whether a look may be taken now; otherwise one is wanted after the one that is being taken."""
        self._again = self._looking
        if self._looking:
            return False
        self._looking = True
        return True

    def end(self) -> bool:
        """The look is over; says whether another one is wanted."""
        again, self._looking, self._again = self._again, False, False
        return again
