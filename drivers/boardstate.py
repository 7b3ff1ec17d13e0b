"""What a board holds, as far as this program has set it: sent when it differs, sent again when it was lost."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.errors import LabctlError
from data.values import Geometry, Schedule, Weights
from drivers.errors import ProtocolError, WrongBoard
from drivers.exchange import Exchange
from drivers.identify import Introduction, confirm, introduce
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

    A board whose supply is on belongs to one connection: another one that is plugged in later has its supply off and
    computes nothing. So who answers is asked before the supply is switched on and once more when it is, and whoever
    answers then is the one that computes.

    Args:
        exchange: the conversation with the board.
        known: who it is, and its array.
    """

    def __init__(self, exchange: Exchange, known: Introduction) -> None:
        self._exchange = exchange
        self._known = known
        self._geometry = known.geometry
        self._setting = Setting()
        self._certain = False

    @property
    def setting(self) -> Setting:
        """What the board holds."""
        return self._setting

    def switch_on(self) -> bool:
        """Supply of the array on, unless it is; whether it had to be switched.

        Raises:
            WrongBoard: another board is there now; it is in its safe state.
            LabctlError: the board refused or the link failed.
        """
        switched = not self._setting.supplied
        if switched:
            confirm(self._exchange, self._known)
            self._certain = False
            self._switch(True)
        self.make_certain()
        return switched

    def switch_off(self) -> None:
        """Supply of the array off; the weights stay."""
        self._switch(False)

    def make_certain(self) -> None:
        """Ask who is there, if that is in doubt since the supply was switched on; raises as :meth:`switch_on`."""
        if self._certain:
            return
        try:
            confirm(self._exchange, self._known)
        except WrongBoard:
            with suppress(LabctlError):
                self.make_safe()
            raise
        self._certain = True

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

    def send_again(self) -> bool:
        """Send every setting to a board that has forgotten them; false when it has forgotten nothing.

        Raises:
            WrongBoard: another board is there now; it is in its safe state.
            LabctlError: the board refused or the link failed.
        """
        held = self._setting
        confirm(self._exchange, self._known)
        if self._exchange.ask("SYSTem:STATe?") == f"{held.digest(self._geometry):08X}":
            return False
        self._certain = False
        if held.supplied and self._exchange.ask("SUPPly:STATe?") != "1":
            _log.warning("%s has been reset or power-cycled; switching it on again", self._exchange.name)
            self._exchange.tell("SUPPly:STATe ON")
        self._send(held)
        self.make_certain()
        return True

    def restore(self) -> None:
        """Bring a board that has come back into the state that it had.

        It lost its weights and its supply in any case: it goes to its safe state when the connection ends.

        Raises:
            WrongBoard: another board is there, or the same one with another firmware; it is in its safe state.
            ProtocolError: the board says that it holds something else than what it was sent.
            LabctlError: the board refused or the link failed.
        """
        held = self._setting
        introduce(self._exchange)
        confirm(self._exchange, self._known)
        self._certain = False
        left = replace(held, weights=None, supplied=False).digest(self._geometry)
        if self._exchange.ask("SYSTem:STATe?") != f"{left:08X}":
            _log.warning("%s has been power-cycled or used by others; setting it again", self._exchange.name)
        self._begin_anew()
        if held.supplied:
            self._exchange.tell("SUPPly:STATe ON")
        self._send(held)
        self._read_back(held)
        self.make_certain()

    def _switch(self, on: bool) -> None:
        self._setting = replace(self._setting, supplied=False)
        self._exchange.tell("SUPPly:STATe ON" if on else "SUPPly:STATe OFF")
        self._setting = replace(self._setting, supplied=on)

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
