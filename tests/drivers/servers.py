"""Something to connect to: a handler behind a TCP port or a pseudo-terminal, in a thread that ends with the test."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol


class Peer(Protocol):
    def receive(self) -> bytes: ...

    def send(self, data: bytes) -> None: ...


Handler = Callable[[Peer], None]


def answering(feed: Callable[[bytes], bytes]) -> Handler:
    """A handler that answers what it receives until the peer hangs up."""

    def handle(peer: Peer) -> None:
        while data := peer.receive():
            peer.send(feed(data))

    return handle


def silent(peer: Peer) -> None:
    while peer.receive():
        pass


def rfc2217_echo(peer: Peer) -> None:
    """A serial port with a loop-back plug behind an RFC 2217 server."""
    import serial.rfc2217

    @dataclass
    class Connection:
        def write(self, data: bytes) -> None:
            peer.send(data)

    with serial.serial_for_url("loop://", timeout=0.01) as port:
        manager = serial.rfc2217.PortManager(port, Connection())
        while data := peer.receive():
            plain = b"".join(manager.filter(data))
            for start in range(0, len(plain), 1000):
                port.write(plain[start : start + 1000])
                peer.send(b"".join(manager.escape(port.read(port.in_waiting))))


def never_reading(stop: threading.Event) -> Handler:
    def handle(peer: Peer) -> None:
        stop.wait(20)

    return handle


@dataclass
class _Socket:
    connection: socket.socket

    def receive(self) -> bytes:
        try:
            return self.connection.recv(65536)
        except OSError:
            return b""

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.connection.sendall(data)


@contextlib.contextmanager
def tcp_server(handle: Handler) -> Iterator[str]:
    """Serve one connection after the other; gives ``host:port``."""
    listener = socket.create_server(("127.0.0.1", 0))
    current: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                current[:] = [connection]
                handle(_Socket(connection))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in current:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert not thread.is_alive()


@dataclass
class Terminal:
    """The instrument's end of a pseudo-terminal."""

    master: int
    path: str
    stopped: threading.Event = field(default_factory=threading.Event)

    def receive(self) -> bytes:
        while not self.stopped.is_set():
            if select.select([self.master], [], [], 0.02)[0]:
                try:
                    return os.read(self.master, 65536)
                except OSError:
                    return b""
        return b""

    def send(self, data: bytes) -> None:
        while data and not self.stopped.is_set():
            if select.select([], [self.master], [], 0.02)[1]:
                data = data[os.write(self.master, data) :]

    def unplug(self) -> None:
        """Close the instrument's end."""
        self.stopped.set()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


@contextlib.contextmanager
def terminal(handle: Handler | None = None) -> Iterator[Terminal]:
    """A pseudo-terminal with a handler at the instrument's end, or with nobody."""
    import pty
    import tty

    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    there = Terminal(master, os.ttyname(slave))
    thread = threading.Thread(target=handle, args=(there,)) if handle else None
    if thread:
        thread.start()
    try:
        yield there
    finally:
        there.stopped.set()
        if thread:
            thread.join(5)
        there.unplug()
        os.close(slave)
