"""Looks for boards on serial ports and at configured addresses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from data.errors import LabctlError
from data.values import Geometry, Identity
from drivers.address import LinkSettings, parse_address
from drivers.errors import CannotOpen
from drivers.exchange import Exchange
from drivers.identify import introduce
from drivers.link import Deadline, open_link
from drivers.lock import Holder, InUse, instrument_key

_log = logging.getLogger(__name__)

SYNC_TRIES: Final = 2
"""One for a quiet line, one for a board that somebody left in the middle of a message."""
SPARE_S: Final = 2.5
"""Time beyond the timeouts that a probe is given to finish by itself."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that was probed.

    Attributes:
        address: what to open.
        description: what the system says about the port, empty for a configured address.
        identity: the board that answers there, None when there is none.
        geometry: its array, None when there is none.
        reason: why it was rejected, empty for a board.
        holder: the process of labctl that uses it; it has not been spoken to then.
    """

    address: str
    description: str
    identity: Identity | None
    geometry: Geometry | None
    reason: str
    holder: Holder | None = None

    @property
    def is_board(self) -> bool:
        """Whether a board answers there."""
        return self.identity is not None


def discover(
    addresses: Iterable[str] = (), *, serial_ports: bool = True, timeout_s: float = 0.5
) -> tuple[Candidate, ...]:
    """Probe every serial port of this computer and the given addresses at the same time.

    Every serial port is sent a line of text. A board is only asked who it is; it is not taken control of.

    Args:
        addresses: configured places, e.g. ``tcp://bench:5025``.
        serial_ports: also probe the serial ports that the system lists.
        timeout_s: how long a board may take to answer one question, in seconds.

    Returns:
        Boards by serial number, then what was rejected by address. A port that does not even let go of the program
        in time is reported as such and closed as soon as it does.
    """
    listed = _listed_ports() if serial_ports else {}
    places = _distinct((*addresses, *listed))
    probes = [_Probe(address, listed.get(address, ""), timeout_s) for address in places]
    for probe in probes:
        probe.thread.start()
    deadline = Deadline(8 * timeout_s + SPARE_S)
    for probe in probes:
        probe.thread.join(deadline.left_s)
    return tuple(sorted((probe.candidate for probe in probes), key=_rank))


class _Probe:
    """One place and the thread that looks at it."""

    def __init__(self, address: str, description: str, timeout_s: float) -> None:
        self.candidate = Candidate(address, description, None, None, f"{address} holds up whoever opens it")
        self._timeout_s = timeout_s
        # A daemon: a port whose driver hangs in the operating system must not hold up the end of the program.
        self.thread = threading.Thread(target=self._run, name=f"labctl probe {address}", daemon=True)

    def _run(self) -> None:
        waiting = self.candidate
        try:
            with open_link(waiting.address, LinkSettings(open_timeout_s=4 * self._timeout_s)) as link:
                found = introduce(Exchange(link, timeout_s=self._timeout_s, tries=2), SYNC_TRIES)
        except InUse as error:
            self.candidate = Candidate(waiting.address, waiting.description, None, None, str(error), error.holder)
        except LabctlError as error:
            self.candidate = Candidate(waiting.address, waiting.description, None, None, str(error))
        except Exception as error:  # noqa: BLE001 (one odd port must not hide what the others say)
            _log.exception("probing %s failed in a way that was not foreseen", waiting.address)
            self.candidate = Candidate(waiting.address, waiting.description, None, None, f"cannot be probed: {error}")
        else:
            self.candidate = Candidate(waiting.address, waiting.description, found.identity, found.geometry, "")
        _log.debug("probed %s: %s", waiting.address, self.candidate)


def _distinct(addresses: Iterable[str]) -> tuple[str, ...]:
    """The addresses, without those that lead where another one leads: two probes would only hold up each other."""
    found: dict[str, str] = {}
    for address in addresses:
        try:
            key = instrument_key(parse_address(address, LinkSettings()))
        except CannotOpen:
            key = address  # the probe says what is wrong with it
        found.setdefault(key, address)
    return tuple(found.values())


def _listed_ports() -> dict[str, str]:
    from serial.tools import list_ports  # only a search of serial ports needs pyserial

    return {port.device: port.description for port in list_ports.comports()}


def _rank(candidate: Candidate) -> tuple[bool, str, str]:
    serial_number = candidate.identity.serial_number if candidate.identity else ""
    return (not candidate.is_board, serial_number, candidate.address)
