"""Devices that say too much: without pause, or answers that nobody asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from data.errors import BadInput
from data.values import Schedule
from drivers import board_on, exchange, open_board
from drivers.wire import encode_message
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


def test_an_answer_before_its_request_is_never_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*arguments: Any) -> tuple[bytes, int]:
        time.sleep(0.05)  # the sender is held up, so that the stray line is read first
        return encode_message(*arguments)

    link = BoardLink(SmallBoard().feed)
    weights = np.arange(12, dtype=np.int8).reshape(4, 3)
    vectors = np.random.default_rng(1).integers(0, 32, (1500, 4)).astype(np.uint8)
    expected = np.clip(vectors.astype(int) @ weights.astype(int), -128, 127)
    with board_on(link, timeout_s=0.5) as board:
        board.program(weights)
        board.multiply(vectors, Schedule())  # schedule and weights are set from here on
        monkeypatch.setattr(exchange, "encode_message", slowly)
        link._incoming += b"stray\n"
        assert np.array_equal(board.multiply(vectors, Schedule()), expected)
        assert board.statistics.repeats >= 1
