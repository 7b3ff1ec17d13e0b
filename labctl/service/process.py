"""The service in a process of its own, and its client: a window that never waits for hardware, files or arithmetic."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from typing import Final

from labctl.service.letterbox import Letterbox
from labctl.service.messages import Message, ServiceGone
from labctl.service.request import Request

log = logging.getLogger(__name__)

CLOSE_S: Final = 30.0
"""Seconds that the service gets to make the hardware safe and end."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request under way to the service."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class Cancel:
    """A request that should end."""

    number: int


@dataclass(frozen=True, slots=True)
class Quit:
    """The client leaves."""


class ServiceClient:
    """Starts a service in a process of its own and talks to it; every method may be called from any thread.

    The process ends with :meth:`close`, and by itself when this process is gone: it makes the hardware safe first.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._inbox = Letterbox()
        self._outbox: Connection | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._reader: threading.Thread | None = None
        self._sending = threading.Lock()
        self._gone = False

    @property
    def running(self) -> bool:
        """Whether the service can be asked."""
        return self._outbox is not None and not self._gone

    @property
    def dropped(self) -> int:
        """Messages that were not taken in time."""
        return self._inbox.dropped

    def start(self) -> None:
        """Start the process; returns before it is ready, requests wait for it."""
        # Not a fork: threads, Qt and open ports must not be taken along.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there,), name="labctl-service")
        process.start()
        there.close()
        self._outbox, self._process = here, process
        self._reader = threading.Thread(target=self._read, args=(here,), name="labctl-service-reader", daemon=True)
        self._reader.start()

    def ask(self, request: Request) -> int:
        """Send a request; its answer comes under the number that is returned."""
        number = next(self._numbers)
        self._send(Ask(number, request))
        return number

    def cancel(self, number: int) -> None:
        """Ask a request to end and keep what is finished."""
        self._send(Cancel(number))

    def take(self, timeout_s: float | None = 0.0) -> tuple[Message, ...]:
        """All messages that have come; the first is waited for at most so many seconds."""
        return self._inbox.take(timeout_s)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Abort what runs, let the hardware be made safe and end the process; may be called again."""
        outbox, process, reader = self._outbox, self._process, self._reader
        if outbox is None or process is None or reader is None:
            return
        self._send(Quit())
        process.join(timeout_s)
        if process.is_alive():
            log.error("the service has not ended within %g s and is terminated; check the hardware by hand", timeout_s)
            process.terminate()
            process.join(timeout_s)
        self._gone = True
        reader.join()
        outbox.close()
        process.close()
        self._outbox = self._process = self._reader = None

    def _send(self, item: Ask | Cancel | Quit) -> None:
        outbox = self._outbox
        if outbox is None:
            return
        with self._sending, suppress(BrokenPipeError, ConnectionError):  # the reader says that it is gone
            outbox.send(item)

    def _read(self, connection: Connection) -> None:
        while True:
            try:
                messages: tuple[Message, ...] = connection.recv()
            except (EOFError, OSError):
                break
            for message in messages:
                self._inbox.put(message)
        self._gone = True
        self._inbox.put(ServiceGone("the bench service has ended; the hardware is in its safe state if it could be"))


def serve(connection: Connection) -> None:
    """Be the service until the client leaves or is gone; the main function of the process."""
    from labctl.service.logs import tell_logs
    from labctl.service.service import Service

    # Ctrl-C in the terminal reaches the whole group; the client decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    box = Letterbox()
    done = threading.Event()
    sender = threading.Thread(target=_send_messages, args=(connection, box, done), name="labctl-service-sender")
    sender.start()
    service = Service(box.put)
    service.start()
    with tell_logs(box.put):
        try:
            _listen(connection, service)
        finally:
            service.close()
            done.set()
            box.put(ServiceGone("closed"))  # wakes the sender
            sender.join()
            connection.close()


def _leave(*_: object) -> None:
    """Asked to end by the system: the way out makes everything safe."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _listen(connection: Connection, service: object) -> None:
    from labctl.service.service import Service

    assert isinstance(service, Service)
    while True:
        try:
            item = connection.recv()
        except (EOFError, OSError):
            log.warning("the client is gone; everything is made safe")
            return
        if isinstance(item, Ask):
            service.submit(item.number, item.request)
        elif isinstance(item, Cancel):
            service.cancel(item.number)
        else:
            return


def _send_messages(connection: Connection, box: Letterbox, done: threading.Event) -> None:
    while not done.is_set():
        messages = box.take(None)
        try:
            connection.send(messages)
        except (BrokenPipeError, ConnectionError, OSError):
            return
