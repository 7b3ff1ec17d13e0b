"""The interlocks of a run: when each is read, and what its reading means."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping

from data.axes import number
from data.errors import LabctlError
from data.instrument import Instrument, Value, in_words
from labctl.engine.work import Call
from labctl.interlock import Interlock


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
            self.reason = f"interlock {lock.name}: {lock.quantity} is {_shown(value, unit)}" + f", not in {band}"
        else:
            self.reason = ""
        return self.reason


def _shown(value: float, unit: str) -> str:
    told = in_words(value)
    return f"{value:g} {unit}".rstrip() if told is value else str(told)


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
