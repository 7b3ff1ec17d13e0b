"""Looks for instruments that answer ``*IDN?``: VISA resources that a library lists, and addresses.

Serial ports are left to :mod:`drivers.discovery`: what a serial instrument does with a line that it does not know is
nobody's to find out unasked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from data.errors import LabctlError
from drivers.address import LinkSettings, parse_address
from drivers.backend import InstrumentSettings
from drivers.conversation import Dialect
from drivers.declared import Declaration
from drivers.foreign import warnings_logged
from drivers.link import Deadline

_log = logging.getLogger(__name__)

ASK_WHO: Final = Declaration("instrument", (), (), Dialect(errors="", register=()))
"""Asks for the identity and for nothing else."""
SPARE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """A place that was asked.

    Attributes:
        address: what a bench file would say.
        identity: who answers, empty when nobody does.
        reason: why there is no identity.
    """

    address: str
    identity: str
    reason: str = ""


def list_resources(library: str = "py") -> tuple[str, ...]:
    """The addresses of the VISA resources that a library lists, without serial ports.

    Args:
        library: after the ``@`` of an address: ``py``, ``FILE@sim``, or empty for the library installed here.

    Raises:
        LabctlError: there is no such library.
    """
    import pyvisa

    prefix = f"visa@{library}:" if library else "visa:"
    try:
        manager = pyvisa.ResourceManager(library if "@" in library or not library else f"@{library}")
        with warnings_logged(library):  # of what pyvisa-py could also look for with more packages
            found = manager.list_resources("?*")
    except pyvisa.VisaIOError:  # so a library says that there is none
        return ()
    except (pyvisa.Error, OSError, ValueError) as error:
        raise LabctlError(f"the VISA library {library or 'of this computer'} cannot be used: {error}") from error
    return tuple(prefix + name for name in found if _is_asked(name) or library.endswith("@sim"))


def find_instruments(addresses: Iterable[str], timeout_s: float = 1.0) -> tuple[Found, ...]:
    """Ask every address who is there, all at the same time.

    Args:
        addresses: where (:mod:`drivers.address`).
        timeout_s: how long an instrument may take to answer, in seconds.

    Returns:
        In the order of the addresses; one that holds up whoever opens it is reported as such.
    """
    probes = [_Probe(address, timeout_s) for address in dict.fromkeys(addresses)]
    for probe in probes:
        probe.thread.start()
    deadline = Deadline(4 * timeout_s + SPARE_S)
    for probe in probes:
        probe.thread.join(deadline.left_s)
    return tuple(probe.found for probe in probes)


def _is_asked(name: str) -> bool:
    return name.endswith(("::INSTR", "::SOCKET")) and not name.startswith("ASRL")


class _Probe:
    """One place and the thread that asks it."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.found = Found(address, "", "it holds up whoever opens it")
        self._timeout_s = timeout_s
        # A daemon: a resource whose driver hangs in the operating system must not hold up the end of the program.
        self.thread = threading.Thread(target=self._run, name=f"labctl ask {address}", daemon=True)

    def _run(self) -> None:
        address = self.found.address
        try:
            parse_address(address, LinkSettings())
            backend = ASK_WHO.backend(InstrumentSettings(address, "", address, timeout_s=self._timeout_s))
            try:
                self.found = Found(address, str(backend.connect().identity))
            finally:
                backend.close()
        except LabctlError as error:
            self.found = Found(address, "", str(error))
        except Exception as error:  # noqa: BLE001 (one odd place must not hide what the others say)
            _log.exception("asking %s failed in a way that was not foreseen", address)
            self.found = Found(address, "", f"cannot be asked: {error}")
