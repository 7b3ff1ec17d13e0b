"""A scalar of an instrument as a declaration: how it is asked for and set, its unit, its limits, its age."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from data.errors import BadInput, LabctlError
from data.instrument import Quantity, Reading, Value


class Asker(Protocol):
    """Whoever can carry a question and a command to an instrument, e.g. :class:`drivers.exchange.Exchange`."""

    def ask(self, query: str) -> str:
        """The answer to a query."""
        ...

    def tell(self, command: str) -> None:
        """Carry out a command."""
        ...


@dataclass(frozen=True, slots=True)
class Parameter:
    """One scalar of an instrument.

    Attributes:
        name: its name in snapshots and files.
        label: what it is, in words.
        unit: as in UDUNITS, "1" for a number without unit, "" for a text or a switch.
        query: what asks for it.
        read: the value in an answer; raises ValueError for an answer that holds none.
        command: what sets it, with one ``{}`` for the value; empty when it can only be read.
        write: the text of a value for ``command``.
        low: smallest value that may be set.
        high: largest value that may be set.
        choices: the only values that may be set; empty where the limits say it all.
    """

    name: str
    label: str
    unit: str
    query: str
    read: Callable[[str], Value] = float
    command: str = ""
    write: Callable[[Value], str] = str
    low: float = float("-inf")
    high: float = float("inf")
    choices: tuple[Value, ...] = ()

    @property
    def quantity(self) -> Quantity:
        """What the rest of the bench sees of it."""
        return Quantity(self.name, self.label, self.unit, bool(self.command), self.low, self.high, self.choices)

    def check(self, value: Value) -> None:
        """Raise :class:`BadInput` if this value may not be set."""
        self.quantity.check(value)

    def value(self, answer: str) -> Value:
        """The value in an answer.

        Raises:
            ValueError: the answer holds none.
        """
        return self.read(answer)


def switch(text: str) -> bool:
    """The value of a parameter that is ``0`` or ``1``."""
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def zero_one(value: Value) -> str:
    """The text of a switch, as a number: every SCPI instrument takes it (SCPI-1999, volume 1, 7.3)."""
    return "1" if value else "0"


SCPI_INFINITY: Final = 9.9e37
SCPI_NAN: Final = 9.91e37
"""What a SCPI instrument answers for infinity and for "not a number" (SCPI-1999, volume 1, 7.2.1.4 and 7.2.1.5)."""


def meant(value: float) -> float:
    """What the number of a SCPI instrument stands for: infinite for an overload, NaN for no value, else itself."""
    if not abs(value) >= SCPI_INFINITY:
        return value
    return math.nan if math.isclose(value, SCPI_NAN, rel_tol=1e-4) else math.copysign(math.inf, value)


def number(text: str) -> float:
    """The value of a parameter that is a number; raises ValueError when there is none in it."""
    return meant(float(text))


def exact(value: Value) -> str:
    """The text of a number that reads back as the same number."""
    return repr(float(value))


def on_off(value: Value) -> str:
    """The text of a switch."""
    return "ON" if value else "OFF"


class Parameters:
    """The parameters of one instrument, with the values last seen.

    Args:
        instrument: carries the questions.
        declared: the parameters.
    """

    def __init__(self, instrument: Asker, declared: Iterable[Parameter]) -> None:
        self._instrument: Final = instrument
        self._declared = {parameter.name: parameter for parameter in declared}
        self._seen: dict[str, tuple[Value, float]] = {}

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """What can be read or set, by name."""
        return {name: parameter.quantity for name, parameter in self._declared.items()}

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        """The value: the one last seen when it is at most ``max_age_s`` seconds old, else asked for.

        Raises:
            BadInput: there is no such parameter.
            LabctlError: the instrument did not answer, or not with a value.
        """
        seen = self._seen.get(name)
        if seen is not None and time.monotonic() - seen[1] <= max_age_s:
            return seen[0]
        parameter = self._parameter(name)
        answer = self._instrument.ask(parameter.query)
        try:
            value = parameter.read(answer)
        except ValueError as error:
            raise LabctlError(f"the answer to {parameter.query} is no {parameter.label}: {error}") from error
        self._seen[name] = (value, time.monotonic())
        return value

    def set(self, name: str, value: Value) -> None:
        """Set a value, after its limits have been checked.

        Raises:
            BadInput: outside the limits, or the parameter can only be read; nothing has been sent.
        """
        parameter = self._parameter(name)
        parameter.check(value)
        self._seen.pop(name, None)
        self._instrument.tell(parameter.command.format(parameter.write(value)))
        self._seen[name] = (value, time.monotonic())

    def check(self, name: str, value: Value) -> None:
        """Raise :class:`BadInput` if there is no such parameter or this value may not be set."""
        self._parameter(name).check(value)

    def forget(self) -> None:
        """Trust no value seen so far."""
        self._seen.clear()

    def snapshot(self, max_age_s: float = 0.0) -> tuple[Reading, ...]:
        """Every parameter; one that cannot be read says why."""
        return tuple(self._reading(parameter, max_age_s) for parameter in self._declared.values())

    def _parameter(self, name: str) -> Parameter:
        if name not in self._declared:
            raise BadInput(f"there is no {name!r} to read or set; there are {', '.join(self._declared)}")
        return self._declared[name]

    def _reading(self, parameter: Parameter, max_age_s: float) -> Reading:
        try:
            value = self.get(parameter.name, max_age_s)
        except LabctlError as error:
            return Reading(parameter.name, None, parameter.unit, 0.0, str(error))
        return Reading(parameter.name, value, parameter.unit, time.monotonic() - self._seen[parameter.name][1])
