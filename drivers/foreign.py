"""What the drivers of PyMeasure and of QCoDeS have in common: finding a class, its failures, its values, its VISA link.

Both talk through pyvisa by themselves. Their failures are pyvisa's, pyserial's and the system's, and whatever their
parsing raises; here they become one of ours.
"""

from __future__ import annotations

import importlib
import logging
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from data.errors import BadInput, LabctlError
from data.instrument import Quantity, Value
from drivers.address import LinkSettings, parse_address
from drivers.backend import SIMULATED, InstrumentSettings, SafeStep
from drivers.declared import unlimited
from drivers.errors import CannotOpen, Disconnected, LinkTimeout, ProtocolError, Refused
from drivers.instrument import meant
from drivers.lock import Claim

_log = logging.getLogger(__name__)

SLICE_MS: Final = 50
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Package:
    """A package of drivers.

    Attributes:
        title: its name for people.
        home: where its classes are; a path that is not found there is looked for as it stands.
        extra: the extra of labctl's that installs it.
    """

    title: str
    home: str
    extra: str

    def find(self, path: str) -> type:
        """The class of a path such as ``keithley.Keithley2000``.

        Raises:
            BadInput: the package is not installed, or has no such class.
        """
        try:
            importlib.import_module(self.home)
        except ImportError as error:
            raise BadInput(f'{self.title} is not installed; type `pip install "labctl[{self.extra}]"`') from error
        module, _, name = path.rpartition(".")
        failures = []
        for place in (f"{self.home}.{module}".rstrip("."), module):
            try:
                found = getattr(importlib.import_module(place), name) if place and name else None
            except (ImportError, AttributeError, ValueError) as error:
                failures.append(str(error))
                continue
            if isinstance(found, type):
                return found
        raise BadInput(f"{self.title} has no class {path or '(empty)'}: {'; '.join(dict.fromkeys(failures)) or path}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A VISA resource and the library that reaches it, both as pyvisa spells them."""

    name: str
    library: str
    baud: int | None = None

    @property
    def simulated(self) -> bool:
        """Whether pyvisa-sim stands in for it."""
        return self.library.endswith("@sim")

    def check(self) -> None:
        """Raise :class:`CannotOpen` if it is simulated by a file that does not have it."""
        if self.simulated:
            from drivers.simulation import check_simulated  # here: pyvisa is not loaded before it is needed

            check_simulated(self.library, self.name)


def resource_of(settings: InstrumentSettings) -> Resource:
    """The VISA resource of an address; serial ports and sockets are reached through pyvisa-py.

    Raises:
        CannotOpen: the address is malformed or stands for no single instrument.
    """
    if settings.address == SIMULATED:
        raise CannotOpen(f"{settings.driver} brings no simulator; give {settings.name} the address visa@FILE@sim:NAME")
    target = parse_address(settings.address, LinkSettings())
    if target.kind == "visa":
        library = f"@{target.library}" if target.library and "@" not in target.library else target.library
        return Resource(target.target, library)
    if target.kind == "tcp":
        return Resource(f"TCPIP0::{target.host}::{target.port}::SOCKET", "@py")
    if target.host:
        raise CannotOpen(f"{settings.address}: {settings.driver} cannot use socket:// and rfc2217://; write tcp://")
    return Resource(f"ASRL{target.target}::INSTR", "@py", target.settings.baud)


def claim_of(settings: InstrumentSettings) -> Claim:
    """The lock of an instrument; a class that needs no address has none.

    Raises:
        CannotOpen: the address is malformed.
    """
    if settings.address == SIMULATED:
        return Claim(None)
    return Claim(parse_address(settings.address, LinkSettings()))


@contextmanager
def translated(name: str, command: str, package: str) -> Iterator[None]:
    """Turn what a foreign driver raises into one of the three errors of a conversation."""
    import pyvisa

    try:
        yield
    except LabctlError:
        raise
    except pyvisa.VisaIOError as error:
        if error.error_code == pyvisa.constants.StatusCode.error_timeout:
            raise LinkTimeout("no answer in time", name, command) from error
        raise Disconnected(f"VISA reports {one_line(error)}", name, command) from error
    except TimeoutError as error:
        raise LinkTimeout("no answer in time", name, command) from error
    except (OSError, pyvisa.Error) as error:
        raise Disconnected(f"the connection is lost: {one_line(error)}", name, command) from error
    except Exception as error:
        raise ProtocolError(f"{package} failed: {type(error).__name__}: {one_line(error)}", name, command) from error


class Guard:
    """Around every exchange of a foreign driver: its failures become ours, and after one the link is made sure of.

    Args:
        name: the instrument's name.
        package: the package's title.
        recover: makes sure that no late answer is left; called before the exchange after one that failed.
    """

    def __init__(self, name: str, package: str, recover: Callable[[], None]) -> None:
        self._name = name
        self._package = package
        self._recover = recover
        self._suspect = False

    def fresh(self) -> None:
        """The link has been opened anew."""
        self._suspect = False

    @contextmanager
    def exchange(self, command: str) -> Iterator[None]:
        """One exchange.

        Raises:
            LinkError: one of its three kinds, with the command.
        """
        try:
            with translated(self._name, command, self._package):
                if self._suspect:
                    self._recover()
                    self._suspect = False
                yield
        except (BadInput, Refused):
            raise
        except BaseException:
            self._suspect = True
            raise


@contextmanager
def warnings_logged(name: str) -> Iterator[None]:
    """Write the warnings of a foreign driver to our log instead of the user's screen."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for item in caught:
        _log.info("%s: %s: %s", name, item.category.__name__, item.message)


def scalar(found: object) -> Value:
    """One value as ours.

    Raises:
        ValueError: it is not one scalar.
    """
    if isinstance(found, Enum):
        return found.name
    if hasattr(found, "magnitude"):  # a quantity of pint's; its unit is what the bench file says
        found = found.magnitude
    if hasattr(found, "item") and getattr(found, "size", 1) == 1:
        found = found.item()
    if isinstance(found, bool | str):
        return found
    if isinstance(found, int | float):
        return float(found)
    raise ValueError(f"{type(found).__name__} {str(found)[:60]!r} is not one number, switch or text")


def native(value: Value) -> bool | int | float | str:
    """A value as foreign drivers take it: some write whole numbers with formats that refuse a float."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def value_of(found: object, quantity: Quantity, instrument: str) -> Value:
    """A value that fits the quantity it belongs to.

    Raises:
        ProtocolError: it does not.
    """
    try:
        value = scalar(found)
    except ValueError as error:
        raise ProtocolError(f"the {quantity.label} is no scalar: {error}", instrument, quantity.name) from error
    if quantity.unit and isinstance(value, bool | str):
        raise ProtocolError(f"the {quantity.label} is {value!r}, which is no number", instrument, quantity.name)
    if quantity.choices and all(isinstance(choice, bool) for choice in quantity.choices) and value in (0, 1):
        return bool(value)
    return meant(value) if quantity.unit and isinstance(value, float) else value


def safe_problems(settings: InstrumentSettings, quantities: tuple[Quantity, ...]) -> list[str]:
    """What a bench file has not said of an instrument whose driver knows neither limits nor a safe state."""
    problems = [problem for quantity in quantities if (problem := unlimited(quantity))]
    if not settings.safe and any(quantity.settable for quantity in quantities):
        problems.append('it can be set, so it needs `safe`, e.g. safe = [{output_enabled = false}, "shutdown"]')
    return problems


READ_BACK: Final = "read_back"
"""The option of the bench file by which settings are not read back: where what is set reads as something else."""


def read_back(settings: InstrumentSettings) -> Literal["always", "never"]:
    """Whether what is set is read back: foreign drivers clip, round and drop without a word."""
    return "always" if settings.options.get(READ_BACK, True) else "never"


def own_options(settings: InstrumentSettings, known: tuple[str, ...]) -> list[str]:
    """What is wrong with the options that are ours and not the driver's."""
    return [f"{name} is true or false" for name in known if not isinstance(settings.options.get(name, True), bool)]


def make_safe(steps: tuple[SafeStep, ...], take: Callable[[SafeStep], None]) -> None:
    """Every step, also after one that failed; the first failure is raised at the end."""
    failures: list[Exception] = []
    for step in steps:
        try:
            take(step)
        except Exception as error:  # noqa: BLE001 (whatever failed, the steps after it may still help)
            failures.append(error)
    if failures:
        raise failures[0]


def resynchronise(
    resource: Any, name: str, timeout_s: float, *, register: bool, is_known: Callable[[], bool] | None
) -> None:
    """Make sure that no late answer is left on a pyvisa resource (see :mod:`drivers.conversation`).

    Args:
        resource: the open resource.
        name: the instrument's name.
        timeout_s: how long it may take to answer, in seconds.
        register: whether to try the event status enable register of IEEE 488.2 first.
        is_known: asks the instrument who it is, and tells whether it said what it said when it was opened; None where
            it cannot be asked, so that silence has to do.

    Raises:
        LinkTimeout: it does not answer as it should.
    """
    import pyvisa

    before = resource.timeout
    try:
        with suppress(pyvisa.Error, NotImplementedError):
            resource.clear()  # the device clear of GPIB, USB and VXI-11; other links have none
        resource.timeout = SLICE_MS
        _drain(resource, 0.0 if register else timeout_s)
        resource.timeout = int(timeout_s * 1000)
        if register and _register_answers(resource):
            return
        resource.timeout = SLICE_MS
        _drain(resource, timeout_s)
        resource.timeout = int(timeout_s * 1000)
        if is_known is None:
            return
        if is_known():
            resource.timeout = SLICE_MS
            if not _drain(resource, timeout_s):
                return
    finally:
        with suppress(pyvisa.Error, OSError):
            resource.timeout = before
    raise LinkTimeout("no believable answer to an attempt at resynchronising", name)


def _drain(resource: Any, silence_s: float) -> int:
    """Throw away what comes until the line is silent for so long; how many bytes it was."""
    import pyvisa

    count = 0
    quiet_at = time.monotonic() + silence_s
    give_up = time.monotonic() + 10 * silence_s + 1.0
    while time.monotonic() < give_up:
        try:
            count += len(resource.read_bytes(1))
            quiet_at = time.monotonic() + silence_s
        except pyvisa.VisaIOError as error:
            if error.error_code != pyvisa.constants.StatusCode.error_timeout:
                raise
            if time.monotonic() >= quiet_at:
                break
    return count


def _register_answers(resource: Any) -> bool:
    import pyvisa

    first, second = random.SystemRandom().sample(range(1, 256), 2)
    try:
        resource.write(f"*ESE {first}")
        resource.write("*ESE?")
        for _ in range(100):
            if resource.read().strip().lstrip("+") == str(first):
                break
        resource.write(f"*ESE {second}")
        if resource.query("*ESE?").strip().lstrip("+") != str(second):
            return False
        resource.write("*ESE 0")
    except (pyvisa.VisaIOError, UnicodeDecodeError):
        return False
    return True


def one_line(error: BaseException) -> str:
    """What an exception says, in one line of at most ``LONGEST`` characters: its beginning and its end."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
