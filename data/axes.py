"""The axes of a scan: which quantity takes which values, in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import BadInput
from data.instrument import Value

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z][A-Za-z0-9_-]*")

MOST_VALUES = 1_000_000
"""Values that one axis may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAxis:
    """Evenly spaced values, both ends included.

    Attributes:
        set: the quantity, ``INSTRUMENT.QUANTITY`` or ``schedule.SETTING``.
        start: first value.
        stop: last value.
        points: how many, at least 1; one point is ``start``.
        settle_s: seconds to wait after the quantity was set.
    """

    set: str
    start: float
    stop: float
    points: int
    settle_s: float = 0.0
    kind: Literal["linear"] = "linear"

    @property
    def values(self) -> tuple[Value, ...]:
        """What the quantity is set to."""
        return _floats(np.linspace(self.start, self.stop, self.points))

    def problems(self) -> Iterator[str]:
        """What makes no sense about this axis, a sentence each."""
        yield from _problems(self.set, self.points, self.settle_s, start=self.start, stop=self.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAxis:
    """Values in equal ratios, both ends included; both must have the same sign.

    Attributes:
        set: the quantity.
        start: first value.
        stop: last value.
        points: how many.
        settle_s: seconds to wait after the quantity was set.
    """

    set: str
    start: float
    stop: float
    points: int
    settle_s: float = 0.0
    kind: Literal["log"] = "log"

    @property
    def values(self) -> tuple[Value, ...]:
        """What the quantity is set to."""
        return _floats(np.geomspace(self.start, self.stop, self.points))

    def problems(self) -> Iterator[str]:
        """What makes no sense about this axis, a sentence each."""
        yield from _problems(self.set, self.points, self.settle_s, start=self.start, stop=self.stop)
        if not self.start * self.stop > 0:
            yield f"axis {self.set}: a logarithmic axis cannot go from {self.start:g} to {self.stop:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAxis:
    """The values as they stand, in this order; also switches and texts.

    Attributes:
        set: the quantity.
        values: what it is set to.
        settle_s: seconds to wait after the quantity was set.
    """

    set: str
    values: tuple[Value, ...]
    settle_s: float = 0.0
    kind: Literal["list"] = "list"

    def problems(self) -> Iterator[str]:
        """What makes no sense about this axis, a sentence each."""
        yield from _problems(self.set, len(self.values), self.settle_s)
        if len({_sort(value) for value in self.values}) > 1:
            yield f"axis {self.set}: its values are of different kinds; give numbers, switches or texts"
        elif any(isinstance(value, float) and not np.isfinite(value) for value in self.values):
            yield f"axis {self.set}: every value must be a finite number"


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreSpanAxis:
    """Evenly spaced values around a centre, from ``centre - span/2`` to ``centre + span/2``.

    Attributes:
        set: the quantity.
        centre: the middle.
        span: from the first to the last value; negative goes downwards.
        points: how many; one point is the centre.
        settle_s: seconds to wait after the quantity was set.
    """

    set: str
    centre: float
    span: float
    points: int
    settle_s: float = 0.0
    kind: Literal["centre-span"] = "centre-span"

    @property
    def values(self) -> tuple[Value, ...]:
        """What the quantity is set to."""
        if self.points == 1:
            return (self.centre,)
        return _floats(self.centre + self.span * np.linspace(-0.5, 0.5, self.points))

    def problems(self) -> Iterator[str]:
        """What makes no sense about this axis, a sentence each."""
        yield from _problems(self.set, self.points, self.settle_s, centre=self.centre, span=self.span)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAxis:
    """An interval in which an adaptive scan chooses its values.

    Attributes:
        set: the quantity.
        low: smallest value.
        high: largest value.
        settle_s: seconds to wait after the quantity was set.
    """

    set: str
    low: float
    high: float
    settle_s: float = 0.0
    kind: Literal["range"] = "range"

    @property
    def values(self) -> tuple[Value, ...]:
        """The ends, which must be within the limits of the quantity."""
        return (self.low, self.high)

    def problems(self) -> Iterator[str]:
        """What makes no sense about this axis, a sentence each."""
        yield from _problems(self.set, 2, self.settle_s, low=self.low, high=self.high)
        if not self.low < self.high:
            yield f"axis {self.set}: low ({self.low:g}) must be below high ({self.high:g})"


Axis = LinearAxis | LogAxis | ListAxis | CentreSpanAxis | RangeAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipAxes:
    """Several quantities that move together, step by step; all have equally many values.

    Attributes:
        axes: one for each quantity.
    """

    axes: tuple[LinearAxis | LogAxis | ListAxis | CentreSpanAxis, ...]
    kind: Literal["zip"] = "zip"

    @property
    def set(self) -> str:
        """The quantities, for messages."""
        return " + ".join(axis.set for axis in self.axes)

    def problems(self) -> Iterator[str]:
        """What makes no sense about these axes, a sentence each."""
        inner = [problem for axis in self.axes for problem in axis.problems()]
        yield from inner
        if len(self.axes) < 2:
            yield "a zip needs at least two axes"
        elif not inner and len({len(axis.values) for axis in self.axes}) > 1:
            counts = ", ".join(f"{axis.set} has {len(axis.values)}" for axis in self.axes)
            yield f"axes that are zipped must have equally many values: {counts}"


Leg = Axis | ZipAxes
"""One dimension of a scan: an axis, or several that move together."""


def axes_of(leg: Leg) -> tuple[Axis, ...]:
    """The axes of one dimension."""
    return leg.axes if isinstance(leg, ZipAxes) else (leg,)


def number(value: Value) -> float:
    """A value as a number; a switch is 0 or 1.

    Raises:
        BadInput: it is a text.
    """
    if isinstance(value, str):
        raise BadInput(f"{value!r} is a text, not a number")
    return float(value)


def _floats(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    # Twelve digits: a step of 0.1 gives 0.3 and not 0.30000000000000004, a ratio of 2 gives 32, a whole number.
    return tuple(float(f"{value:.12g}") for value in values.tolist())


def _sort(value: Value) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _problems(name: str, points: int, settle_s: float, **ends: float) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"axis {name!r}: name what it sets as INSTRUMENT.QUANTITY, e.g. supply.voltage, or schedule.spacing_ns"
    if not 1 <= points <= MOST_VALUES:
        yield f"axis {name}: it has {points} values; 1 to {MOST_VALUES} are possible"
    if not 0 <= settle_s < float("inf"):
        yield f"axis {name}: settle_s is {settle_s}; it must be 0 or more"
    for end, value in ends.items():
        if not np.isfinite(value):
            yield f"axis {name}: {end} is {value}; it must be a finite number"
