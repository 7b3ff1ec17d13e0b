"""The ends of a link as the server sees them: read what is there, write what fits, close."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol

from data.errors import BadInput

CHUNK = 1 << 18


class Channel(Protocol):
    """One open connection; never blocks."""

    def fileno(self) -> int:
        """For a selector."""
        ...

    def read(self) -> bytes | None:
        """Bytes that have come, None when there are none now, ``b""`` when the other side is gone."""
        ...

    def write(self, data: memoryview) -> int | None:
        """How many bytes were taken; None when the other side is gone."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class SocketChannel:
    """A TCP connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """See :class:`Channel`."""
        try:
            return self._socket.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data: memoryview) -> int | None:
        """See :class:`Channel`."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def close(self) -> None:
        """See :class:`Channel`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at ``host`` and ``port`` (0 takes a free one).

    Raises:
        BadInput: the address cannot be listened at.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as problem:
        raise BadInput(f"the board cannot listen at {host}:{port}: {problem.strerror or problem}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        listener.setblocking(False)
    except OSError as problem:
        listener.close()
        raise BadInput(f"the board cannot listen at {host}:{port}: {problem.strerror or problem}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """``HOST:PORT`` of a listening socket, an IPv6 host in brackets."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
