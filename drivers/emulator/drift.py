"""Slow drift and temperature as functions of board time.

Board time is what the board has spent on its own work, in nanoseconds. It never follows the wall clock, so that the
same requests give the same answers for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.emulator.chip import Draws
from drivers.emulator.strengths import Strengths

PERIODS_S = (7.0, 31.0, 173.0)
TYPICAL_CELSIUS = 35.0
GAIN_PER_KELVIN = -0.001

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Wander:
    """A slow signal about 0 whose root mean square over long times is ``size``: a sum of three slow waves."""

    size: float
    phases: tuple[float, float, float]

    def at(self, time_ns: NDArray[np.int64]) -> Floats:
        """The signal at board times, same shape."""
        total = np.zeros(time_ns.shape)
        for period, phase in zip(PERIODS_S, self.phases, strict=True):
            total += np.sin(time_ns * (2 * math.pi / (period * 1e9)) + phase)
        return total * (self.size * math.sqrt(2 / len(PERIODS_S)))


@dataclass(frozen=True)
class Weather:
    """What changes slowly on one board: temperature, gain and offset."""

    temperature: Wander
    gain: Wander
    offset: Wander

    def celsius(self, time_ns: int) -> float:
        """Board temperature in degrees Celsius."""
        return TYPICAL_CELSIUS + float(self.temperature.at(np.array([time_ns]))[0])

    def gain_at(self, time_ns: NDArray[np.int64]) -> Floats:
        """The factor on every charge, drift and temperature together."""
        return (1 + self.gain.at(time_ns)) * (1 + GAIN_PER_KELVIN * self.temperature.at(time_ns))

    def offset_at(self, time_ns: NDArray[np.int64]) -> Floats:
        """How far offsets have drifted, in units of each column's own drift."""
        return self.offset.at(time_ns)


def draw_weather(seed: int, strengths: Strengths) -> Weather:
    """The weather of a seed."""
    draws = Draws(seed)

    def wander(name: str, size: float) -> Wander:
        first, second, third = draws.stream(name).uniform(0, 2 * math.pi, 3)
        return Wander(size, (float(first), float(second), float(third)))

    return Weather(
        temperature=wander("temperature", strengths.of("temperature")),
        gain=wander("gain drift", strengths.of("drift") / 100),
        offset=wander("offset drift", 1.0 if strengths.uses("drift") else 0.0),
    )
