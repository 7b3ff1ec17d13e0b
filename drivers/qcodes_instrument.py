"""Any instrument class of QCoDeS' as an instrument of the bench.

QCoDeS' parameters know their units, labels and limits; what the bench file says goes before that. Without any
quantities in the bench file every scalar parameter of the instrument can be read, and none can be set.
"""

from __future__ import annotations

import io
import logging
import re
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any, Final

from data.errors import BadInput, Problems
from data.instrument import Quantity, Value
from data.values import Identity
from drivers.backend import SIMULATED, Connected, InstrumentSettings, QuantitySettings, SafeStep
from drivers.declared import quantity_of
from drivers.errors import CannotOpen, Disconnected, LinkError
from drivers.foreign import (
    READ_BACK,
    Guard,
    Package,
    claim_of,
    make_safe,
    native,
    one_line,
    own_options,
    read_back,
    resource_of,
    resynchronise,
    safe_problems,
    scalar,
    translated,
    value_of,
    warnings_logged,
)

_log = logging.getLogger(__name__)

QCODES: Final = Package("QCoDeS", "qcodes.instrument_drivers", "qcodes")
IDENTITY: Final = "IDN"
"""The parameter that every instrument of QCoDeS' has; it is the identity and no quantity."""


@dataclass(frozen=True, slots=True)
class QcodesDriver:
    """A class of QCoDeS', by its path; it is a :class:`drivers.backend.Driver`."""

    path: str

    def backend(self, settings: InstrumentSettings) -> QcodesBackend:
        """The instrument of a bench file; the address ``simulated`` stands for a class that needs none.

        Raises:
            BadInput: QCoDeS or the class is not there, or the address cannot be used.
            Problems: what the file cannot say.
        """
        kind = QCODES.find(self.path)
        from qcodes.instrument import InstrumentBase

        if not issubclass(kind, InstrumentBase):
            raise BadInput(f"{self.path} is no instrument of QCoDeS'")
        problems = [
            f"{item.name}: query and command are for driver = custom"
            for item in settings.quantities
            if item.query or item.command
        ]
        problems += own_options(settings, (READ_BACK,))
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        if settings.address != SIMULATED:
            resource_of(settings)
        return QcodesBackend(kind, settings)


class QcodesBackend:
    """A :class:`drivers.backend.Backend` around one QCoDeS instrument."""

    def __init__(self, kind: type, settings: InstrumentSettings) -> None:
        self._kind = kind
        self._settings = settings
        self._instrument: Any = None
        self._idn: dict[str, str | None] = {}
        self._claim = claim_of(settings)
        self._parameters: dict[str, Any] = {}
        self._quantities: dict[str, Quantity] = {}
        self._safe_parameters: dict[str, Any] = {}
        self._guard = Guard(settings.name, QCODES.title, self._recover)

    def connect(self) -> Connected:
        """Make the QCoDeS instrument, look its parameters up and ask who it is; from here on it is nobody else's."""
        self._claim.take()
        try:
            return self._connected()
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Connected:
        settings = self._settings
        place, simulated = self._place()
        options = {name: value for name, value in settings.options.items() if name != READ_BACK}
        said = io.StringIO()
        with (
            redirect_stdout(said),  # drivers of QCoDeS print that they are connected
            warnings_logged(settings.name),
            translated(settings.name, "open", QCODES.title),
        ):
            try:
                self._instrument = self._kind(self._own_name(), **place, **options)
            except (TypeError, KeyError) as error:
                raise CannotOpen(
                    f"{self._kind.__name__} cannot be made at {settings.address}: {one_line(error)}"
                ) from error
        _log.info("%s: %s", settings.name, said.getvalue().strip())
        self._guard.fresh()
        self._look_up()
        identity = self._identity()
        identity = replace(identity, simulated=simulated)
        return Connected(identity, tuple(self._quantities.values()), read_back(settings))

    def read(self, name: str) -> Value:
        """Get the parameter from the instrument, never from QCoDeS' own cache."""
        with self._exchange(name):
            found = self._parameters[name].get()
        return value_of(found, self._quantities[name], self._settings.name)

    def write(self, name: str, value: Value) -> None:
        """Set the parameter; what its own validator refuses has not been sent."""
        self._assign(name, self._parameters[name], value)

    def make_safe(self) -> None:
        """Take the steps of the bench file."""
        make_safe(self._settings.safe, self._step)

    def close(self) -> None:
        """Close the instrument, and free its name among QCoDeS' instruments."""
        instrument, self._instrument = self._instrument, None
        try:
            if instrument is not None:
                with translated(self._settings.name, "close", QCODES.title):
                    instrument.close()
        except LinkError as error:
            _log.info("closing a connection that was lost: %s", error)
        finally:
            self._claim.let_go()

    def _own_name(self) -> str:
        """QCoDeS takes names that Python could take, each once in a process."""
        return "labctl_" + re.sub(r"\W", "_", self._settings.name)

    def _place(self) -> tuple[dict[str, object], bool]:
        if self._settings.address == SIMULATED:
            return {}, True
        resource = resource_of(self._settings)
        resource.check()
        place: dict[str, object] = {"address": resource.name, "timeout": self._settings.timeout_s}
        if resource.library:
            place["visalib"] = resource.library
        return place, resource.simulated

    def _look_up(self) -> None:
        settings = self._settings
        wanted = settings.quantities or tuple(
            QuantitySettings(name, settable=False)
            for name, parameter in self._instrument.parameters.items()
            if name != IDENTITY and _is_scalar(parameter)
        )
        problems: list[str] = []
        for item in wanted:
            parameter = self._parameter(item.attribute or item.name, problems)
            if parameter is None:
                continue
            self._parameters[item.name] = parameter
            default = _default(item.name, parameter)
            if item.settable and not parameter.settable:
                problems.append(f"{item.name} can only be read")
            self._quantities[item.name] = quantity_of(item, default)
        self._safe_parameters = {s[0]: self._parameter(s[0], problems) for s in settings.safe if isinstance(s, tuple)}
        problems += safe_problems(settings, tuple(self._quantities.values()))
        if problems:
            raise Problems(f"instrument {settings.name}", problems)

    def _parameter(self, path: str, problems: list[str]) -> Any:
        """The parameter of a path; one that is not there is a problem, and a submodule is looked up, not asked."""
        owner: Any = self._instrument
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, "submodules", {}).get(parent)
            if owner is None:
                problems.append(f"{self._kind.__name__} of QCoDeS has no submodule {parent}")
                return None
        parameter = owner.parameters.get(name)
        if parameter is None:
            known = ", ".join(key for key in owner.parameters if key != IDENTITY)
            problems.append(f"{self._kind.__name__} of QCoDeS has no parameter {path}; it has {known}")
        return parameter

    def _identity(self) -> Identity:
        with self._exchange(IDENTITY):
            found = self._idn = self._instrument.get_idn()
        parts = [str(found.get(key) or "") for key in ("vendor", "model", "serial", "firmware")]
        return Identity(parts[0], parts[1] or self._kind.__name__, parts[2], parts[3])

    def _step(self, step: SafeStep) -> None:
        if isinstance(step, tuple):
            self._assign(step[0], self._safe_parameters[step[0]], step[1])
            return
        with self._exchange(step):
            owner = self._instrument
            for part in step.removesuffix("()").split("."):
                owner = getattr(owner, part)
            owner()

    def _assign(self, name: str, parameter: Any, value: Value) -> None:
        given = native(value)
        try:
            parameter.validate(given)
        except (TypeError, ValueError, KeyError) as error:
            raise BadInput(
                f"{self._settings.name}: QCoDeS does not set {name} to {value!r}: {one_line(error)}"
            ) from error
        with self._exchange(name):
            parameter.set(given)

    def _exchange(self, command: str) -> AbstractContextManager[None]:
        if self._instrument is None:
            raise Disconnected("it is not connected", self._settings.name, command)
        return self._guard.exchange(command)

    def _recover(self) -> None:
        handle = getattr(self._instrument, "visa_handle", None)
        if handle is not None:
            name, timeout_s = self._settings.name, self._settings.timeout_s
            resynchronise(handle, name, timeout_s, register=True, is_known=self._is_known)

    def _is_known(self) -> bool:
        return bool(self._instrument.get_idn() == self._idn)


def _rank(value: Value) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _is_scalar(parameter: Any) -> bool:
    from qcodes.parameters import ArrayParameter, MultiParameter, ParameterWithSetpoints

    several = (ArrayParameter, MultiParameter, ParameterWithSetpoints)
    return bool(parameter.gettable) and not isinstance(parameter, several)


def _default(name: str, parameter: Any) -> Quantity:
    """What QCoDeS knows of a parameter. It may be set only where the bench file says so."""
    from qcodes.validators import Bool as Switch
    from qcodes.validators import Enum, Ints, Numbers, Strings

    check = parameter.vals
    unit = str(getattr(parameter, "unit", "") or "")
    label = str(getattr(parameter, "label", "") or name)
    if isinstance(check, Switch):
        return Quantity(name, label, "", choices=(False, True))
    if isinstance(check, Enum):
        choices = tuple(sorted((scalar(value) for value in check.valid_values), key=_rank))
        return Quantity(name, label, unit, choices=choices)
    if isinstance(check, Numbers | Ints):
        return Quantity(name, label, unit or "1", low=float(check.min_value), high=float(check.max_value))
    if isinstance(check, Strings):
        return Quantity(name, label, "")
    return Quantity(name, label, unit)
