"""The one contract between a run and the instruments of a bench, whoever wrote their drivers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from data.errors import BadInput
from data.values import Identity

Value = float | bool | str
"""What an instrument can be asked for or set to; an overload reads as infinite, no value at all as NaN."""

OVERLOAD, NO_VALUE = "overload", "no value"


def in_words(value: Value | None) -> Value | None:
    """A value for people and for JSON: a number that is not finite as the word for it, any other as it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return NO_VALUE if math.isnan(value) else OVERLOAD if value > 0 else f"negative {OVERLOAD}"
    return value


@dataclass(frozen=True, slots=True)
class Quantity:
    """One scalar of an instrument, as the rest of the bench sees it.

    Attributes:
        name: its name in plans, snapshots and files.
        label: what it is, in words.
        unit: as in UDUNITS, "1" for a number without unit, "" for a text or a switch.
        settable: whether it can be set.
        low: smallest value that may be set.
        high: largest value that may be set.
        choices: the only values that may be set; empty where the limits say it all.
    """

    name: str
    label: str
    unit: str
    settable: bool = False
    low: float = float("-inf")
    high: float = float("inf")
    choices: tuple[Value, ...] = ()

    def check(self, value: Value) -> None:
        """Raise :class:`BadInput` if this value may not be set; nothing has to be sent to know."""
        if not self.settable:
            raise BadInput(f"the {self.label} can only be read")
        if self.choices and value not in self.choices:
            raise BadInput(f"the {self.label} cannot be {value!r}; choose from {', '.join(map(str, self.choices))}")
        if self.unit and isinstance(value, str | bool):
            raise BadInput(f"the {self.label} is a number in {self.unit}, not {value!r}")
        # A NaN fails this comparison too.
        if not isinstance(value, str) and not self.low <= value <= self.high:
            raise BadInput(f"the {self.label} {value} {self.unit} is outside {self.low:g}..{self.high:g} {self.unit}")


@dataclass(frozen=True, slots=True)
class Reading:
    """A quantity in a snapshot.

    Attributes:
        name: the quantity's name.
        value: what was read, None when it could not be.
        unit: its unit.
        age_s: seconds since it was read.
        error: why it could not be read, empty when it could.
    """

    name: str
    value: Value | None
    unit: str
    age_s: float
    error: str = ""


@runtime_checkable
class Instrument(Protocol):
    """A supply, a meter, a chamber, the board itself: anything with quantities and a safe state."""

    @property
    def name(self) -> str:
        """Its name on this bench."""
        ...

    @property
    def identity(self) -> Identity:
        """Who it is."""
        ...

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """What can be read or set, by name."""
        ...

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        """The value: the one last seen when it is at most ``max_age_s`` seconds old, else asked for.

        Raises:
            BadInput: there is no such quantity.
            LabctlError: the instrument did not answer, or not with a value.
        """
        ...

    def set(self, name: str, value: Value) -> None:
        """Set a value, after its limits have been checked.

        Raises:
            BadInput: no such quantity, not settable, or outside its limits; nothing has been sent.
            LabctlError: the instrument did not take it.
        """
        ...

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        """Every quantity; one that cannot be read says why."""
        ...

    def safe(self) -> None:
        """Go to the safe state."""
        ...

    def close(self) -> None:
        """Let go of the instrument; may be called again."""
        ...


@runtime_checkable
class Reconnectable(Protocol):
    """What can come back after its link was lost."""

    def reconnect(self, deadline_s: float) -> None:
        """Close what is left of the link, open it again with growing pauses, check who answers, restore its state.

        The state is set again and read back. A call that raises leaves the instrument closed, and may be repeated.

        Raises:
            LabctlError: it did not come back before the deadline, or something else answers in its place.
        """
        ...
