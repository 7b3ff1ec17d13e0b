"""Any instrument class of PyMeasure's as an instrument of the bench.

The bench file names the class, and of its properties those that the bench uses, with their units, limits and the safe
state: PyMeasure keeps units in its documentation and limits, where it has any, in validators of which some clip
silently. Its validators still have their say.
"""

from __future__ import annotations

import difflib
import inspect
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from data.errors import BadInput, Problems
from data.instrument import Quantity, Value
from data.values import Identity
from drivers.backend import Connected, InstrumentSettings, SafeStep
from drivers.conversation import MOST_ERRORS
from drivers.declared import quantity_of, scpi_identity
from drivers.errors import CannotOpen, Disconnected, LinkError, ProtocolError, Refused
from drivers.foreign import (
    READ_BACK,
    Guard,
    Package,
    Resource,
    claim_of,
    make_safe,
    native,
    one_line,
    own_options,
    read_back,
    resource_of,
    resynchronise,
    safe_problems,
    translated,
    value_of,
    warnings_logged,
)

_log = logging.getLogger(__name__)

PYMEASURE: Final = Package("PyMeasure", "pymeasure.instruments", "pymeasure")
CHECK_ERRORS: Final = "check_errors"
"""The option by which a class is not asked for its errors: where it inherits that and the instrument cannot do it."""
OURS: Final = (CHECK_ERRORS, READ_BACK)
"""Options that are ours; the others go to the constructor of the class."""


@dataclass(frozen=True, slots=True)
class PymeasureDriver:
    """A class of PyMeasure's, by its path; it is a :class:`drivers.backend.Driver`."""

    path: str

    def backend(self, settings: InstrumentSettings) -> PymeasureBackend:
        """The instrument of a bench file.

        Raises:
            BadInput: PyMeasure or the class is not there, or the address cannot be used.
            Problems: what the file has not said, or cannot say.
        """
        kind = PYMEASURE.find(self.path)
        from pymeasure.instruments import Instrument

        if not issubclass(kind, Instrument):
            raise BadInput(f"{self.path} is no instrument of PyMeasure's")
        quantities = tuple(quantity_of(item) for item in settings.quantities)
        problems = safe_problems(settings, quantities)
        problems += [
            f"{item.name}: query and command are for driver = custom"
            for item in settings.quantities
            if item.query or item.command
        ]
        if not quantities:
            problems.append("it has no quantities; add [instruments.NAME.quantities.PROPERTY] with a unit")
        problems += own_options(settings, OURS)
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        return PymeasureBackend(kind, settings, quantities, resource_of(settings))


class PymeasureBackend:
    """A :class:`drivers.backend.Backend` around one PyMeasure instrument."""

    def __init__(
        self, kind: type, settings: InstrumentSettings, quantities: tuple[Quantity, ...], resource: Resource
    ) -> None:
        self._kind = kind
        self._settings = settings
        self._resource = resource
        self._quantities = {quantity.name: quantity for quantity in quantities}
        self._attributes = {item.name: item.attribute or item.name for item in settings.quantities}
        self._instrument: Any = None
        self._idn = ""
        self._claim = claim_of(settings)
        self._guard = Guard(settings.name, PYMEASURE.title, self._recover)

    @property
    def known(self) -> frozenset[str]:
        """Names of its quantities."""
        return frozenset(self._quantities)

    def connect(self) -> Connected:
        """Make the PyMeasure instrument, look its properties up and ask who it is; from here on it is nobody else's."""
        self._claim.take()
        try:
            return self._connected()
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Connected:
        settings = self._settings
        self._resource.check()
        with warnings_logged(settings.name), translated(settings.name, "open", "PyMeasure"):
            try:
                self._instrument = self._made(self._arguments())
            except (TypeError, ValueError) as error:
                raise CannotOpen(
                    f"{self._kind.__name__} cannot be made at {settings.address}: {one_line(error)}"
                ) from error
        steps = [step.removesuffix("()") if isinstance(step, str) else step[0] for step in settings.safe]
        paths = dict.fromkeys([*self._attributes.values(), *steps])
        problems = [problem for path in paths if (problem := self._missing(path))]
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        self._guard.fresh()
        identity = self._identity()
        self._empty_errors("before it was opened")
        identity = replace(identity, simulated=self._resource.simulated)
        return Connected(identity, tuple(self._quantities.values()), read_back(settings))

    def read(self, name: str) -> Value:
        """Get the property."""
        with self._exchange(name):
            owner, attribute = self._owner(self._attributes[name])
            found = getattr(owner, attribute)
        return value_of(found, self._quantities[name], self._settings.name)

    def write(self, name: str, value: Value) -> None:
        """Set the property; what PyMeasure's own validator refuses has not been sent."""
        self._assign(name, self._attributes[name], value)

    def make_safe(self) -> None:
        """Take the steps of the bench file."""
        make_safe(self._settings.safe, self._step)

    def close(self) -> None:
        """Close the adapter; PyMeasure's ``shutdown`` is a step of the safe state where the bench file says so."""
        instrument, self._instrument = self._instrument, None
        try:
            if instrument is not None:
                with translated(self._settings.name, "close", "PyMeasure"):
                    instrument.adapter.close()
        except LinkError as error:
            _log.info("closing a connection that was lost: %s", error)
        finally:
            self._claim.let_go()

    @property
    def _scpi(self) -> bool:
        from pymeasure.instruments import SCPIMixin

        return isinstance(self._instrument, SCPIMixin) or bool(getattr(self._instrument, "SCPI", False))

    @property
    def _checks_errors(self) -> bool:
        return self._scpi and self._settings.options.get(CHECK_ERRORS, True) is True

    def _made(self, arguments: dict[str, object]) -> Any:
        """The instrument; a class that sets a timeout of its own keeps it."""
        try:
            return self._kind(self._resource.name, **arguments)
        except TypeError as error:
            if "multiple values" not in str(error) or "'timeout'" not in str(error):
                raise
            return self._kind(self._resource.name, **{k: v for k, v in arguments.items() if k != "timeout"})

    def _arguments(self) -> dict[str, object]:
        """What goes to the constructor besides the resource; settings of the link only where it hands them on."""
        given = {name: value for name, value in self._settings.options.items() if name not in OURS}
        parameters = inspect.signature(self._kind).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            link: dict[str, object] = {"timeout": int(self._settings.timeout_s * 1000)}
            if self._resource.library:
                link["visa_library"] = self._resource.library
            if self._resource.baud is not None and "?" in self._settings.address:
                link["baud_rate"] = self._resource.baud
            return {**link, **given}
        if self._resource.library:
            raise CannotOpen(f"{self._kind.__name__} takes no VISA library; write the address as visa:RESOURCE")
        return given

    def _identity(self) -> Identity:
        plain = Identity(self._kind.__module__.split(".")[-2], self._kind.__name__, "", "")
        if not self._scpi:
            return plain
        try:
            with self._exchange("id"):
                self._idn = str(self._instrument.id)
            return scpi_identity(self._idn)
        except ProtocolError as error:  # the class inherits `id`, and its instrument has none that it could read
            _log.warning("%s is taken without an identity: %s", self._settings.name, error)
            return plain
        except ValueError:
            return plain

    def _step(self, step: SafeStep) -> None:
        if isinstance(step, tuple):
            self._assign("safe", *step)
            return
        with self._exchange(step):
            owner, attribute = self._owner(step.removesuffix("()"))
            getattr(owner, attribute)()

    def _assign(self, name: str, path: str, value: Value) -> None:
        with self._exchange(name):
            owner, attribute = self._owner(path)
            try:
                setattr(owner, attribute, native(value))
            except UnicodeDecodeError:
                raise  # of an answer: something has been sent
            except (ValueError, TypeError, AttributeError) as error:
                raise BadInput(
                    f"{self._settings.name}: PyMeasure does not set {path} to {value!r}: {one_line(error)}"
                ) from error
            errors = self._errors(path) if self._checks_errors else []
        if errors:
            raise Refused("; ".join(errors), self._settings.name, f"{path} = {value}")

    def _errors(self, command: str) -> list[str]:
        with translated(self._settings.name, command, "PyMeasure"):
            try:
                entries = self._queue() if self._has_queue else self._instrument.check_errors() or ()
            except NotImplementedError:
                return []  # the class inherits it, and says that its instrument cannot do it
            return [_entry(entry) for entry in entries]

    @property
    def _has_queue(self) -> bool:
        """Whether the class asks for its errors as SCPI has it."""
        from pymeasure.instruments import SCPIMixin

        return getattr(type(self._instrument), "check_errors", None) is SCPIMixin.check_errors

    def _queue(self) -> list[object]:
        """As PyMeasure does it, but not for ever."""
        found: list[object] = []
        while len(found) < MOST_ERRORS:
            entry = self._instrument.next_error
            if int(entry[0]) == 0:
                return found
            found.append(entry)
        raise ProtocolError(f"the error queue does not end after {MOST_ERRORS} entries", self._settings.name)

    def _owner(self, path: str) -> tuple[Any, str]:
        *parents, attribute = path.split(".")
        owner = self._instrument
        for parent in parents:
            owner = getattr(owner, parent)
        return owner, attribute

    def _missing(self, path: str) -> str:
        """Why a property cannot be used; looking it up asks the instrument nothing."""
        owner: Any = self._instrument
        *parents, last = path.split(".")
        for depth, part in enumerate([*parents, last]):
            if inspect.getattr_static(owner, part, None) is None and part not in dir(owner):
                near = difflib.get_close_matches(part, dir(owner), 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                return f"{type(owner).__name__} of PyMeasure has no {part}{hint}"
            if depth < len(parents):
                owner = getattr(owner, part)
        return ""

    def _exchange(self, command: str) -> AbstractContextManager[None]:
        if self._instrument is None:
            raise Disconnected("it is not connected", self._settings.name, command)
        return self._guard.exchange(command)

    def _recover(self) -> None:
        connection = getattr(self._instrument.adapter, "connection", None)
        if not hasattr(connection, "visalib"):
            raise Disconnected("it is out of step after a failure; reconnect it", self._settings.name)
        name, timeout_s, scpi = self._settings.name, self._settings.timeout_s, self._scpi
        resynchronise(connection, name, timeout_s, register=scpi, is_known=self._is_known if scpi else None)
        self._empty_errors("while the link was out of step")

    def _empty_errors(self, when: str) -> None:
        """What the queue holds is of the past: it must not be blamed on the next command."""
        if self._checks_errors:
            for text in self._errors("check_errors"):
                _log.warning("%s reported %s: %s", self._settings.name, when, text)

    def _is_known(self) -> bool:
        return str(self._instrument.id) == self._idn


def _entry(entry: object) -> str:
    """One entry of an error queue: PyMeasure gives code and text as a list, or a text."""
    if isinstance(entry, list | tuple):
        return " ".join(f"{part:g}" if isinstance(part, float) else str(part).strip() for part in entry)
    return str(entry)
