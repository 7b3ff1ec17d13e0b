"""Interlocks: a reading outside its band pauses or aborts the run, with hysteresis."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from data.axes import number
from data.errors import LabctlError
from data.instrument import Instrument, Value
from labctl.engine.work import Call


@dataclass(frozen=True, slots=True)
class Interlock:
    """What must hold while a run goes on.

    Attributes:
        name: of the interlock, for messages.
        quantity: what is watched, ``INSTRUMENT.QUANTITY``.
        low: smallest value that is all right.
        high: largest value that is all right.
        hysteresis: how far inside the band it must be before a paused run goes on.
        action: what happens outside the band; either makes the hardware safe.
        every_s: seconds between two readings.
    """

    name: str
    quantity: str
    low: float = -math.inf
    high: float = math.inf
    hysteresis: float = 0.0
    action: Literal["pause", "abort"] = "pause"
    every_s: float = 5.0

    def problems(self) -> Iterator[str]:
        """What makes no sense about it, a sentence each."""
        if self.quantity.count(".") != 1:
            yield f"interlock {self.name}: name its quantity as INSTRUMENT.QUANTITY, not {self.quantity!r}"
        if not self.low < self.high or (math.isinf(self.low) and math.isinf(self.high)):
            yield f"interlock {self.name}: the band {self.low:g}..{self.high:g} is none; give low, high or both"
        elif not 0 <= 2 * self.hysteresis < self.high - self.low:
            yield f"interlock {self.name}: a hysteresis of {self.hysteresis:g} leaves nothing of its band"
        if not self.every_s > 0:
            yield f"interlock {self.name}: every_s is {self.every_s:g}; it must be above 0"

    def missing(self, instruments: Mapping[str, Instrument]) -> Iterator[str]:
        """Why these instruments cannot serve it, a sentence each."""
        owner, _, name = self.quantity.partition(".")
        if owner not in instruments:
            yield f"interlock {self.name} watches {self.quantity}, but there is no instrument {owner}"
        elif name not in instruments[owner].quantities:
            yield f"interlock {self.name} watches {self.quantity}, but {owner} has no {name}"

    def trips(self, value: float, tripped: bool) -> bool:
        """Whether this reading keeps a run from going on.

        Args:
            value: what was read; NaN always trips.
            tripped: whether it was tripped before, so that the band is narrower by the hysteresis.
        """
        margin = self.hysteresis if tripped else 0.0
        return not self.low + margin <= value <= self.high - margin


class Guard:
    """One interlock during a run.

    Args:
        interlock: what must hold.
        instrument: the one that is read.
    """

    def __init__(self, interlock: Interlock, instrument: Instrument) -> None:
        self.interlock = interlock
        self.reason = ""
        self._instrument = instrument
        self._quantity = instrument.quantities[interlock.quantity.partition(".")[2]]
        self._next = -math.inf
        self._read: Value = math.nan

    @property
    def tripped(self) -> bool:
        """Whether the last reading was outside the band."""
        return bool(self.reason)

    def due_in(self) -> float:
        """Seconds until the next reading."""
        return max(0.0, self._next - time.monotonic())

    def reading(self) -> Call:
        """The call that reads it; :meth:`judge` afterwards."""
        self._next = time.monotonic() + self.interlock.every_s

        def read() -> None:
            self._read = self._instrument.get(self._quantity.name)

        return Call(f"reading {self.interlock.quantity} for interlock {self.interlock.name}", read, self._instrument)

    def judge(self, error: LabctlError | None = None) -> str:
        """Why the run may not go on, empty when it may; what cannot be read is out of its band.

        Args:
            error: why it could not be read.
        """
        lock = self.interlock
        try:
            value = number(self._read) if error is None else math.nan
        except LabctlError as second:
            error, value = second, math.nan
        if error is not None:
            self.reason = f"interlock {lock.name}: {lock.quantity} cannot be read: {error}"
        elif lock.trips(value, self.tripped):
            unit = self._quantity.unit
            band = f"{lock.low:g}..{lock.high:g} {unit}".rstrip()
            self.reason = f"interlock {lock.name}: {lock.quantity} is {value:g} {unit}".rstrip() + f", not in {band}"
        else:
            self.reason = ""
        return self.reason


class Watch:
    """All interlocks of a run."""

    def __init__(self, guards: Iterable[Guard] = ()) -> None:
        self.guards = tuple(guards)

    @classmethod
    def over(cls, interlocks: Iterable[Interlock], instruments: Mapping[str, Instrument]) -> Watch:
        """Guards for interlocks whose instruments are all there."""
        return cls(Guard(item, instruments[item.quantity.partition(".")[0]]) for item in interlocks)

    def due_in(self) -> float:
        """Seconds until the next reading is due; infinite without interlocks."""
        return min((guard.due_in() for guard in self.guards), default=math.inf)

    def due(self) -> tuple[Guard, ...]:
        """The guards whose reading is due now."""
        return tuple(guard for guard in self.guards if guard.due_in() <= 0)

    @property
    def tripped(self) -> tuple[Guard, ...]:
        """The guards that keep the run from going on."""
        return tuple(guard for guard in self.guards if guard.tripped)
