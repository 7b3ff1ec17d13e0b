"""Instruments by declaration: what differs from one to the next, in the 20 to 40 lines that its manual takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from data.errors import Problems
from data.instrument import Quantity, Value
from data.values import Identity
from drivers.address import Address, LinkSettings, parse_address
from drivers.backend import SIMULATED, Connected, InstrumentSettings, QuantitySettings
from drivers.conversation import Conversation, Dialect
from drivers.errors import CannotOpen, Disconnected, LinkError, ProtocolError, shown
from drivers.instrument import Parameter
from drivers.link import Link, open_link


def scpi_identity(answer: str) -> Identity:
    """The four fields of ``*IDN?`` (IEEE 488.2, 10.14); fields that are missing stay empty.

    Raises:
        ValueError: there is nothing in it.
    """
    fields = [part.strip() for part in answer.split(",", 3)]
    if not any(fields):
        raise ValueError("it is empty")
    if len(fields) < 2:
        return Identity("", fields[0], "", "")
    fields += [""] * (4 - len(fields))
    return Identity(fields[0], fields[1], fields[2], fields[3])


@dataclass(frozen=True, slots=True)
class Declaration:
    """A kind of instrument; it is a :class:`drivers.backend.Driver`.

    Attributes:
        model: what it is, in words.
        parameters: what can be asked for and set.
        safe: commands that bring it to its safe state, in this order; empty only where nothing can be set.
        dialect: how its messages look.
        identify: who answers, from the answer to the identity question; raises ValueError for another kind
        simulator: file in ``drivers/simulated`` and VISA resource in it, for the address ``simulated``.
        serial_line: settings of a serial link; those in the address go before them.
    """

    model: str
    parameters: tuple[Parameter, ...]
    safe: tuple[str, ...]
    dialect: Dialect = field(default_factory=Dialect)
    identify: Callable[[str], Identity] = scpi_identity
    simulator: tuple[Path | str, str] | tuple[()] = ()
    serial_line: LinkSettings = field(default_factory=LinkSettings)

    def backend(self, settings: InstrumentSettings) -> DeclaredBackend:
        """The instrument of a bench file; the file may narrow limits and put labels in other words.

        Raises:
            Problems: settings that do not fit this instrument.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = [f"{name} is no option of {settings.driver}" for name in settings.options]
        if settings.safe:
            problems.append(f"{settings.driver} knows its safe state; leave `safe` out")
        for wanted in settings.quantities:
            problem = _misfit(wanted, known)
            if problem:
                problems.append(problem)
            else:
                known[wanted.name] = _narrowed(known[wanted.name], wanted)
        problems += [problem for item in known.values() if (problem := unlimited(item.quantity))]
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        return DeclaredBackend(replace(self, parameters=tuple(known.values())), settings)

    def address(self, settings: InstrumentSettings) -> str:
        """Where to open it.

        Raises:
            CannotOpen: it is to be simulated and has no simulator.
        """
        if settings.address != SIMULATED:
            return settings.address
        if not self.simulator:
            raise CannotOpen(f"{settings.driver} brings no simulator; give {settings.name} an address")
        file, resource = self.simulator
        path = file if isinstance(file, Path) else Path(str(resources.files("drivers") / "simulated" / file))
        return f"visa@{path}@sim:{resource}"


class DeclaredBackend:
    """A :class:`drivers.backend.Backend` that carries out a declaration over any link."""

    def __init__(self, declaration: Declaration, settings: InstrumentSettings) -> None:
        self._declaration = declaration
        self._settings = settings
        self._parameters: Mapping[str, Parameter] = {item.name: item for item in declaration.parameters}
        self._talk: Conversation | None = None

    @property
    def known(self) -> frozenset[str]:
        """Names of its quantities."""
        return frozenset(self._parameters)

    def connect(self) -> Connected:
        """Open the link and ask who is there."""
        declaration, settings = self._declaration, self._settings
        address = declaration.address(settings)
        target = parse_address(address, declaration.serial_line)
        link: Link = _open(target, declaration)
        try:
            talk = Conversation(
                link,
                declaration.dialect,
                timeout_s=settings.timeout_s,
                name=settings.name,
                streams=target.kind != "visa",
            )
            answer = talk.begin()
            identity = self._identity(answer)
        except BaseException:
            link.close()
            raise
        self._talk = talk
        simulated = target.kind == "visa" and target.library.endswith("sim")
        quantities = tuple(parameter.quantity for parameter in declaration.parameters)
        return Connected(replace(identity, simulated=simulated), quantities)

    def read(self, name: str) -> Value:
        """Ask for a quantity."""
        parameter = self._parameters[name]
        talk = self._conversation(parameter.query)
        answer = talk.ask(parameter.query)
        try:
            return parameter.value(answer)
        except ValueError as error:
            what = f"its answer {shown(answer.encode())} holds no {parameter.label}: {error}"
            raise ProtocolError(what, self._settings.name, parameter.query) from error

    def write(self, name: str, value: Value) -> None:
        """Set a quantity, and ask whether it was taken."""
        parameter = self._parameters[name]
        command = parameter.command.format(parameter.write(value))
        self._conversation(command).tell(command)

    def make_safe(self) -> None:
        """Every command to the safe state, also after one that failed; the first failure is raised at the end."""
        failures: list[Exception] = []
        for command in self._declaration.safe:
            try:
                self._conversation(command).tell(command)
            except Exception as error:  # noqa: BLE001 (whatever failed, the commands after it may still help)
                failures.append(error)
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Let go of the link."""
        talk, self._talk = self._talk, None
        if talk is not None:
            with suppress(LinkError):
                talk.link.close()

    def _identity(self, answer: str) -> Identity:
        try:
            return self._declaration.identify(answer)
        except ValueError as error:
            raise CannotOpen(
                f"{self._settings.name} names itself {shown(answer.encode())}, "
                f"which is no {self._declaration.model}: {error}"
            ) from error

    def _conversation(self, command: str) -> Conversation:
        if self._talk is None:
            raise Disconnected("it is not connected", self._settings.name, command)
        return self._talk


def _open(target: Address, declaration: Declaration) -> Link:
    if target.kind == "visa":
        from drivers.message_link import marks_messages, open_message_link  # only VISA needs pyvisa

        if marks_messages(target):
            return open_message_link(target, declaration.dialect.answer_ending.encode())
    return open_link(target.text, declaration.serial_line)


def _misfit(wanted: QuantitySettings, known: Mapping[str, Parameter]) -> str:
    parameter = known.get(wanted.name)
    if parameter is None:
        return f"it has no quantity {wanted.name}; it has {', '.join(known)}"
    if wanted.attribute or wanted.query or wanted.command or wanted.kind or wanted.choices:
        return f"{wanted.name} is known to its driver; only label, low, high and settable = false can be said of it"
    if wanted.settable and not parameter.command:
        return f"{wanted.name} can only be read"
    if wanted.unit not in (None, parameter.unit):
        return f"{wanted.name} is in {parameter.unit}, not in {wanted.unit}"
    low = parameter.low if wanted.low is None else wanted.low
    high = parameter.high if wanted.high is None else wanted.high
    if not parameter.low <= low <= high <= parameter.high:
        return f"the limits {low:g}..{high:g} of {wanted.name} are not within {parameter.low:g}..{parameter.high:g}"
    return ""


def _narrowed(parameter: Parameter, wanted: QuantitySettings) -> Parameter:
    return replace(
        parameter,
        label=wanted.label or parameter.label,
        low=parameter.low if wanted.low is None else wanted.low,
        high=parameter.high if wanted.high is None else wanted.high,
        command="" if wanted.settable is False else parameter.command,
    )


def quantity_of(settings: QuantitySettings, default: Quantity | None = None) -> Quantity:
    """The quantity that the bench file declares, what it leaves out taken from the driver's own."""
    kind = settings.kind or ("number" if default is None or default.unit else None)
    basis = default or Quantity(settings.name, settings.name.replace("_", " "), "1" if kind == "number" else "")
    choices: tuple[Value, ...] = settings.choices or ((False, True) if kind == "switch" else basis.choices)
    return Quantity(
        settings.name,
        settings.label or basis.label,
        "" if kind in ("switch", "text") else basis.unit if settings.unit is None else settings.unit,
        basis.settable if settings.settable is None else settings.settable,
        basis.low if settings.low is None else settings.low,
        basis.high if settings.high is None else settings.high,
        choices,
    )


def unlimited(quantity: Quantity) -> str:
    """Why a quantity that may be set cannot be left as declared: no limits; empty when it can."""
    if not quantity.settable or not quantity.unit or quantity.choices:
        return ""
    if quantity.low == float("-inf") or quantity.high == float("inf"):
        return f"{quantity.name} may be set, so it needs low and high: what can be set without harm"
    if quantity.low > quantity.high:
        return f"{quantity.name}: low {quantity.low:g} is above high {quantity.high:g}"
    return ""
