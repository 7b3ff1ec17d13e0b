"""A proxy at work: in a thread of a program, or until a signal stops it."""

from __future__ import annotations

import json
import logging
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from data.errors import LabctlError
from drivers.address import LinkSettings, parse_address
from drivers.emulator.channel import Channel
from drivers.proxy.ends import Front, LineFront, PortFront, Server
from drivers.proxy.injector import Injector
from drivers.proxy.relay import Lane, Relay
from drivers.signals import stopped_by_signals

_log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.02
"""How often a serial line that nobody has open is looked at."""


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """How to start a proxy.

    Attributes:
        server: address of the board or instrument, see :mod:`drivers.address`.
        other: address of the one that ``other-board`` leads to; empty for none.
        tcp: ``HOST:PORT`` for clients (port 0 takes a free one), or None.
        serial: path for a serial line for clients, ``Path()`` for one of its own; None for no line.
        faults: see :mod:`drivers.faults`.
        seed: of all draws.
    """

    server: str
    other: str = ""
    tcp: str | None = "127.0.0.1:0"
    serial: Path | None = None
    faults: tuple[str, ...] = ()
    seed: int = 0


class Proxy:
    """A proxy in a thread, as long as its ``with`` block lasts.

    Attributes:
        tcp: ``HOST:PORT`` for clients, None without.
        serial: path of the serial line for clients, None without.
        injector: its faults; more can be armed while it runs.
    """

    def __init__(self, options: ProxyOptions) -> None:
        self._options = options
        self._swapped_until = 0.0
        self._relays: list[Relay] = []
        self._fronts: list[Front] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"labctl proxy {options.server}", daemon=True)
        self.injector = Injector(options.faults, options.seed, swaps=bool(options.other))
        self.tcp: str | None = None
        self.serial: str | None = None

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._bell, self._ear = socket.socketpair()
            undo.callback(self._bell.close)
            undo.callback(self._ear.close)
            if self._options.tcp is not None:
                port = PortFront(self._options.tcp)
                undo.callback(port.close)
                self._fronts.append(port)
                self.tcp = port.address
            if self._options.serial is not None:
                path = self._options.serial
                if path == Path():
                    path = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="labctl-proxy-"))) / "line"
                line = LineFront(path)
                undo.callback(line.close)
                self._fronts.append(line)
                self.serial = line.address
            self._thread.start()
            self._resources = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()
        self._thread.join()
        self._resources.close()

    def stop(self) -> None:
        """End soon; from any thread or signal handler."""
        self._stop.set()
        self._bell.send(b"!")

    def wait(self) -> None:
        """Wait until it has ended."""
        while self._thread.is_alive():
            self._thread.join(0.2)  # in slices, so that signals are served meanwhile

    def lead_back(self) -> None:
        """Lead connections that are made from now on to the board itself again."""
        self._swapped_until = 0.0

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._ear, selectors.EVENT_READ)
                for front in self._fronts:
                    descriptor = front.fileno()
                    if descriptor is not None:
                        selector.register(descriptor, selectors.EVENT_READ)
                while not self._stop.is_set():
                    self._turn(selector)
        finally:
            for relay in self._relays:
                relay.close()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        self._watch(selector)
        events = selector.select(self._pause())
        now = time.monotonic()
        gone: list[Relay] = []
        for key, mask in events:
            if key.data is not None and mask & selectors.EVENT_READ:
                relay, channel, lane = key.data
                before = relay.server
                if relay in gone or (channel is not relay.client and channel is not before.channel):
                    continue
                if not self._taken_in(relay, channel, lane, now):
                    gone.append(relay)
        for relay in self._relays:
            if not relay.turn(now) and relay not in gone:
                gone.append(relay)
        for relay in gone:
            self._end(relay, selector)
        for front in self._fronts:
            client = front.accept()
            if client is not None:
                self._begin(front, client)

    def _taken_in(self, relay: Relay, channel: Channel, lane: Lane, now: float) -> bool:
        try:
            return relay.take_in(channel, lane, now)
        except LabctlError as error:
            _log.warning("the other board cannot be reached: %s", error)
            return False

    def _pause(self) -> float:
        due = min((relay.next_time() for relay in self._relays), default=float("inf"))
        looking = LOOK_AGAIN_S if any(front.fileno() is None for front in self._fronts) else 1.0
        return max(0.0, min(due - time.monotonic(), looking))

    def _watch(self, selector: selectors.BaseSelector) -> None:
        """Register each end of each connection for exactly what it waits for."""
        wanted: dict[int, tuple[Channel, int, tuple[Relay, Channel, Lane]]] = {}
        for relay in self._relays:
            for channel, feeds, leads in relay.ends():
                reading, writing = relay.wanted(feeds, leads)
                mask = (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0)
                if mask:
                    wanted[channel.fileno()] = (channel, mask, (relay, channel, feeds))
        for key in list(selector.get_map().values()):
            entry = wanted.get(key.fd)
            if key.data is not None and (entry is None or entry[1] != key.events or entry[2] != key.data):
                selector.unregister(key.fd)
        for descriptor, (_, mask, data) in wanted.items():
            if selector.get_map().get(descriptor) is None:
                selector.register(descriptor, mask, data)

    def _begin(self, front: Front, client: Channel) -> None:
        try:
            self._relays.append(Relay(front, client, self._lead, self.injector))
        except LabctlError as error:
            _log.warning("a client cannot be led on: %s", error)
            client.close()
            front.left(unplug=True)

    def _end(self, relay: Relay, selector: selectors.BaseSelector) -> None:
        for channel in (relay.client, relay.server.channel):
            if channel.fileno() >= 0 and selector.get_map().get(channel.fileno()) is not None:
                selector.unregister(channel.fileno())
        self._relays.remove(relay)
        relay.close()
        relay.front.left(unplug=True)

    def _lead(self, swap_s: float | None) -> Server:
        now = time.monotonic()
        if swap_s is not None:
            self._swapped_until = now + swap_s if swap_s else float("inf")
        other = now < self._swapped_until
        return Server(parse_address(self._options.other if other else self._options.server, LinkSettings()))


def serve(options: ProxyOptions, announce: Callable[[str], None]) -> None:
    """Run a proxy until a signal or Ctrl-C stops it.

    Args:
        options: between whom, and with which faults.
        announce: called once with one line of JSON that says where clients find it: ``tcp``, ``serial``, ``server``.

    Raises:
        BadInput: an option that cannot be used, in one sentence.
    """
    parse_address(options.server, LinkSettings())
    with Proxy(options) as proxy, stopped_by_signals(proxy.stop):
        announce(json.dumps({"tcp": proxy.tcp, "serial": proxy.serial, "server": options.server}))
        proxy.wait()
