"""Links over serial ports and what pyserial makes look like one."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
from pathlib import Path
from typing import Any, Final

import serial
from serial.tools import list_ports

from drivers.address import Address
from drivers.errors import CannotOpen, LinkTimeout
from drivers.link import SLICE_S, Channel, Deadline
from drivers.socket_link import SocketChannel, network_problem

CHUNK: Final = 65536
BITS_A_BYTE: Final = 10
WRITE_S: Final = 1.0
"""How long a polled port may take over one piece that is written."""

FAILURES: tuple[type[Exception], ...] = (OSError, TypeError, ValueError)
"""pyserial's exceptions are OSError; a port closed while it is read is a TypeError inside pyserial."""

if sys.platform != "win32":
    import termios

    # Flushing or configuring a dead port: no OSError, though it carries an errno.
    FAILURES = (*FAILURES, termios.error)


class DescriptorChannel:
    """A POSIX serial port, opened and configured by pyserial, read and written in as large pieces as it gives."""

    failures = FAILURES

    def __init__(self, port: Any, baud: int) -> None:
        self._port = port
        self._descriptor: int = port.fileno()
        self.slowest_rate = baud / BITS_A_BYTE

    def receive(self, need: int, wait_s: float) -> bytes:
        """What is there, up to 64 KiB, or ``need`` bytes if that is more."""
        ready, _, _ = select.select([self._descriptor], [], [], wait_s)
        if not ready:
            return b""
        try:
            chunk = os.read(self._descriptor, max(need, CHUNK))
        except BlockingIOError:
            return b""
        if not chunk:
            raise OSError(errno.EIO, "unplugged, or another program reads the same port")
        return chunk

    def receive_into(self, there: memoryview, wait_s: float) -> int:
        """What comes within ``wait_s`` seconds, until ``there`` is full: a port gives little at a time."""
        deadline = Deadline(wait_s)
        count = 0
        while count < len(there):
            ready, _, _ = select.select([self._descriptor], [], [], deadline.left_s)
            if not ready:
                break
            try:
                some = os.readv(self._descriptor, [there[count:]])
            except BlockingIOError:
                continue
            if not some:
                raise OSError(errno.EIO, "unplugged, or another program reads the same port")
            count += some
        return count

    def send(self, data: memoryview, wait_s: float) -> int:
        """What the port takes within ``wait_s`` seconds."""
        deadline = Deadline(wait_s)
        count = 0
        while count < len(data):
            _, ready, _ = select.select([], [self._descriptor], [], deadline.left_s)
            if not ready:
                break
            with contextlib.suppress(BlockingIOError):
                count += os.write(self._descriptor, data[count : count + CHUNK])
        return count

    def close(self) -> None:
        """Let go of the port without waiting for bytes that nobody takes."""
        with contextlib.suppress(*FAILURES):
            self._port.reset_output_buffer()
        self._port.close()


class PolledChannel:
    """A port of pyserial's that cannot be waited for from outside: ``COM`` ports and RFC 2217."""

    failures = FAILURES
    write_chunk: Final = 256

    def __init__(self, port: Any, baud: int) -> None:
        self._port = port
        # pyserial forgets the socket of an RFC 2217 port unclosed when the peer was the first to hang up.
        self._socket: socket.socket | None = getattr(port, "_socket", None)
        self.slowest_rate = baud / BITS_A_BYTE

    def receive(self, need: int, wait_s: float) -> bytes:
        """What is there; the first byte is waited for by pyserial's own timeout of one slice."""
        waiting = self._port.in_waiting
        if not waiting and wait_s <= 0:
            return b""
        first: bytes = self._port.read(waiting or 1)
        return first + self._port.read(min(self._port.in_waiting, max(need, CHUNK))) if first else b""

    def send(self, data: memoryview, wait_s: float) -> int:
        """At most 256 bytes at a time, so that a stuck port is noticed.

        Raises:
            LinkTimeout: nobody takes them; how many have been taken is not known.
        """
        piece = bytes(data[: self.write_chunk])
        try:
            self._port.write(piece)
        except serial.SerialTimeoutException as error:
            raise LinkTimeout(f"{len(piece)} bytes could not be written in {WRITE_S:g} s", self._port.name) from error
        return len(piece)

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()
        if self._socket is not None:
            self._socket.close()


class PyserialSocketChannel(SocketChannel):
    """The connection of a ``socket://`` port of pyserial's, read in large pieces and closed with the port."""

    def __init__(self, port: Any) -> None:
        self._port = port
        # pyserial forgets the socket unclosed when the peer has reset the connection, so it is kept here as well.
        self._owned: socket.socket = port._socket
        super().__init__(self._owned)

    def close(self) -> None:
        """Hang up."""
        self._owned.close()
        # pyserial would sleep 0.3 s on closing a connection that is open.
        self._port.is_open = False


def open_port(target: Address) -> Channel:
    """Open and configure a port: 8N1, no flow control, for this program alone where the system can do that.

    Raises:
        CannotOpen: no such port, busy, no serial port at all, or a setting it refuses.
    """
    remote = target.target.startswith("rfc2217://")
    try:
        port = serial.serial_for_url(
            target.target,
            baudrate=target.settings.baud,
            timeout=SLICE_S,
            write_timeout=None if remote else WRITE_S,
            exclusive=True,
        )
    except FAILURES as error:
        raise _port_problem(target, error) from error
    return port_channel(port, target.settings.baud)


def port_channel(port: Any, baud: int) -> Channel:
    """The channel that gets the most out of an open port of pyserial's."""
    if isinstance(getattr(port, "_socket", None), socket.socket) and not hasattr(port, "_telnet_options"):
        return PyserialSocketChannel(port)
    if isinstance(getattr(port, "fd", None), int):
        return DescriptorChannel(port, baud)
    return PolledChannel(port, baud)


def _port_problem(target: Address, error: Exception) -> CannotOpen:
    if "://" in target.target:
        cause = error.__context__ if isinstance(error.__context__, OSError) else None
        return network_problem(target, cause or OSError(str(error)))
    name, number = target.text, getattr(error, "errno", None)
    if number == errno.ENOENT:
        ports = ", ".join(port.device for port in list_ports.comports()[:8])
        return CannotOpen(f"there is no port {name}; " + (f"ports here: {ports}" if ports else "none is plugged in"))
    if number in (errno.EAGAIN, errno.EBUSY):
        return CannotOpen(f"port {name} is in use by {_holder(target.target)}; close it first")
    if number in (errno.EACCES, errno.EPERM):
        return CannotOpen(f"no permission to open {name}, or another program holds it; join the group of the port")
    if Path(target.target).is_file() or Path(target.target).is_dir():
        return CannotOpen(f"{name} is a file or folder, not a serial port")
    return CannotOpen(f"{name} cannot be opened as a serial port with {target.settings.baud} baud: {error}")


def _holder(port: str) -> str:
    """Who has locked the port, as far as this system lets us see (Linux: ``/proc/locks``)."""
    with contextlib.suppress(OSError, ValueError):
        status = Path(port).stat()
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if place in words:
                process = int(words[words.index(place) - 1])
                if process == os.getpid():
                    return "this program itself"
                name = Path(f"/proc/{process}/comm").read_text().strip()
                return f"another program ({name}, process {process})"
    return "another program"
