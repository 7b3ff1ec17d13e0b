"""What a board holds, as far as this program has set it: sent when it differs, sent again when it was lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.values import Geometry, Schedule, Weights
from drivers.errors import ProtocolError
from drivers.exchange import Exchange
from drivers.wire import schedule_text, state_digest

_log = logging.getLogger(__name__)

POWER_UP: Final = Schedule()
"""The schedule of a board that has just been switched on (``PROTOCOL.md``, section 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """The settings of a board; None is what is not known, or has never been set.

    Attributes:
        weights: shape (rows, columns), int8.
        schedule: all of the schedule but its order.
        order: the event order, shape (rows,), uint16.
        supplied: whether the supply of the array is on.
    """

    weights: Weights | None = None
    schedule: Schedule | None = None
    order: NDArray[np.uint16] | None = None
    supplied: bool = False

    def digest(self, geometry: Geometry) -> int:
        """The state digest of a board with these settings, and its power-up state where none is known."""
        weights = np.zeros((geometry.rows, geometry.columns), np.int8) if self.weights is None else self.weights
        return state_digest((self.schedule or POWER_UP).with_order(self.order), weights)


class BoardState:
    """The settings of one board, kept the same at both ends of an exchange.

    A setting whose sending failed is not known any more, and is sent again before the board computes.

    Args:
        exchange: the conversation with the board.
        geometry: its array.
    """

    def __init__(self, exchange: Exchange, geometry: Geometry) -> None:
        self._exchange = exchange
        self._geometry = geometry
        self._setting = Setting()

    @property
    def setting(self) -> Setting:
        """What the board holds."""
        return self._setting

    def switch(self, on: bool) -> None:
        """Supply of the array on or off."""
        self._setting = replace(self._setting, supplied=False)
        self._exchange.tell("SUPPly:STATe ON" if on else "SUPPly:STATe OFF")
        self._setting = replace(self._setting, supplied=on)

    def load(self, weights: Weights) -> None:
        """Load weights, unless the board holds these already."""
        if self._setting.weights is not None and np.array_equal(self._setting.weights, weights):
            return
        self._setting = replace(self._setting, weights=None)
        self._exchange.send_block("WEIGht", weights)
        self._setting = replace(self._setting, weights=weights)

    def arrange(self, schedule: Schedule) -> None:
        """Send what differs from the schedule that the board holds."""
        held, order = self._setting, schedule.order_array(self._geometry.rows)
        if held.schedule is None or schedule_text(held.schedule) != schedule_text(schedule):
            self._setting = replace(self._setting, schedule=None)
            self._exchange.tell(f"SCHedule {schedule_text(schedule)}")
            self._setting = replace(self._setting, schedule=schedule)
        if held.order is None or not np.array_equal(held.order, order):
            self._setting = replace(self._setting, order=None)
            self._exchange.send_block("SCHedule:ORDer", order[np.newaxis])
            self._setting = replace(self._setting, order=order)

    def make_safe(self) -> None:
        """Safe state: supply off, weights zero. What was loaded counts as gone even when the board does not answer."""
        self._setting = replace(self._setting, weights=None, supplied=False)
        self._exchange.tell("SYSTem:SAFE")

    def reset(self) -> None:
        """Take control of the board and put it into its power-up state."""
        self._begin_anew()
        self._setting = Setting()

    def agrees(self) -> bool:
        """Whether the board says that it holds what this program believes."""
        return self._exchange.ask("SYSTem:STATe?") == f"{self._setting.digest(self._geometry):08X}"

    def send_again(self) -> None:
        """Send every setting to a board of which it is certain that it is the right one, but not what it holds."""
        held = self._setting
        if held.supplied and self._exchange.ask("SUPPly:STATe?") != "1":
            _log.warning("%s has been reset or power-cycled; switching it on again", self._exchange.name)
            self._exchange.tell("SUPPly:STATe ON")
        self._send(held)

    def restore(self) -> None:
        """Bring a board that has come back into the state that it had.

        It lost its weights and its supply in any case: it goes to its safe state when the connection ends.

        Raises:
            ProtocolError: the board says that it holds something else than what it was sent.
            LabctlError: the board refused or the link failed.
        """
        held = self._setting
        left = replace(held, weights=None, supplied=False).digest(self._geometry)
        if self._exchange.ask("SYSTem:STATe?") != f"{left:08X}":
            _log.warning("%s has been power-cycled or used by others; setting it again", self._exchange.name)
        self._begin_anew()
        if held.supplied:
            self._exchange.tell("SUPPly:STATe ON")
        self._send(held)
        self._read_back(held)

    def _begin_anew(self) -> None:
        self._exchange.tell("SYSTem:LOCK")
        self._exchange.tell("*RST")

    def _send(self, held: Setting) -> None:
        if held.schedule is not None:
            self._exchange.tell(f"SCHedule {schedule_text(held.schedule)}")
        if held.order is not None:
            self._exchange.send_block("SCHedule:ORDer", held.order[np.newaxis])
        if held.weights is not None:
            self._exchange.send_block("WEIGht", held.weights)

    def _read_back(self, held: Setting) -> None:
        digest = self._exchange.ask("SYSTem:STATe?")
        supplied = self._exchange.ask("SUPPly:STATe?")
        if (digest, supplied) != (f"{held.digest(self._geometry):08X}", str(int(held.supplied))):
            raise ProtocolError(
                f"the settings read back differ from what was sent (state {digest}, supply {supplied})",
                self._exchange.name,
            )
