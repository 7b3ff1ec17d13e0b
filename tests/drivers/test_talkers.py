"""Devices that say too much: without pause, or answers that nobody asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from data.errors import BadInput
from data.values import Schedule
from drivers import board_on, open_board
from tests.drivers.links import BoardLink
from tests.drivers.small_board import SmallBoard


@pytest.fixture
def flooder() -> Iterator[str]:
    """A server that never stops talking; its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        with client, contextlib.suppress(OSError):
            while True:
                client.sendall(b"temperature 21.5\n" * 1000)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    server.close()
    thread.join()


def test_a_device_that_talks_without_pause_is_left_in_time(flooder: str) -> None:
    begun = time.monotonic()
    with pytest.raises(BadInput):
        open_board(flooder, timeout_s=0.3)
    assert time.monotonic() - begun < 20


def test_an_answer_that_nobody_asked_for_is_never_believed() -> None:
    small = SmallBoard()
    strays = iter([b"stray\n" if turn % 5 == 4 else b"" for turn in range(2000)])
    link = BoardLink(small.feed, lambda answer: answer + next(strays, b""))
    weights = np.arange(12, dtype=np.int8).reshape(4, 3)
    vectors = np.random.default_rng(1).integers(0, 32, (3000, 4)).astype(np.uint8)
    with board_on(link, timeout_s=0.5) as board:
        board.program(weights)
        for _ in range(5):
            outputs = board.multiply(vectors, Schedule())
            expected = vectors.astype(int) @ weights.astype(int)
            assert np.array_equal(outputs, np.clip(expected, -128, 127))
        assert board.statistics.repeats > 0
