"""Links over TCP, on the standard library's sockets."""

from __future__ import annotations

import select
import socket
from typing import Final

from drivers.address import Address
from drivers.errors import CannotOpen

CHUNK: Final = 65536
SLOWEST_RATE: Final = 250_000.0
"""Bytes per second below which a network link is taken for broken."""


class SocketChannel:
    """A connected socket as a :class:`drivers.link.Channel`; the socket belongs to the channel."""

    failures: tuple[type[Exception], ...] = (OSError, ValueError)
    slowest_rate = SLOWEST_RATE

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        connection.setblocking(False)
        # Requests are whole messages: waiting to fill a packet only costs time.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, need: int, wait_s: float) -> bytes:
        """What is there, up to 64 KiB, or ``need`` bytes if that is more; a hang-up is an error."""
        ready, _, _ = select.select([self._socket], [], [], wait_s)
        if not ready:
            return b""
        try:
            chunk = self._socket.recv(max(need, CHUNK))
        except BlockingIOError:
            return b""
        if not chunk:
            raise ConnectionResetError("the other end has hung up")
        return chunk

    def receive_into(self, there: memoryview, wait_s: float) -> int:
        """What is there, or comes; a hang-up is an error."""
        ready, _, _ = select.select([self._socket], [], [], wait_s)
        if not ready:
            return 0
        try:
            count = self._socket.recv_into(there)
        except BlockingIOError:
            return 0
        if not count:
            raise ConnectionResetError("the other end has hung up")
        return count

    def send(self, data: memoryview, wait_s: float) -> int:
        """What the socket takes."""
        _, ready, _ = select.select([], [self._socket], [], wait_s)
        if not ready:
            return 0
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def open_socket(target: Address) -> SocketChannel:
    """Connect.

    Raises:
        CannotOpen: malformed, unknown host, refused, or no answer in time.
    """
    try:
        connection = socket.create_connection((target.host, target.port), timeout=target.settings.open_timeout_s)
    except OSError as error:
        raise network_problem(target, error) from error
    return SocketChannel(connection)


def network_problem(target: Address, error: OSError) -> CannotOpen:
    """The sentence for a connection that could not be made."""
    if isinstance(error, ConnectionRefusedError):
        reason = "nothing listens there; is the board switched on, and is the port number right?"
    elif isinstance(error, TimeoutError):
        reason = f"no answer within {target.settings.open_timeout_s:g} s; is the address right?"
    elif isinstance(error, socket.gaierror):
        reason = f"the host name is not known ({error.strerror})"
    else:
        reason = error.strerror or str(error)
    return CannotOpen(f"cannot connect to {target.text}: {reason}")
