"""The state of one emulated board: supply, schedule, weights, control, and its own time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.values import Geometry, Outputs, Schedule, check_activations, check_weights
from drivers.emulator.array import SynapseArray
from drivers.emulator.chip import Draws, draw_chip
from drivers.emulator.drift import draw_weather
from drivers.emulator.strengths import Strengths
from drivers.wire import state_digest

MAKER, MODEL, FIRMWARE = "labctl", "EmulatedBoard", "1.0.0"
WEIGHT_LOAD_NS = 1_000_000
COMMAND_NS = 10_000
NOMINAL_VOLT = 1.2


class Refused(Exception):
    """A command that the board does not carry out: an error code and its text."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(f"{code}: {text}")


class Board:
    """One board, shared by all its connections; for use by one thread at a time.

    Clients are told apart by any object that is theirs alone.
    """

    def __init__(self, seed: int, strengths: Strengths) -> None:
        self.seed = seed
        self._weather = draw_weather(seed, strengths)
        self._array = SynapseArray(draw_chip(seed, strengths), self._weather)
        self._geometry = strengths.geometry
        self._volt = NOMINAL_VOLT * (1 + 0.005 * float(Draws(seed).spread("supply", 1)[0]))
        self._time_ns = 0
        self._owner: object | None = None
        self.supply = False
        # As the array begins.
        self._schedule, self._weights = Schedule(), self._no_weights()
        self._digest = state_digest(self._schedule, self._weights)

    @property
    def geometry(self) -> Geometry:
        """Size of the array."""
        return self._geometry

    @property
    def schedule(self) -> Schedule:
        """The schedule in force."""
        return self._schedule

    @property
    def digest(self) -> int:
        """The state digest (``PROTOCOL.md``, section 4)."""
        return self._digest

    def warm_up(self) -> None:
        """Compile what this board's physics needs."""
        self._array.warm_up()

    def close(self) -> None:
        """Let go of the threads that compute."""
        self._array.close()

    def celsius(self) -> float:
        """Board temperature in degrees Celsius, now in board time."""
        return self._weather.celsius(self._time_ns)

    def volt(self) -> float:
        """Supply voltage of the array in volt."""
        return self._volt if self.supply else 0.0

    def take_control(self, client: object) -> None:
        """Give control to ``client``; :class:`Refused` when another client has it."""
        if self._owner is not None and self._owner is not client:
            raise Refused(-203, "another client is in control")
        self._owner = client

    def control(self, client: object) -> int:
        """0 when nobody is in control, 1 for ``client``, 2 for another."""
        return 0 if self._owner is None else 1 if self._owner is client else 2

    def give_up_control(self, client: object) -> None:
        """Take control from ``client`` if it has it; the settings stay."""
        if self._owner is client:
            self._owner = None

    def part(self, client: object) -> None:
        """The connection of ``client`` has ended: safe state if it was in control."""
        if self._owner is client:
            self._owner = None
            self.make_safe()

    def reset(self) -> None:
        """Power-up state."""
        self.make_safe()
        self._set(Schedule(), self._weights)

    def make_safe(self) -> None:
        """Supply off, weights zero."""
        self.supply = False
        self._set(self._schedule, self._no_weights())

    def switch_supply(self, on: bool) -> None:
        """Supply of the array on or off."""
        self.supply = on
        self._time_ns += COMMAND_NS

    def arrange(self, schedule: Schedule) -> None:
        """All of the schedule but its order."""
        self._set(self._checked(schedule.with_order(self._schedule.order)), self._weights)

    def arrange_order(self, order: NDArray[np.integer]) -> None:
        """The order of events, row indices."""
        self._set(self._checked(replace(self._schedule, order=tuple(order.tolist()))), self._weights)

    def program(self, weights: NDArray[np.integer]) -> None:
        """Load weights, shape (rows, columns)."""
        try:
            codes = check_weights(weights, self._geometry)
        except BadInput as problem:
            raise Refused(-222, str(problem)) from None
        self._set(self._schedule, codes)
        self._time_ns += WEIGHT_LOAD_NS

    def multiply(self, activations: NDArray[np.integer], digest: int) -> Outputs:
        """Outputs of activations, shape (vectors, rows), if the sender's digest is the board's."""
        if digest != self._digest:
            raise Refused(-250, f"state digest differs, the board has {self._digest:08X}")
        if not self.supply:
            raise Refused(-221, "settings conflict, the supply is off")
        try:
            codes = check_activations(activations, self._geometry)
        except BadInput as problem:
            raise Refused(-222, str(problem)) from None
        outputs, duration = self._array.multiply(codes, self._time_ns)
        self._time_ns += duration
        return outputs

    def _checked(self, schedule: Schedule) -> Schedule:
        try:
            schedule.check(self._geometry)
        except BadInput as problem:
            raise Refused(-222, str(problem)) from None
        return schedule

    def _set(self, schedule: Schedule, weights: NDArray[np.int8]) -> None:
        if schedule != self._schedule:
            self._array.arrange(schedule)
        if weights is not self._weights:
            self._array.program(weights)
        self._schedule, self._weights = schedule, weights
        self._digest = state_digest(schedule, weights)
        self._time_ns += COMMAND_NS

    def _no_weights(self) -> NDArray[np.int8]:
        return np.zeros((self._geometry.rows, self._geometry.columns), np.int8)
