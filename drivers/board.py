"""The analog processor board as an :class:`data.processor.AnalogProcessor`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput, LabctlError
from data.instrument import Quantity, Reading, Value
from data.values import (
    Activations,
    Geometry,
    Identity,
    Outputs,
    Schedule,
    Weights,
    check_activations,
    check_weights,
)
from drivers.address import LinkSettings
from drivers.boardstate import BoardState
from drivers.errors import BoardError, CannotOpen, Disconnected, LinkError, NotABoard, ProtocolError, WrongBoard
from drivers.exchange import Exchange, Multiplication, Statistics
from drivers.identify import Introduction, confirm, introduce
from drivers.instrument import Parameter, Parameters, on_off, switch
from drivers.link import Deadline, Link, open_link
from drivers.reconnect import Reopen, Stop, come_back, never
from drivers.wire import state_digest

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the vectors done and the vectors in all; what it raises ends the multiplication and is passed on."""

BATCH: Final = 512
"""Vectors in a block that are sent once each; of vectors sent more often a block holds fewer."""
STATE_TRIES: Final = 3
_IN_CONTROL: Final = -203
_OTHER_STATE: Final = -250
_SUPPLY_OFF: Final = -221

PARAMETERS: Final = (
    Parameter("temperature", "board temperature", "degC", "TEMPerature?"),
    Parameter("supply_voltage", "supply voltage", "V", "SUPPly:VOLTage?"),
    Parameter("supply", "supply switch", "", "SUPPly:STATe?", switch, "SUPPly:STATe {}", on_off, choices=(False, True)),
)


class AnalogBoard:
    """A board on a link, under this program's control; made by :func:`open_board`.

    It is an :class:`data.processor.AnalogProcessor`, an :class:`data.instrument.Instrument` and
    :class:`data.instrument.Reconnectable`. Several threads may call it; each call that talks to the board has it to
    itself until it returns.

    Args:
        exchange: the conversation with it.
        introduction: who it is.
        name: its name on the bench.
        reopen: opens its link again, within so many seconds; None where nobody can.
    """

    def __init__(
        self, exchange: Exchange, introduction: Introduction, name: str = "board", reopen: Reopen | None = None
    ) -> None:
        self._exchange = exchange
        self._introduction = introduction
        self._name = name
        self._reopen = reopen
        self._parameters = Parameters(exchange, PARAMETERS)
        self._state = BoardState(exchange, introduction)
        self._closing = threading.Event()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Its name on the bench."""
        return self._name

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes, as the board gave them."""
        return self._introduction.geometry

    @property
    def identity(self) -> Identity:
        """Who the board says it is."""
        return self._introduction.identity

    @property
    def address(self) -> str:
        """Where it was opened."""
        return self._exchange.link.address

    @property
    def statistics(self) -> Statistics:
        """What the link has carried, repeated and refused so far."""
        return self._exchange.statistics

    def owned(self) -> AbstractContextManager[None]:
        """Keep other threads out for several calls that belong together."""
        return self._exchange.owned()

    def program(self, weights: Weights) -> None:
        """Load weights, shape (rows, columns); sent only when they are not what the board holds already.

        A board in its safe state is switched on again.

        Raises:
            BadInput: wrong shape or a code out of range; nothing has been sent then.
            WrongBoard: another board is there now; it has not been switched on.
            LabctlError: the board refused or the link failed.
        """
        codes = check_weights(weights, self.geometry)
        with self._exchange.owned():
            self._check_open()
            self._switch_on()
            self._state.load(codes)

    def multiply(self, activations: Activations, schedule: Schedule, progress: Progress | None = None) -> Outputs:
        """Outputs, int16 of shape (vectors, columns), of activations, shape (vectors, rows), sent by ``schedule``.

        Args:
            activations: input codes.
            schedule: how each vector is sent; settings go to the board only when they changed.
            progress: called after each batch. It is no part of the contract of analog processors.

        Raises:
            BadInput: wrong shape, a code out of range, a schedule that the board cannot honour, or no weights have
                been programmed since the board was opened or put into its safe state; nothing has been sent then.
            WrongBoard: another board is there now; nothing of what it answered is used.
            LabctlError: the board refused or the link failed.
        """
        codes = check_activations(activations, self.geometry)
        schedule.check(self.geometry)
        with self._exchange.owned():
            self._check_open()
            weights = self._state.setting.weights
            if weights is None:
                raise BadInput(f"{self._exchange.name} holds no weights; program it before multiplying")
            outputs = np.empty((len(codes), self.geometry.columns), np.int16)
            if len(codes):
                self._state.make_certain()
                self._state.arrange(schedule)
                self._multiply(codes, schedule, weights, outputs, progress)
            return outputs

    def safe(self) -> None:
        """Put the board into its safe state: supply off, weights zero. :meth:`program` ends it.

        Raises:
            LabctlError: the board refused or the link failed.
        """
        with self._exchange.owned():
            self._check_open()
            self._parameters.forget()
            self._state.make_safe()

    def temperature(self) -> float:
        """Board temperature in degrees Celsius.

        Raises:
            LabctlError: the board refused or the link failed.
        """
        return float(self.get("temperature"))

    def supply_voltage(self) -> float:
        """Supply voltage of the array in volt, as measured by the board; raises as :meth:`temperature`."""
        return float(self.get("supply_voltage"))

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """What can be read or set: temperature, supply voltage, supply switch."""
        return self._parameters.quantities

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        """A scalar of the board: the value last seen when it is at most ``max_age_s`` seconds old, else asked for.

        Raises:
            BadInput: there is no such quantity.
            LabctlError: the board refused or the link failed.
        """
        return self._parameters.get(name, max_age_s)

    def set(self, name: str, value: Value) -> None:
        """Set a scalar of the board, the ``supply``; :meth:`program` and :meth:`multiply` set everything else.

        Raises:
            BadInput: no such quantity, not settable, or outside its limits; nothing has been sent then.
            LabctlError: the board refused or the link failed.
        """
        self._parameters.check(name, value)
        with self._exchange.owned():
            self._check_open()
            self._parameters.forget()
            if value:
                self._switch_on()
            else:
                self._state.switch_off()

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        """Every scalar of the board; values at most ``max_age_s`` seconds old are not asked for again.

        Where the supply, which is read last, is off without this program's doing, who answers is asked once more, and
        nothing of what another board said is used.
        """
        readings = self._parameters.snapshot(max_age_s)
        supply_lost = self._state.setting.supplied and readings[-1].value is False
        try:
            if supply_lost:
                confirm(self._exchange, self._introduction)
        except LabctlError as error:
            return tuple(replace(reading, value=None, error=str(error)) for reading in readings)
        return readings

    def reconnect(self, deadline_s: float, stop: Stop = never) -> None:
        """Open the link again, make sure that the same board answers, and bring it into the state that it had.

        Weights, schedule and supply are set again and read back, whether the board kept its power meanwhile or not. A
        board that was in its safe state stays in it. :meth:`close` in another thread ends it.

        Args:
            deadline_s: for everything together, in seconds.
            stop: asked every 0.05 s; true ends it.

        Raises:
            WrongBoard: another board answers, or this one with another firmware; at once.
            Cancelled: ``stop`` said so, or the board was closed.
            LinkTimeout: it did not come back before the deadline; it may be tried again.
        """
        deadline = Deadline(deadline_s)
        with self._exchange.owned(deadline_s):
            self._check_open()
            if self._reopen is None:
                raise LinkError("nobody knows how to open its link again; open the board anew", self._exchange.name)
            self._parameters.forget()
            ended = self._closing.is_set
            come_back(self._exchange, self._reopen, self._state.restore, deadline.left_s, lambda: stop() or ended())

    def close(self) -> None:
        """Safe state, control given back, link closed, whatever happens; a link that is dead is only logged."""
        self._closing.set()
        with self._exchange.owned():
            if self._closed:
                return
            self._closed = True
            try:
                for command in ("SYSTem:SAFE", "SYSTem:UNLock"):
                    self._exchange.tell(command)
            except LabctlError as error:
                _log.warning("the board could not be put into its safe state on closing: %s", error)
            finally:
                self._exchange.link.close()

    def take_control(self) -> None:
        """Lock the board for this link, put it into its power-up state and switch its supply on.

        Raises:
            CannotOpen: another client is in control.
            LabctlError: the board refused or the link failed.
        """
        try:
            self._state.reset()
        except BoardError as error:
            if error.code == _IN_CONTROL:
                raise CannotOpen(
                    f"{self._exchange.name} is controlled by another client; close it there first"
                ) from error
            raise
        self._switch_on()

    def _switch_on(self) -> None:
        if self._state.switch_on():
            self._parameters.forget()

    def _check_open(self) -> None:
        if self._closed:
            raise LinkError("the board has been closed; open it again", self._exchange.name)

    def _multiply(
        self, codes: Activations, schedule: Schedule, weights: Weights, outputs: Outputs, progress: Progress | None
    ) -> None:
        size = max(1, BATCH // schedule.sends)
        state = state_digest(schedule, weights)
        done, tries_left = 0, STATE_TRIES

        def take(index: int, part: NDArray[np.int16]) -> None:
            nonlocal done, tries_left
            self._check_range(part)
            outputs[done : done + len(part)] = part
            done, tries_left = done + len(part), STATE_TRIES
            if progress is not None:
                progress(done, len(codes))

        while done < len(codes):
            batches = [codes[start : start + size] for start in range(done, len(codes), size)]
            work = Multiplication(batches, state, self.geometry.columns, self._board_s(schedule, size))
            try:
                self._exchange.multiply(work, take)
            except BoardError as error:
                tries_left -= 1
                if error.code not in (_OTHER_STATE, _SUPPLY_OFF) or not tries_left:
                    raise
                if not self._state.send_again():
                    raise  # it has forgotten nothing: somebody has switched its supply off
                _log.warning("%s; schedule and weights have been set again", error)

    def _board_s(self, schedule: Schedule, vectors: int) -> float:
        """Seconds that the array itself needs for so many vectors of full length."""
        events_ns = self.geometry.rows * schedule.sends * schedule.spacing_ns
        return vectors * (schedule.reset_ns + events_ns + schedule.settle_ns) * 1e-9

    def _check_range(self, outputs: NDArray[np.int16]) -> None:
        low, high = self.geometry.output_min, self.geometry.output_max
        if outputs.min() < low or outputs.max() > high:
            raise ProtocolError(f"an answer holds outputs outside {low}..{high}", self._exchange.name)


def open_board(
    address: str,
    *,
    serial_number: str | None = None,
    timeout_s: float = 2.0,
    settings: LinkSettings | None = None,
    name: str = "board",
) -> AnalogBoard:
    """Open the board at an address (:mod:`drivers.address`), take control of it and switch its supply on.

    Args:
        address: where it is.
        serial_number: which board it must be; None takes any.
        timeout_s: how long the board may take to begin an answer, and be silent inside one, in seconds.
        settings: settings of the link; those in the address go before them.
        name: its name on the bench.

    Raises:
        CannotOpen: the address is malformed, absent, busy or out of reach, or another client is in control.
        NotABoard: something else answers there, or nothing.
        WrongBoard: another board is there.
        LinkError: the link broke meanwhile.
    """
    link = open_link(address, settings)
    try:
        return board_with(
            Exchange(link, timeout_s=timeout_s),
            serial_number,
            name=name,
            reopen=lambda within_s: open_link(address, settings, within_s=within_s),
        )
    except BaseException:
        link.close()
        raise


def board_on(link: Link, *, serial_number: str | None = None, timeout_s: float = 2.0) -> AnalogBoard:
    """The board at the other end of an open link; as :func:`open_board`, and the link stays open on failure."""
    return board_with(Exchange(link, timeout_s=timeout_s), serial_number)


def board_with(
    exchange: Exchange, serial_number: str | None = None, *, name: str = "board", reopen: Reopen | None = None
) -> AnalogBoard:
    """The board at the other end of an exchange; as :func:`board_on`, and ``reopen`` opens its link again."""
    try:
        introduction = introduce(exchange)
    except Disconnected as error:
        raise NotABoard(f"no board at {exchange.link.address}: it hangs up when it is spoken to") from error
    found = introduction.identity.serial_number
    if serial_number is not None and found != serial_number:
        raise WrongBoard(
            f"the board at {exchange.link.address} is {found}, not {serial_number}; check the cable or the bench file"
        )
    exchange.name = f"board {found} at {exchange.link.address}"
    board = AnalogBoard(exchange, introduction, name, reopen)
    try:
        board.take_control()
    except CannotOpen:
        raise  # another client is in control, and it alone decides about the supply
    except BaseException:
        for command in ("SYSTem:SAFE", "SYSTem:UNLock"):
            with suppress(LabctlError):
                exchange.tell(command)
        raise
    _log.info("%s is %s", exchange.name, introduction.identity)
    return board
