"""The emulated board as a process: its links, its clients, and the thread that computes.

One thread moves bytes, another executes requests in the order in which they came, so that the network and the physics
overlap and the board itself is used by one thread alone.
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from drivers.emulator.board import Board
from drivers.emulator.channel import Channel, SocketChannel, address_of, listen
from drivers.emulator.commands import Session, identity, serial_number
from drivers.emulator.connection import Connection
from drivers.emulator.faults import FaultInjector
from drivers.emulator.options import Options
from drivers.emulator.receiver import Request
from drivers.emulator.strengths import parse_strengths
from drivers.signals import stopped_by_signals

if TYPE_CHECKING:
    from drivers.emulator.terminal import Terminal

LOOK_AGAIN_S = 0.02
"""How often a serial line that nobody has open is looked at; no event tells that it was opened."""


class Server:
    """Serves one board to all who connect, until it is stopped."""

    def __init__(
        self, board: Board, faults: FaultInjector, listener: socket.socket | None, terminal: Terminal | None
    ) -> None:
        self._board, self._faults = board, faults
        self._listener, self._terminal = listener, terminal
        self._line: Connection | None = None
        self._connections: set[Connection] = set()
        self._requests: queue.SimpleQueue[tuple[Connection, Request | None] | None] = queue.SimpleQueue()
        self._answers: deque[tuple[Connection, bytes]] = deque()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._stop = threading.Event()

    def stop(self) -> None:
        """End :meth:`run` soon; from any thread or signal handler."""
        self._stop.set()
        self._ring()

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        worker = threading.Thread(target=self._work, name="board")
        worker.start()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ear, selectors.EVENT_READ)
                if self._listener is not None:
                    selector.register(self._listener, selectors.EVENT_READ)
                while not self._stop.is_set():
                    self._turn(selector)
        finally:
            self._requests.put(None)
            worker.join()
            for connection in self._connections:
                connection.channel.close()
            self._bell.close()
            self._ear.close()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        """Wait for something to happen, and deal with it."""
        self._watch(selector)
        events = selector.select(self._pause())
        now = time.monotonic()
        for key, mask in events:
            if key.fileobj is self._ear:
                self._ear.recv(4096)
            elif key.fileobj is self._listener:
                self._accept(now)
            elif mask & selectors.EVENT_READ:
                self._submit(key.data, key.data.take_in(now), selector)
        while self._answers:
            connection, answer = self._answers.popleft()
            connection.waiting_requests -= 1
            if answer:
                connection.post(self._faults.outgoing(answer), now)
        for connection in tuple(self._connections):
            if not connection.give_out(now):
                self._end(connection, selector, unplug=True)
            else:
                self._submit(connection, connection.give_up_waiting(now), selector)
        if self._terminal is not None and self._line is None and self._terminal.opened():
            self._line = self._begin(self._terminal, now)

    def _pause(self) -> float | None:
        """Seconds until something is due that no selector tells."""
        due = min((connection.next_time() for connection in self._connections), default=float("inf"))
        pause = max(0.0, due - time.monotonic())
        if self._terminal is not None and self._line is None:
            pause = min(pause, LOOK_AGAIN_S)
        return None if pause == float("inf") else pause

    def _watch(self, selector: selectors.BaseSelector) -> None:
        """Register each connection for exactly what it waits for."""
        for connection in self._connections:
            reading, writing = connection.wanted()
            mask = (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0)
            current = selector.get_map().get(connection.channel)
            if current is None and mask:
                selector.register(connection.channel, mask, connection)
            elif current is not None and not mask:
                selector.unregister(connection.channel)
            elif current is not None and current.events != mask:
                selector.modify(connection.channel, mask, connection)

    def _accept(self, now: float) -> None:
        try:
            accepted, _ = self._listener.accept() if self._listener else (None, None)
        except OSError:
            return  # The client went away while it waited.
        if accepted is not None:
            self._begin(SocketChannel(accepted), now)

    def _begin(self, channel: Channel, now: float) -> Connection:
        connection = Connection(channel, Session(self._board, self._serial_number), self._faults, now)
        self._connections.add(connection)
        return connection

    def _serial_number(self) -> str:
        return serial_number((self._board.seed + self._faults.swapped()) % 1_000_000)

    def _submit(self, connection: Connection, requests: list[Request] | None, selector: selectors.BaseSelector) -> None:
        if requests is None:
            self._end(connection, selector)
            return
        for request in requests:
            connection.waiting_requests += 1
            self._requests.put((connection, request))

    def _end(self, connection: Connection, selector: selectors.BaseSelector, unplug: bool = False) -> None:
        """The connection is over. A serial line ended from this side is unplugged and does not come back."""
        if selector.get_map().get(connection.channel) is not None:
            selector.unregister(connection.channel)
        self._connections.discard(connection)
        connection.closed = True
        connection.channel.close()
        if connection is self._line:
            self._line = None
            if unplug and self._terminal is not None and self._terminal.opened():
                self._terminal.dispose()
                self._terminal = None
        self._requests.put((connection, None))

    def _work(self) -> None:
        """Execute requests until there are no more; the only thread that touches the board."""
        try:
            self._execute_all()
        finally:
            self.stop()

    def _execute_all(self) -> None:
        while (item := self._requests.get()) is not None:
            connection, request = item
            if request is None:
                connection.session.end()
            elif not connection.closed:
                self._answers.append((connection, connection.session.execute(request)))
                self._ring()

    def _ring(self) -> None:
        try:
            self._bell.send(b"!")
        except OSError:
            return  # Full of rings already, or the server is closing: either way it will look.


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve an emulated board until a signal, Ctrl-C or the end of standard input stops it.

    Args:
        options: the board and where it is reached.
        announce: called once with one line of JSON when the board answers: ``serial``, ``tcp``, ``serial_number``,
            ``identity`` and ``pid``.

    Raises:
        BadInput: an option that cannot be used, in one sentence.
    """
    seed = options.check_seed()
    faults, strengths = FaultInjector(options.faults, seed), parse_strengths(options.physics)
    address, serial = options.addresses()
    with ExitStack() as stack:
        listener = stack.enter_context(listen(*address)) if address is not None else None
        terminal = stack.enter_context(_terminal()) if serial else None
        board = Board(seed, strengths)
        stack.callback(board.close)
        board.warm_up()
        server = Server(board, faults, listener, terminal)
        stack.enter_context(stopped_by_signals(server.stop))
        if options.until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        announce(
            json.dumps(
                {
                    "serial": terminal.name if terminal is not None else None,
                    "tcp": address_of(listener) if listener is not None else None,
                    "serial_number": serial_number(seed),
                    "identity": identity(serial_number(seed)),
                    "pid": os.getpid(),
                }
            )
        )
        server.run()


@contextmanager
def _terminal() -> Iterator[Terminal]:
    from drivers.emulator.terminal import Terminal  # POSIX only

    terminal = Terminal()
    try:
        yield terminal
    finally:
        terminal.dispose()


def _stop_at_end_of_input(server: Server) -> None:
    try:
        # Not sys.stdin: a thread inside its lock would keep the interpreter from ending.
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # No standard input at all has ended, too.
    server.stop()
