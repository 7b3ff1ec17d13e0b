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
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import TYPE_CHECKING, Final

from labctl.service.letterbox import Letterbox
from labctl.service.messages import Answered, Failed, Message, ServiceGone, Trouble
from labctl.service.request import Request

if TYPE_CHECKING:
    from labctl.service.service import Service

log = logging.getLogger(__name__)

GONE: Final = "the bench service has ended and made the hardware safe if it could; look at it, then start it again"
CLOSE_S: Final = 30.0
"""Seconds that the service gets to make the hardware safe and end."""
GONE_S: Final = 2.0
"""Seconds that a process gets to end which has made the hardware safe and said farewell."""


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
        """Start the process, or another one when the last is gone; returns before it is ready, requests wait for it.

        Nothing happens while one is running.
        """
        if self.running:
            return
        self._clear_away(GONE_S)
        # Not a fork: threads, Qt and open ports must not be taken along.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there,), name="labctl-service")
        process.start()
        there.close()
        self._outbox, self._process, self._gone = here, process, False
        self._reader = threading.Thread(target=self._read, args=(here,), name="labctl-service-reader", daemon=True)
        self._reader.start()

    def ask(self, request: Request) -> int:
        """Send a request; its answer comes under the number that is returned."""
        number = next(self._numbers)
        if self.running:
            self._send(Ask(number, request))
        else:
            self._inbox.put(Failed(number, Trouble("failed", GONE)))
        return number

    def cancel(self, number: int) -> None:
        """Ask a request to end and keep what is finished."""
        self._send(Cancel(number))

    def take(self, timeout_s: float | None = 0.0) -> tuple[Message, ...]:
        """All messages that have come; the first is waited for at most so many seconds."""
        return self._inbox.take(timeout_s)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Abort what runs, let the hardware be made safe and end the process; may be called again."""
        self._send(Quit())
        self._clear_away(timeout_s)

    def _clear_away(self, timeout_s: float) -> None:
        """Wait for the process to end, and let go of what belongs to it."""
        outbox, process, reader = self._outbox, self._process, self._reader
        if outbox is None or process is None or reader is None:
            return
        process.join(timeout_s)
        if process.is_alive():
            log.error("the service has not ended within %g s and is terminated; check the hardware by hand", timeout_s)
            process.terminate()
            process.join(timeout_s)
            if process.is_alive():
                process.kill()
                process.join()
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
                if not isinstance(message, ServiceGone):  # which it is when the link ends, and not before
                    self._inbox.put(message)
        self._gone = True
        self._inbox.put(ServiceGone(GONE))


def serve(connection: Connection) -> None:
    """Be the service until the client leaves or is gone; the main function of the process."""
    from labctl.service.logs import tell_logs
    from labctl.service.service import Service

    # Ctrl-C in the terminal reaches the whole group; the client decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    box = Letterbox()
    done = threading.Event()
    sender = threading.Thread(
        target=_send_messages, args=(connection, box, done), name="labctl-service-sender", daemon=True
    )
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


def _listen(connection: Connection, service: Service) -> None:
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
        except OSError:
            return
        except (PicklingError, TypeError, AttributeError):
            connection.send(tuple(message for message in map(_that_travels, messages) if message is not None))


def _that_travels(message: Message) -> Message | None:
    """A message as it is, or what stands for one that cannot be sent: an answer must not leave its asker waiting."""
    try:
        ForkingPickler.dumps(message)
    except (PicklingError, TypeError, AttributeError) as error:
        log.error("a message cannot be sent: %s: %s", type(message).__name__, error)
        if not isinstance(message, Answered):
            return None
        return Failed(message.number, Trouble("mistake", f"the answer cannot be sent: {error}"))
    return message
