"""A LUCIDAC as an analog computer and as an instrument of the bench."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Final, Self

from data.errors import BadInput, Problems
from data.instrument import Quantity, Value
from data.values import Identity
from drivers.address import LinkSettings, parse_address
from drivers.backend import SIMULATED, Connected, InstrumentSettings
from drivers.errors import CannotOpen, Disconnected, LinkError, ProtocolError, Refused
from drivers.link import open_link
from drivers.lucidac.circuit import INTEGRATORS, LANES, LARGEST, Circuit
from drivers.lucidac.run import Run, Samples, compute
from drivers.lucidac.session import Session
from drivers.opened import OpenInstrument, open_instrument

_log = logging.getLogger(__name__)

COEFFICIENT: Final = "coefficient_"
INITIAL: Final = "initial_"
CLOSE: Final = 0.01
"""What is read back may differ by so much, in machine units: the hardware rounds."""

QUANTITIES: Final = (
    *(Quantity(f"{INITIAL}{i}", f"initial value {i}", "1", True, -1.0, 1.0) for i in range(INTEGRATORS)),
    *(Quantity(f"{COEFFICIENT}{i}", f"coefficient {i}", "1", True, -LARGEST, LARGEST) for i in range(LANES)),
)


class LucidacDriver:
    """The driver ``lucidac``; it is a :class:`drivers.backend.Driver`."""

    def backend(self, settings: InstrumentSettings) -> LucidacBackend:
        """The computer of a bench file.

        Raises:
            Problems: settings that mean nothing here.
        """
        problems = [f"{name} is no option of lucidac" for name in settings.options]
        problems += [f"{item.name}: quantities of lucidac are known" for item in settings.quantities]
        if settings.safe:
            problems.append("lucidac knows its safe state; leave `safe` out")
        if settings.address == SIMULATED:
            problems.append("it needs an address, e.g. tcp://lucidac:5732; lucipy brings an emulator that serves one")
        if problems:
            raise Problems(f"instrument {settings.name}", problems)
        return LucidacBackend(settings)


DRIVER: Final = LucidacDriver()


class LucidacBackend:
    """A :class:`drivers.backend.Backend`: what can be set are the numbers of the circuit that is loaded."""

    def __init__(self, settings: InstrumentSettings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self._carrier = ""
        self._circuit: Circuit | None = None

    @property
    def session(self) -> Session:
        """The conversation.

        Raises:
            Disconnected: there is none.
        """
        if self._session is None:
            raise Disconnected("it is not connected", self._settings.name)
        return self._session

    @property
    def circuit(self) -> Circuit:
        """What is loaded.

        Raises:
            BadInput: nothing is.
        """
        if self._circuit is None:
            raise BadInput(f"{self._settings.name} has no circuit; load one first")
        return self._circuit

    def connect(self) -> Connected:
        """Open the link and ask for the entities; the circuit that is patched stays."""
        settings = self._settings
        target = parse_address(settings.address, LinkSettings())
        link = open_link(settings.address)
        try:
            chatty = target.kind == "serial" and not target.host
            self._session = Session(link, settings.name, timeout_s=settings.timeout_s, chatty=chatty)
            identity = self._identify()
        except BaseException:
            self._session = None
            link.close()
            raise
        return Connected(identity, QUANTITIES)

    def read(self, name: str) -> Value:
        """Ask for the configuration and take the number out of it."""
        config = self.session.request("get_circuit").get("config")
        try:
            return _number(config, name)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            what = f"its configuration holds no {name}: {type(error).__name__} {error}"
            raise ProtocolError(what, self._settings.name, "get_circuit") from error

    def write(self, name: str, value: Value) -> None:
        """Change one number of the circuit that is loaded.

        Raises:
            BadInput: no circuit is loaded, or none of its routes has that coefficient.
        """
        kind, _, index = name.rpartition("_")
        number = float(value)
        if f"{kind}_" == INITIAL:
            self.load(self.circuit.with_initial(int(index), number))
        else:
            self.load(self.circuit.with_coefficient(int(index), number))

    def load(self, circuit: Circuit) -> None:
        """Patch a circuit and read it back (see :meth:`Lucidac.load`)."""
        circuit.check()
        document = circuit.document()
        session = self.session
        with session.owned():
            # What is wanted from here on, also by a reconnection in the middle of it.
            self._circuit = circuit
            try:
                session.request("reset_circuit")
                session.request("set_circuit", {"entity": [self._carrier], "config": document})
                difference = self._difference_to(document)
                if difference:
                    raise Refused(f"it reads back differently: {difference}", self._settings.name, "set_circuit")
            except Refused:
                self._circuit = None
                raise

    def confirm(self) -> None:
        """Make sure that the circuit that was loaded is still there: other clients reach the same computer.

        Raises:
            BadInput: nothing is loaded.
            Refused: it does not keep what is loaded.
        """
        circuit = self.circuit
        difference = self._difference_to(circuit.document())
        if difference:
            _log.warning(
                "%s holds another circuit than was loaded: %s; loading it again", self.session.name, difference
            )
            self.load(circuit)

    def _difference_to(self, document: dict[str, Any]) -> str:
        """How the computer's circuit differs from a document, empty when it does not."""
        found = self.session.request("get_circuit").get("config")
        if not isinstance(found, dict) or not document.keys() <= found.keys():
            return f"it holds no {', '.join(document)}"
        return _difference(document, found, "")

    def make_safe(self) -> None:
        """Everything unpatched."""
        self._circuit = None
        self.session.request("reset_circuit")

    def close(self) -> None:
        """Let go of the link; what was loaded is remembered for the next connection."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(LinkError):
                session.link.close()

    def _identify(self) -> Identity:
        entities = self.session.request("get_entities").get("entities")
        carriers = [name.removeprefix("/") for name in entities] if isinstance(entities, dict) else []
        if len(carriers) != 1:
            raise CannotOpen(f"{self._settings.name} is no LUCIDAC: it lists {len(carriers)} carriers instead of one")
        self._carrier = carriers[0]
        says = str(self.session.request("help").get("human_readable_info", ""))
        return Identity("anabrid", "LUCIDAC", self._carrier, "", simulated="emulator" in says.lower())


class Lucidac:
    """A connected LUCIDAC; a :class:`data.computer.AnalogComputer` of circuits, runs and samples.

    Made by :func:`open_lucidac`. Several threads may call it; each call has the computer to itself.
    """

    def __init__(self, instrument: OpenInstrument, backend: LucidacBackend) -> None:
        self._instrument = instrument
        self._backend = backend

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def instrument(self) -> OpenInstrument:
        """The same computer as an instrument: its coefficients and initial values as quantities of a sweep."""
        return self._instrument

    @property
    def identity(self) -> Identity:
        """Who computes; the serial number is the address of its network card."""
        return self._instrument.identity

    def load(self, problem: Circuit) -> None:
        """Patch a circuit, and read it back.

        Raises:
            Problems: it cannot be patched; nothing has been sent.
            Refused: the computer refused it, or holds another one afterwards.
            LinkError: the link failed.
        """
        self._instrument.change(lambda: self._backend.load(problem))

    def compute(self, task: Run) -> Samples:
        """Run the circuit that is loaded; every sample, or an error (see :func:`drivers.lucidac.run.compute`).

        Raises:
            BadInput: nothing is loaded, or the run cannot be made.
            Refused: the computer refused, or ended the run before its time.
            LinkError: the link failed, or samples are missing.
        """
        circuit = self._backend.circuit
        task.check(len(circuit.probes))
        session = self._backend.session
        with session.owned():
            self._backend.confirm()
            return compute(session, task, len(circuit.probes))

    def safe(self) -> None:
        """Everything unpatched."""
        self._instrument.safe()

    def close(self) -> None:
        """Safe state if anything was loaded, then let go; may be called again."""
        self._instrument.close()


def open_lucidac(address: str, *, serial_number: str | None = None, timeout_s: float = 5.0) -> Lucidac:
    """Open the LUCIDAC at an address, e.g. ``tcp://lucidac:5732`` or a serial port.

    Args:
        address: where it is (:mod:`drivers.address`).
        serial_number: which one it must be; None takes any.
        timeout_s: how long it may take to reply, in seconds.

    Raises:
        BadInput: the address cannot be used, or something else or another one answers there.
        LinkError: the link failed meanwhile.
    """
    backend = LucidacDriver().backend(InstrumentSettings("lucidac", "lucidac", address, serial_number, timeout_s))
    return Lucidac(open_instrument("lucidac", backend, serial_number), backend)


def _number(config: Any, name: str) -> float:
    kind, _, index = name.rpartition("_")
    cluster = config["/0"]
    if f"{kind}_" == INITIAL:
        return float(cluster["/M0"]["elements"][int(index)]["ic"])
    value = float(cluster["/C"]["elements"][int(index)])
    return value * LARGEST if cluster["/I"]["upscaling"][int(index)] else value


def _difference(wanted: Any, found: Any, path: str) -> str:
    """The first place at which what was found is not what was wanted; what is not found at all does not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        parts = (
            (key, _difference(value, found[key], f"{path}/{key}")) for key, value in wanted.items() if key in found
        )
        return next((text for _, text in parts if text), "")
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        parts = (
            (str(i), _difference(w, f, f"{path}[{i}]")) for i, (w, f) in enumerate(zip(wanted, found, strict=True))
        )
        return next((text for _, text in parts if text), "")
    if isinstance(wanted, float) and isinstance(found, int | float):
        return "" if abs(wanted - found) <= CLOSE else f"{path} is {found}, not {wanted}"
    same = wanted == found or (wanted in ([], {}, None) and found in ([], {}, None))
    return "" if same else f"{path} is {found!r}, not {wanted!r}"
