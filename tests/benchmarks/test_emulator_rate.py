"""How many full vectors the emulated board answers a second over each link, two batches in flight."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest
import serial

from data.values import Schedule
from drivers.emulator import EmulatedBoard, Options, start
from drivers.wire import decode_line, decode_payload, encode_block, encode_line, state_digest

GOAL = 10_000
BATCH, BATCHES = 512, 8


class Client:
    """The least a client can do, so that the board is what is measured."""

    def __init__(self, send: Callable[[bytes], object], receive: Callable[[], bytes]) -> None:
        self.send, self._receive, self._held = send, receive, bytearray()

    def take(self, count: int) -> bytes:
        while len(self._held) < count:
            self._held += self._receive()
        data = bytes(self._held[:count])
        del self._held[:count]
        return data

    def line(self) -> str:
        data = b""
        while not data.endswith(b"\n"):
            data += self.take(1)
        return decode_line(data[:-1]).text

    def outputs(self) -> np.ndarray:
        payload = self.take(int(self.take(int(self.take(2)[1:]))))
        self.take(1)
        return decode_payload(payload).array


def measure(client: Client, requests: list[bytes]) -> None:
    """Send all requests, never more than two ahead of the answers."""
    ahead = threading.Semaphore(2)

    def send() -> None:
        for request in requests:
            ahead.acquire()
            client.send(request)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    for _ in requests:
        assert client.outputs().shape == (BATCH, 256)
        ahead.release()
    sender.join()


def prepare(client: Client) -> list[bytes]:
    rng = np.random.default_rng(0)
    weights = rng.integers(-63, 64, (128, 256)).astype(np.int8)
    client.send(encode_line("SUPP:STAT ON", 1) + b"WEIG " + encode_block(weights, 2)[0] + b"\n")
    assert [client.line(), client.line()] == ["OK", "OK"]
    digest = state_digest(Schedule(), weights)
    vectors = rng.integers(1, 32, (BATCHES, BATCH, 128)).astype(np.uint8)
    return [b"MULT? " + encode_block(batch, number, digest)[0] + b"\n" for number, batch in enumerate(vectors)]


def report(benchmark: object, seconds: float) -> None:
    if seconds:
        rate = BATCH * BATCHES / seconds
        benchmark.extra_info["vectors_per_second"] = round(rate)  # type: ignore[attr-defined]
        benchmark.extra_info["ratio_to_goal"] = round(rate / GOAL, 2)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def board() -> EmulatedBoard:
    with start(Options(seed=1)) as running:
        yield running


def test_rate_over_tcp(benchmark, board: EmulatedBoard) -> None:
    host, port = str(board.tcp).split(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as link:
        client = Client(link.sendall, lambda: link.recv(1 << 20))
        requests = prepare(client)
        benchmark.pedantic(measure, (client, requests), rounds=3, warmup_rounds=1)
    report(benchmark, benchmark.stats.stats.min if benchmark.stats else 0.0)


def test_rate_over_a_serial_line(benchmark, board: EmulatedBoard) -> None:
    if board.serial is None:
        pytest.skip("this platform has no pseudo-terminals")
    with closing(serial.Serial(board.serial, exclusive=True, timeout=30)) as link:
        client = Client(link.write, lambda: link.read(link.in_waiting or 1))
        requests = prepare(client)
        benchmark.pedantic(measure, (client, requests), rounds=3, warmup_rounds=1)
    report(benchmark, benchmark.stats.stats.min if benchmark.stats else 0.0)
