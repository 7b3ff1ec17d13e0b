"""The two ends of a proxy: a port or a serial line for clients, and the way to the server."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from data.errors import BadInput
from drivers.address import Address
from drivers.emulator.channel import Channel, SocketChannel, address_of, listen
from drivers.emulator.options import split_address
from drivers.lock import InstrumentLock, hold
from drivers.socket_link import network_problem

CHUNK = 1 << 16


class Front(Protocol):
    """Where clients connect."""

    @property
    def address(self) -> str:
        """What a client opens."""
        ...

    def fileno(self) -> int | None:
        """For a selector; None when it has to be looked at now and then."""
        ...

    def accept(self) -> Channel | None:
        """A client that has come, or None."""
        ...

    def left(self, unplug: bool) -> None:
        """The client's connection has ended, from this side when ``unplug``."""
        ...

    def close(self) -> None:
        """Let nobody in any more."""
        ...


class PortFront:
    """A TCP port, for one client after the other or several at once."""

    def __init__(self, address: str) -> None:
        self._listener = listen(*split_address(address))
        self.address = address_of(self._listener)

    def fileno(self) -> int | None:
        """See :class:`Front`."""
        return self._listener.fileno()

    def accept(self) -> Channel | None:
        """See :class:`Front`."""
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return None
        return SocketChannel(connection)

    def left(self, unplug: bool) -> None:
        """See :class:`Front`; the others are not touched."""

    def close(self) -> None:
        """See :class:`Front`."""
        self._listener.close()


class LineFront:
    """A serial line at a path of its own. One that is unplugged is gone at once, and a new one takes the path."""

    def __init__(self, path: Path) -> None:
        from drivers.emulator.terminal import Terminal  # POSIX only

        self._new = Terminal
        self._path = path
        self._in_use = False
        self._terminal = Terminal()
        try:
            self._path.symlink_to(self._terminal.name)
        except OSError as error:
            self._terminal.dispose()
            raise BadInput(f"the serial line cannot be put at {path}: {error.strerror or error}") from error
        self.address = str(path)

    def fileno(self) -> int | None:
        """See :class:`Front`; no event tells that a line was opened."""
        return None

    def accept(self) -> Channel | None:
        """See :class:`Front`."""
        if self._in_use or not self._terminal.opened():
            return None
        self._in_use = True
        return self._terminal

    def left(self, unplug: bool) -> None:
        """See :class:`Front`."""
        if self._in_use and unplug and self._terminal.opened():
            old, self._terminal = self._terminal, self._new()
            beside = self._path.with_name(self._path.name + ".new")
            beside.symlink_to(self._terminal.name)
            beside.replace(self._path)
            # Last: a client that opens the path again at once must find the new line.
            old.dispose()
        self._in_use = False

    def close(self) -> None:
        """See :class:`Front`."""
        self._path.unlink(missing_ok=True)
        self._terminal.dispose()


class LineChannel:
    """A serial line that leads to a server, opened as a client opens it."""

    def __init__(self, path: str) -> None:
        import tty  # POSIX only

        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._descriptor)

    def fileno(self) -> int:
        """For a selector."""
        return self._descriptor

    def read(self) -> bytes | None:
        """See :class:`drivers.emulator.channel.Channel`."""
        try:
            return os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return None
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            return b""

    def write(self, data: memoryview) -> int | None:
        """See :class:`drivers.emulator.channel.Channel`."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            return None

    def close(self) -> None:
        """See :class:`drivers.emulator.channel.Channel`."""
        os.close(self._descriptor)


class Server:
    """The server's end. A line is locked, so that it is this proxy's alone; a TCP server decides about that itself."""

    def __init__(self, target: Address) -> None:
        self._lock: InstrumentLock | None = None if target.kind == "tcp" else hold(target)
        try:
            self.channel = _channel(target)
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.channel.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _channel(target: Address) -> Channel:
    if target.kind == "tcp":
        try:
            connection = socket.create_connection((target.host, target.port), target.settings.open_timeout_s)
        except OSError as error:
            raise network_problem(target, error) from error
        return SocketChannel(connection)
    try:
        return LineChannel(target.target)
    except OSError as error:
        raise BadInput(f"{target.text} cannot be opened: {error.strerror or error}") from error
