"""Links over VISA resources: any vendor's library through pyvisa, or pyvisa-py.

pyvisa-py reads a serial port one byte at a time, waits for half a timeout after the last byte of a socket, and reports
a peer that hung up as a timeout. It keeps what it opened, a port of pyserial's or a socket, in its session; reading and
writing that directly has none of these traits. Every other library and resource is reached by ``viRead`` and
``viWrite``.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any, Final

import pyvisa
from pyvisa import constants

from drivers.address import Address
from drivers.errors import CannotOpen, LinkTimeout
from drivers.link import Channel
from drivers.serial_link import BITS_A_BYTE, FAILURES, port_channel
from drivers.simulation import check_simulated, is_simulated
from drivers.socket_link import SLOWEST_RATE, SocketChannel

_log = logging.getLogger(__name__)

CHUNK: Final = 65536
WRITE_CHUNK: Final = 1024
STALL_MS: Final = 2000
"""How long one write, or a counted read of bytes that are known to be on their way, may take."""
_TIMEOUT: Final = constants.StatusCode.error_timeout

VISA_FAILURES: tuple[type[Exception], ...] = (*FAILURES, pyvisa.Error)


class VisaChannel:
    """A VISA resource by ``viRead`` of counted bytes without termination character, and ``viWrite``."""

    failures = VISA_FAILURES

    def __init__(self, resource: Any, slowest_rate: float) -> None:
        self._resource = resource
        self._serial = resource.interface_type == constants.InterfaceType.asrl
        self.slowest_rate = slowest_rate

    def receive(self, need: int, wait_s: float) -> bytes:
        """On a serial port what is waiting; elsewhere ``need`` bytes, counted, once the first of them has come."""
        first = self._read(1, max(1, int(wait_s * 1000)))
        if not first:
            return b""
        more = self._resource.bytes_in_buffer if self._serial else need - 1
        return first + self._read(min(more, CHUNK), STALL_MS) if more > 0 else first

    def send(self, data: memoryview, wait_s: float) -> int:
        """At most 1 KiB at a time, so that a stuck resource is noticed.

        Raises:
            LinkTimeout: nobody takes them; how many have been taken is not known.
        """
        piece = bytes(data[:WRITE_CHUNK])
        self._set_timeout(STALL_MS)
        try:
            return int(self._resource.write_raw(piece))
        except pyvisa.VisaIOError as error:
            if error.error_code != _TIMEOUT:
                raise
            what = f"{len(piece)} bytes could not be written in {STALL_MS / 1000:g} s"
            raise LinkTimeout(what, self._resource.resource_name) from error

    def close(self) -> None:
        """Close the resource; the resource manager is shared by every instrument and stays."""
        self._resource.close()

    def _read(self, count: int, wait_ms: int) -> bytes:
        self._set_timeout(wait_ms)
        try:
            return bytes(self._resource.read_bytes(count, chunk_size=count))
        except pyvisa.VisaIOError as error:
            if error.error_code == _TIMEOUT:
                return b""
            raise

    def _set_timeout(self, wait_ms: int) -> None:
        # Every change reaches the driver of the port, so an unchanged one is not set again.
        if self._resource.timeout != wait_ms:
            self._resource.timeout = wait_ms


class PyvisaPyChannel:
    """The port or socket inside a session of pyvisa-py's, closed with its resource."""

    failures = VISA_FAILURES

    def __init__(self, resource: Any, inner: Channel) -> None:
        self._resource = resource
        self._inner = inner
        self.slowest_rate = inner.slowest_rate

    def receive(self, need: int, wait_s: float) -> bytes:
        """What is there."""
        return self._inner.receive(need, wait_s)

    def send(self, data: memoryview, wait_s: float) -> int:
        """What the port or socket takes."""
        return self._inner.send(data, wait_s)

    def close(self) -> None:
        """Close the resource; the resource manager is shared by every instrument and stays."""
        self._resource.close()


def open_resource(target: Address) -> Channel:
    """Open and configure a VISA resource: no termination characters, 8N1 at ``baud`` where it is a serial line.

    Raises:
        CannotOpen: no VISA library, a malformed or absent resource, or one that is busy or refuses a setting.
    """
    resource = open_session(target)
    try:
        return resource_channel(resource, target)
    except VISA_FAILURES as error:
        resource.close()
        raise _resource_problem(target, error) from error


def library_name(target: Address) -> str:
    """The library of an address as pyvisa wants it: ``@py``, or ``FILE@sim`` for instruments simulated by a file."""
    return f"@{target.library}" if target.library and "@" not in target.library else target.library


def open_session(target: Address) -> Any:
    """The pyvisa resource of an address, opened and configured."""
    settings = target.settings
    if is_simulated(library_name(target)):
        check_simulated(library_name(target), target.target)
    try:
        manager = pyvisa.ResourceManager(library_name(target))
        resource: Any = manager.open_resource(
            target.target,
            access_mode=constants.AccessModes.exclusive_lock
            if target.library != "py"
            else constants.AccessModes.no_lock,
            open_timeout=int(settings.open_timeout_s * 1000),
        )
    # pyvisa-py raises a bare Exception for a host that is unknown or does not answer.
    except Exception as error:
        raise _resource_problem(target, error) from error
    try:
        resource.read_termination = None
        resource.write_termination = None
        if resource.interface_type == constants.InterfaceType.asrl:
            resource.baud_rate = settings.baud
            resource.data_bits = 8
            resource.parity = constants.Parity.none
            resource.stop_bits = constants.StopBits.one
            resource.flow_control = constants.ControlFlow.none
            resource.end_input = constants.SerialTermination.none
            resource.end_output = constants.SerialTermination.none
    except VISA_FAILURES as error:
        resource.close()
        raise _resource_problem(target, error) from error
    return resource


def resource_channel(resource: Any, target: Address) -> Channel:
    """The fastest channel that an open resource allows."""
    sessions = getattr(resource.visalib, "sessions", {})
    inner: Any = getattr(sessions.get(resource.session), "interface", None) if target.library == "py" else None
    if isinstance(inner, socket.socket):
        # A refused connection counts as open in pyvisa-py, until it is used.
        number = inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, errno.errorcode.get(number, "connection failed"))
        return PyvisaPyChannel(resource, SocketChannel(inner))
    if hasattr(inner, "in_waiting"):
        inner.exclusive = True
        return PyvisaPyChannel(resource, port_channel(inner, target.settings.baud))
    serial_line = resource.interface_type == constants.InterfaceType.asrl
    return VisaChannel(resource, target.settings.baud / BITS_A_BYTE if serial_line else SLOWEST_RATE)


def _resource_problem(target: Address, error: Exception) -> CannotOpen:
    number = getattr(error, "errno", None)
    if number == errno.ECONNREFUSED:
        reason = "nothing listens there; is the board switched on, and is the port number right?"
    elif number == errno.ENOENT:
        reason = "there is no such port"
    elif number in (errno.EAGAIN, errno.EBUSY) or _is_busy(error):
        reason = "it is in use by this or another program; close it first"
    elif isinstance(error, pyvisa.LibraryError) or (isinstance(error, OSError) and "VISA" in str(error)):
        reason = "no VISA library is installed; install one, or write visa@py:..."
    elif getattr(error, "error_code", None) == constants.StatusCode.error_invalid_resource_name:
        reason = "that is not a VISA resource name, such as TCPIP::host::port::SOCKET or ASRL/dev/ttyUSB0::INSTR"
    else:
        reason = " ".join(str(error).split())
    return CannotOpen(f"cannot open {target.text}: {reason}")


def _is_busy(error: Exception) -> bool:
    codes = (constants.StatusCode.error_resource_busy, constants.StatusCode.error_resource_locked)
    return getattr(error, "error_code", None) in codes
