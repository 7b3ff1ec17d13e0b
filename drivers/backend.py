"""What a driver brings: the little that differs between one way of talking to an instrument and another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from data.instrument import Quantity, Value
from data.values import Identity

SafeStep = str | tuple[str, Value]
"""A step on the way to a safe state: a method or a command by its text, or an attribute and its value."""

Kind = Literal["number", "switch", "text"]

SIMULATED = "simulated"
"""The address that stands for the simulator which a driver brings along."""


@dataclass(frozen=True, slots=True)
class QuantitySettings:
    """What the bench file says of one quantity; None and empty where it says nothing.

    Attributes:
        name: its name on this bench.
        attribute: its name in the driver; empty for the same.
        query: what asks for it, where the bench file is the driver.
        command: what sets it, with one ``{}`` for the value, where the bench file is the driver.
        label: what it is, in words.
        unit: its unit.
        kind: what its values are.
        settable: whether it may be set.
        low: smallest value that may be set.
        high: largest value that may be set.
        choices: the only values that may be set.
    """

    name: str
    attribute: str = ""
    query: str = ""
    command: str = ""
    label: str = ""
    unit: str | None = None
    kind: Kind | None = None
    settable: bool | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class InstrumentSettings:
    """What the bench file says of one instrument.

    Attributes:
        name: its name on this bench.
        driver: which driver (:mod:`drivers.registry`).
        address: where it is (:mod:`drivers.address`), or ``simulated``.
        serial_number: which one it must be; None takes any.
        timeout_s: how long it may take to answer, in seconds.
        quantities: what the file says of its quantities.
        safe: the steps to its safe state, where the driver does not know it.
        options: what the driver takes besides.
    """

    name: str
    driver: str
    address: str = SIMULATED
    serial_number: str | None = None
    timeout_s: float = 2.0
    quantities: tuple[QuantitySettings, ...] = ()
    safe: tuple[SafeStep, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connected:
    """What is known of an instrument once it has answered.

    Attributes:
        identity: who it is.
        quantities: what can be read or set.
        read_back: when what was set is read back and must be the same: after every setting, where the driver does not
            learn otherwise whether it was taken; only after a reconnection; or never, where a setting reads as
            something else.
    """

    identity: Identity
    quantities: tuple[Quantity, ...]
    read_back: Literal["always", "reconnected", "never"] = "reconnected"


class Backend(Protocol):
    """One instrument as its driver reaches it; called by one thread at a time.

    Every failure is a :class:`drivers.errors.LinkError` of one of its three kinds or a
    :class:`drivers.errors.Refused`; after one, the backend makes sure by itself that a late answer never answers the
    next question.
    """

    def connect(self) -> Connected:
        """Open the link, which is closed so far, and ask who is there; nothing is changed.

        Raises:
            BadInput: the address or a setting cannot be used, or something else answers there.
            LinkError: the link failed meanwhile; it is closed again.
        """
        ...

    def read(self, name: str) -> Value:
        """Ask for a quantity."""
        ...

    def write(self, name: str, value: Value) -> None:
        """Set a quantity to a value within its limits, and make sure that it was taken."""
        ...

    def make_safe(self) -> None:
        """Go to the safe state."""
        ...

    def close(self) -> None:
        """Let go of the link; may be called again, and when there is none."""
        ...


@runtime_checkable
class KnowsQuantities(Protocol):
    """A backend that knows before it is connected what its instrument has."""

    @property
    def known(self) -> frozenset[str]:
        """Names of its quantities."""
        ...


class Driver(Protocol):
    """A kind of instrument; what the entry points of the group ``labctl.instruments`` name."""

    def backend(self, settings: InstrumentSettings) -> Backend:
        """The instrument of a bench file, not yet connected.

        Raises:
            BadInput: settings that this driver cannot use; all of them at once.
        """
        ...
