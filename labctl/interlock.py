"""An interlock as data: a reading outside its band pauses or aborts the run, with hysteresis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from data.instrument import Instrument


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
