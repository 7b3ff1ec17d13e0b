"""How much of a link's own rate is left when the driver uses it, and how much of a board's own rate.

A link's own rate is that of a raw echo: a client that does nothing but move bytes writes requests that were made
beforehand, two of them ahead of the answers, and reads the answers into memory without looking at them; its peer
counts bytes and sends as many back as an answer has. The driver talks to a peer that keeps the protocol, makes and
checks every message meanwhile, and is compared with that.

Links are compared twice: as fast as a wire of a laboratory, and as fast as the memory of this computer, which is what
a link to the same computer is. There every check costs a share, as the processor is the wire.

Rounds take turns, and the best round of each counts: whatever else a computer does only makes a round slower.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.errors import LabctlError
from data.values import Schedule
from drivers.board import BATCH, open_board
from drivers.emulator import Options, start
from drivers.wire import OVERHEAD, encode_message, state_digest
from labctl.progress import Listener, silent
from labctl.selftest.places import known_links

ROWS, COLUMNS = 128, 256
DEPTH: Final = 2
TIMEOUT_S: Final = 20.0
WIRES: Final = {"tcp": 118e6, "pty": 40e6}
"""Bytes per second: gigabit Ethernet with the frames of TCP, and a USB 2.0 port at high speed."""
HEAVY: Final = Schedule(sends=4, skip_zeros=False)
"""A schedule that keeps an emulated board busy for much longer than its link."""


@dataclass(frozen=True, slots=True)
class LinkRate:
    """One link.

    Attributes:
        efficiency: rate of the driver as a share of the raw echo, over a wire.
        vectors_per_s: rate of the driver over it.
        echo_vectors_per_s: rate of the raw echo over it.
        wire_bytes_per_s: rate of the wire.
        unlimited: as ``efficiency``, without a wire.
        unlimited_vectors_per_s: rate of the driver without a wire.
    """

    efficiency: float
    vectors_per_s: float
    echo_vectors_per_s: float
    wire_bytes_per_s: float
    unlimited: float
    unlimited_vectors_per_s: float


@dataclass(frozen=True, slots=True)
class BoardRate:
    """A run that the board limits.

    Attributes:
        efficiency: rate over the link as a share of the board's own.
        vectors_per_s: rate over the link.
        own_vectors_per_s: rate of the same board's physics in a program, without any link.
    """

    efficiency: float
    vectors_per_s: float
    own_vectors_per_s: float


def measure_links(
    links: tuple[str, ...] = (), *, batches: int = 24, rounds: int = 9, listener: Listener = silent
) -> dict[str, LinkRate]:
    """The rate of each kind of link, with batches of 512 vectors on an array of 128 x 256.

    Raises:
        BadInput: a link that is not known here.
        LabctlError: a peer did not start or broke.
    """
    found = {}
    names = known_links(links)
    for number, name in enumerate(names):
        listener(number / len(names), name)
        found[name] = _measure(name, batches, rounds)
    return found


def measure_board(*, seconds: float = 1.0, rounds: int = 3) -> BoardRate:
    """The rate of an emulated board over TCP, and the rate of the same physics in this program.

    Raises:
        LabctlError: the board did not start or broke.
    """
    from drivers.emulator.board import Board
    from drivers.emulator.strengths import parse_strengths

    vectors, weights = _vectors(4), _weights()
    own = Board(1, parse_strengths(()))
    try:
        own.take_control(own)
        own.supply = True
        own.arrange(HEAVY)
        own.program(weights)
        digest = state_digest(HEAVY, weights)

        def alone() -> None:
            for first in range(0, len(vectors), _HEAVY_BATCH):
                own.multiply(vectors[first : first + _HEAVY_BATCH], digest)

        with start(Options(seed=1, tcp="127.0.0.1:0")) as emulated, open_board(f"tcp://{emulated.tcp}") as board:
            board.program(weights)
            works: dict[str, Callable[[], object]] = {"own": alone, "link": lambda: board.multiply(vectors, HEAVY)}
            best = _best(works, rounds, seconds)
    finally:
        own.close()
    rates = {name: len(vectors) / took_s for name, took_s in best.items()}
    return BoardRate(round(rates["link"] / rates["own"], 3), round(rates["link"]), round(rates["own"]))


_HEAVY_BATCH: Final = BATCH // HEAVY.sends


def _measure(name: str, batches: int, rounds: int) -> LinkRate:
    wire = WIRES[name[:3]]
    driver, echo = _rates(name, batches, rounds, wire)
    fast_driver, fast_echo = _rates(name, batches, rounds, 0.0)
    return LinkRate(
        efficiency=round(driver / echo, 3),
        vectors_per_s=round(driver),
        echo_vectors_per_s=round(echo),
        wire_bytes_per_s=wire,
        unlimited=round(fast_driver / fast_echo, 3),
        unlimited_vectors_per_s=round(fast_driver),
    )


def _rates(name: str, batches: int, rounds: int, wire: float) -> tuple[float, float]:
    """Vectors per second of the driver and of a raw echo."""
    way, vectors, schedule = name[:3], _vectors(batches), Schedule()
    requests = [
        encode_message("MULTiply?", vectors[first : first + BATCH], first)[0] for first in range(0, len(vectors), BATCH)
    ]
    with ExitStack() as resources:
        clerk, echo = (resources.enter_context(_peer(kind, way, wire)) for kind in ("clerk", "echo"))

        def driven() -> float:
            with open_board(_address(name, clerk), timeout_s=TIMEOUT_S) as board:
                board.program(_weights())
                board.multiply(vectors[:BATCH], schedule)
                begin = time.perf_counter()
                board.multiply(vectors, schedule)
                return time.perf_counter() - begin

        driver_s = echo_s = float("inf")
        for _ in range(rounds):
            driver_s = min(driver_s, driven())
            echo_s = min(echo_s, _move(way, echo, requests))
    return len(vectors) / driver_s, len(vectors) / echo_s


def _best(works: dict[str, Callable[[], object]], rounds: int, seconds: float) -> dict[str, float]:
    """The shortest time of each, in rounds that take turns."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            stop = time.perf_counter() + seconds
            while (begin := time.perf_counter()) < stop:
                work()
                best[name] = min(best[name], time.perf_counter() - begin)
    return best


def _move(way: str, address: str, requests: list[bytes]) -> float:
    """Seconds in which requests are written and as many answers read, with a little ahead."""
    length = str(BATCH * COLUMNS * 2 + OVERHEAD)
    size = len(f"#{len(length)}{length}") + BATCH * COLUMNS * 2 + OVERHEAD + 1
    window = threading.Semaphore(DEPTH)
    answers = np.empty(size * len(requests), np.uint8).data
    with _raw(way, address) as (write, read):

        def send() -> None:
            for request in requests:
                window.acquire()
                write(request)

        begin = time.perf_counter()
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        for number in range(len(requests)):
            rest = answers[number * size : (number + 1) * size]
            while rest:
                rest = rest[read(rest) :]
            window.release()
        sender.join()
        return time.perf_counter() - begin


@contextmanager
def _raw(way: str, address: str) -> Iterator[tuple[Callable[[bytes], object], Callable[[memoryview], int]]]:
    """Bare writing and reading at an address."""
    if way == "tcp":
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection.sendall, connection.recv_into
        return
    import tty  # POSIX only

    descriptor = os.open(address, os.O_RDWR | os.O_NOCTTY)

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def read(there: memoryview) -> int:
        ready, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
        if not ready:
            raise LabctlError(f"the peer at {address} has stopped answering")
        return os.readv(descriptor, [there])

    try:
        tty.setraw(descriptor)
        yield write, read
    finally:
        os.close(descriptor)


@contextmanager
def _peer(kind: str, way: str, wire: float) -> Iterator[str]:
    """A peer in a process of its own; gives its address."""
    command = [sys.executable, "-P", "-m", "labctl.selftest.peer", kind, way]
    command += [str(BATCH), str(ROWS), str(COLUMNS), str(wire)]
    paths = [path for path in sys.path if path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            address = process.stdout.readline().decode("ascii").strip() if process.stdout else ""
            if not address:
                raise LabctlError(f"the {kind} for {way} did not start")
            yield address
        finally:
            process.kill()


def _address(name: str, place: str) -> str:
    host, _, port = place.rpartition(":")
    return {
        "tcp": f"tcp://{place}",
        "tcp-pyserial": f"socket://{place}",
        "tcp-pyvisa": f"visa@py:TCPIP::{host}::{port}::SOCKET",
        "pty-pyserial": place,
        "pty-pyvisa": f"visa@py:ASRL{place}::INSTR",
    }[name]


def _vectors(batches: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(1, 32, (BATCH * batches, ROWS), dtype=np.uint8)


def _weights() -> NDArray[np.int8]:
    return np.random.default_rng(1).integers(-63, 64, (ROWS, COLUMNS), dtype=np.int8)
