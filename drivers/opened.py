"""An instrument of the bench: limits before anything is sent, values with their age, a safe way out, a way back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Self

from data.errors import BadInput, LabctlError
from data.instrument import Quantity, Reading, Value
from data.values import Identity
from drivers.backend import Backend, Connected
from drivers.errors import CannotOpen, Disconnected, LinkError, Refused, WrongInstrument
from drivers.link import Deadline

_log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
SAME: Final = 0.01
"""A number read back may differ by this share of its range, or of itself, from what was set: instruments round."""


class OpenInstrument:
    """A connected :class:`data.instrument.Instrument` and :class:`data.instrument.Reconnectable`.

    Several threads may call it; each call has the instrument to itself. Made by :func:`open_instrument`.
    """

    def __init__(self, name: str, backend: Backend, connected: Connected) -> None:
        self._name = name
        self._backend = backend
        self._identity = connected.identity
        self._quantities = {quantity.name: quantity for quantity in connected.quantities}
        self._read_back = connected.read_back
        self._seen: dict[str, tuple[Value, float]] = {}
        self._applied: dict[str, Value] = {}
        self._made_safe = False
        self._touched = False
        self._lock = threading.RLock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Its name on this bench."""
        return self._name

    @property
    def identity(self) -> Identity:
        """Who it says it is."""
        return self._identity

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """What can be read or set, by name."""
        return MappingProxyType(self._quantities)

    def quantity(self, name: str) -> Quantity:
        """One quantity.

        Raises:
            BadInput: there is none of that name; the sentence names those that there are.
        """
        try:
            return self._quantities[name]
        except KeyError:
            known = ", ".join(self._quantities)
            raise BadInput(f"{self._name} has no quantity {name!r}; it has {known}") from None

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        """The value: the one last seen when it is at most ``max_age_s`` seconds old, else asked for.

        Raises:
            BadInput: there is no such quantity.
            LabctlError: the instrument did not answer, or not with a value.
        """
        self.quantity(name)
        with self._lock:
            seen = self._seen.get(name)
            if seen is not None and time.monotonic() - seen[1] <= max_age_s:
                return seen[0]
            self._check_open()
            value = self._backend.read(name)
            self._seen[name] = (value, time.monotonic())
            return value

    def set(self, name: str, value: Value) -> None:
        """Set a value, after its limits have been checked; the value last seen is forgotten.

        Raises:
            BadInput: no such quantity, not settable, or outside its limits; nothing has been sent.
            LabctlError: the instrument did not take it.
        """
        self._check(name, value)
        with self._lock:
            self._check_open()
            self._seen.clear()  # one setting may move others: a current limit moves with the range
            before, was_safe = dict(self._applied), self._made_safe
            self._applied.pop(name, None)
            # Remembered before it is sent: whether a command that failed has arrived is not known.
            self._applied[name] = value
            self._made_safe, self._touched = False, True
            try:
                self._backend.write(name, value)
                if self._read_back == "always":
                    self._compare(name, value)
            except (BadInput, Refused):
                self._applied, self._made_safe = before, was_safe
                raise

    def change(self, work: Callable[[], None]) -> None:
        """Do something that its driver can do besides setting quantities; values last seen are forgotten.

        Raises:
            LabctlError: it is closed, or whatever the work raises.
        """
        with self._lock:
            self._check_open()
            self._seen.clear()
            self._made_safe, self._touched = False, True
            work()

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        """Every quantity; one that cannot be read says why, and a lost link is not waited for again and again."""
        readings: list[Reading] = []
        lost = ""
        with self._lock:
            for name in self._quantities:
                reading = self._reading(name, max_age_s, lost)
                readings.append(reading[0])
                lost = reading[1]
        return tuple(readings)

    def safe(self) -> None:
        """Go to the safe state.

        Raises:
            LabctlError: the instrument refused or the link failed.
        """
        with self._lock:
            self._check_open()
            self._seen.clear()
            self._applied.clear()
            self._made_safe = True
            self._backend.make_safe()
            self._touched = False

    def close(self) -> None:
        """Safe state if anything was set, then let go of it, whatever happens; a link that is dead is only logged."""
        with self._lock:
            if self._closed:
                return
            try:
                if self._touched:
                    self.safe()
            except LabctlError as error:
                _log.warning("%s could not be put into its safe state on closing: %s", self._name, error)
            finally:
                self.release()

    def release(self) -> None:
        """Let go of the instrument and leave it as it is set; may be called again."""
        with self._lock:
            self._closed = True
            self._backend.close()

    def reconnect(self, deadline_s: float) -> None:
        """Come back after the link was lost (see :class:`data.instrument.Reconnectable`).

        What was set is set again in the order in which it was set, and read back; an instrument that was to be in its
        safe state is put there.

        Raises:
            WrongInstrument: another instrument answers.
            LabctlError: it did not come back before the deadline, or does not hold what was set again.
        """
        deadline = Deadline(deadline_s)
        with self._lock:
            self._closed = True
            self._seen.clear()
            pause_s = FIRST_PAUSE_S
            while True:
                try:
                    self._come_back()
                except WrongInstrument:
                    raise
                except (LinkError, CannotOpen) as error:
                    self._backend.close()
                    if deadline.left_s <= pause_s:
                        raise Disconnected(f"it did not come back within {deadline_s:g} s: {error}", self._name) from (
                            error
                        )
                    _log.info("%s: %s; trying again in %.1f s", self._name, error, pause_s)
                    time.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                except BaseException:
                    self._backend.close()
                    raise
                else:
                    self._closed = False
                    return

    def _come_back(self) -> None:
        self._backend.close()
        identity = self._backend.connect().identity
        if identity != self._identity:
            self._backend.close()
            raise WrongInstrument(f"{self._name} was {self._identity}; now {identity} answers in its place")
        if self._made_safe:
            self._backend.make_safe()
        for name, value in self._applied.items():
            self._backend.write(name, value)
        if self._read_back != "never":
            for name, value in self._applied.items():
                self._compare(name, value)

    def _compare(self, name: str, value: Value) -> None:
        found = self._backend.read(name)
        if not _same(self._quantities[name], found, value):
            raise Refused(f"it reads back as {found}", self._name, f"{name} = {value}")

    def _reading(self, name: str, max_age_s: float, lost: str) -> tuple[Reading, str]:
        unit = self._quantities[name].unit
        if lost:
            return Reading(name, None, unit, 0.0, lost), lost
        try:
            value = self.get(name, max_age_s)
        except Disconnected as error:
            return Reading(name, None, unit, 0.0, str(error)), str(error)
        except LabctlError as error:
            return Reading(name, None, unit, 0.0, str(error)), ""
        return Reading(name, value, unit, time.monotonic() - self._seen[name][1]), ""

    def _check(self, name: str, value: Value) -> None:
        quantity = self.quantity(name)
        try:
            quantity.check(value)
        except BadInput as error:
            raise BadInput(f"{self._name}: {error}") from error

    def _check_open(self) -> None:
        if self._closed:
            raise Disconnected("it has been closed; open it again", self._name)


def open_instrument(name: str, backend: Backend, serial_number: str | None = None) -> OpenInstrument:
    """Connect an instrument and check that it is the right one.

    Args:
        name: its name on the bench.
        backend: what its driver made of its settings.
        serial_number: which one it must be; None takes any.

    Raises:
        WrongInstrument: another one answers.
        BadInput: it is not there, or a setting cannot be used.
        LinkError: the link failed meanwhile.
    """
    connected = backend.connect()
    found = connected.identity
    if serial_number is not None and found.serial_number != serial_number:
        backend.close()
        raise WrongInstrument(f"{name} is {found}, not {serial_number}; check the cable or the bench file")
    return OpenInstrument(name, backend, connected)


def _same(quantity: Quantity, found: Value, wanted: Value) -> bool:
    if isinstance(found, str) or isinstance(wanted, str) or not quantity.unit:
        return found == wanted
    spread = quantity.high - quantity.low
    scale = abs(wanted) if spread == float("inf") else max(abs(wanted), spread)
    return abs(found - wanted) <= SAME * scale
