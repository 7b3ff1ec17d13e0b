"""The driver against the emulated board in its own process: over TCP and a terminal, by pyserial and by pyvisa."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from data.values import Schedule
from drivers import BoardError, CannotOpen, Disconnected, LinkTimeout, WrongBoard, discover, open_board
from drivers.board import AnalogBoard
from drivers.emulator import EmulatedBoard, Options, start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")

QUIET = ("noise=off", "drift=off", "temperature=off")
EXACT = ("all=off", "gain=1", "geometry=32x16")
BOTH = {"tcp": "127.0.0.1:0", "serial": True, "until_stdin_closes": True}
WAYS: dict[str, Callable[[EmulatedBoard], str]] = {
    "tcp": lambda board: f"tcp://{board.tcp}",
    "tcp by pyserial": lambda board: f"socket://{board.tcp}",
    "tcp by pyvisa": lambda board: "visa@py:TCPIP::{}::{}::SOCKET".format(*str(board.tcp).split(":")),
    "terminal by pyserial": lambda board: str(board.serial),
    "terminal by pyvisa": lambda board: f"visa@py:ASRL{board.serial}::INSTR",
}
RANDOM = np.random.default_rng(5)
WEIGHTS = RANDOM.integers(-63, 64, (128, 256), dtype=np.int8)
VECTORS = RANDOM.integers(0, 32, (1200, 128), dtype=np.uint8)
SCHEDULE = Schedule(tuple(RANDOM.permutation(128).tolist()), 48, 1)


@pytest.fixture(scope="module")
def emulated() -> Iterator[EmulatedBoard]:
    with start(Options(seed=11, physics=QUIET, **BOTH)) as board:
        yield board


@pytest.fixture(scope="module")
def reference(emulated: EmulatedBoard) -> np.ndarray:
    with open_board(f"tcp://{emulated.tcp}") as board:
        board.program(WEIGHTS)
        return board.multiply(VECTORS, SCHEDULE)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_the_same_answers_by_every_way(
    emulated: EmulatedBoard, reference: np.ndarray, way: Callable[[EmulatedBoard], str]
) -> None:
    with open_board(way(emulated), serial_number="EMU-000011") as board:
        assert board.identity.simulated
        assert (board.geometry.rows, board.geometry.columns) == (128, 256)
        board.program(WEIGHTS)
        np.testing.assert_array_equal(board.multiply(VECTORS, SCHEDULE), reference)
        board.program(-WEIGHTS)
        assert np.count_nonzero(board.multiply(VECTORS, SCHEDULE) != reference) > reference.size // 2
        assert [reading.error for reading in board.snapshot()] == ["", "", ""]
        assert board.statistics.repeats == 0
    assert np.unique(reference).size > 50


def test_another_board_and_a_board_in_use_are_refused(emulated: EmulatedBoard) -> None:
    with pytest.raises(WrongBoard, match="is EMU-000011, not EMU-000012"):
        open_board(f"tcp://{emulated.tcp}", serial_number="EMU-000012")
    with open_board(f"tcp://{emulated.tcp}") as board:
        with pytest.raises(CannotOpen, match="controlled by another client"):
            open_board(str(emulated.serial))
        assert board.temperature() == pytest.approx(25, abs=15)
    open_board(str(emulated.serial)).close()


def test_discovery_finds_it_at_both_places_even_when_it_is_in_use(emulated: EmulatedBoard) -> None:
    with open_board(str(emulated.serial)):
        (board,) = discover([str(emulated.tcp)], serial_ports=False)
    assert board.identity is not None
    assert board.identity.serial_number == "EMU-000011"
    found = discover([str(emulated.tcp), str(emulated.serial)], serial_ports=False)
    assert all(candidate.is_board for candidate in found)


def test_the_safe_state_switches_it_off(emulated: EmulatedBoard) -> None:
    with open_board(f"tcp://{emulated.tcp}") as board:
        board.safe()
        assert [reading.value for reading in board.snapshot() if reading.name == "supply"] == [False]
        board.program(WEIGHTS)
        assert [reading.value for reading in board.snapshot() if reading.name == "supply"] == [True]


def check_exact(board: AnalogBoard, rounds: int) -> None:
    """Many multiplications with changing settings; an exact board lets no wrong number through unseen."""
    random = np.random.default_rng(0)
    for _ in range(rounds):
        weights = random.integers(-3, 4, (32, 16), dtype=np.int8)
        vectors = random.integers(0, 3, (random.integers(1, 40), 32), dtype=np.uint8)
        schedule = Schedule(tuple(random.permutation(32).tolist()), sends=int(random.integers(64, 65)))
        board.program(weights)
        outputs = board.multiply(vectors, schedule)
        exact = np.clip(schedule.sends * (vectors.astype(int) @ weights), -128, 127)
        np.testing.assert_array_equal(outputs, exact)


FAULTS = (
    "flip:p=0.04",
    "repeat:p=0.03",
    "drip:p=0.02:ms=1",
    "flip:p=0.03:side=in",
    "drop:p=0.01:side=in",
    "late:p=0.01:ms=400",
    "cut:p=0.02",
    "drop:p=0.02",
)


@pytest.mark.parametrize("way", ["tcp", "terminal by pyserial"])
def test_a_misbehaving_line_costs_time_and_nothing_else(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.ERROR),
        start(Options(seed=6, physics=EXACT, faults=FAULTS, **BOTH)) as emulated,
        open_board(WAYS[way](emulated), timeout_s=0.2) as board,
    ):
        check_exact(board, 15)
        statistics = board.statistics
    assert statistics.repeats >= 3
    assert statistics.resynchronisations >= statistics.repeats
    assert statistics.protocol_errors >= 1


@pytest.mark.parametrize("way", ["tcp by pyvisa", "terminal by pyserial"])
def test_a_board_that_dies_is_disconnected_and_closing_does_not_raise(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with start(Options(seed=4, physics=EXACT, **BOTH)) as emulated:
        board = open_board(WAYS[way](emulated))
        os.kill(emulated.pid, signal.SIGKILL)
        time.sleep(0.1)
        with pytest.raises(Disconnected, match="EMU-000004"):
            board.temperature()
        board.close()
    assert "could not be put into its safe state on closing" in caplog.text


def test_a_frozen_board_is_a_timeout_and_comes_back() -> None:
    options = Options(seed=4, physics=EXACT, **BOTH)
    with start(options) as emulated, open_board(str(emulated.serial), timeout_s=0.1) as board:
        os.kill(emulated.pid, signal.SIGSTOP)
        try:
            with pytest.raises(LinkTimeout, match=r"EMU-000004.*\(command TEMPerature\?\)"):
                board.temperature()
        finally:
            os.kill(emulated.pid, signal.SIGCONT)
        check_exact(board, 2)


def test_hanging_up_in_the_middle_of_an_answer() -> None:
    options = Options(seed=4, physics=EXACT, faults=("hangup:after=15:count=1",), **BOTH)
    with start(options) as emulated:
        board = open_board(f"tcp://{emulated.tcp}")
        with pytest.raises((Disconnected, BoardError)):
            check_exact(board, 10)
        board.close()
        with open_board(f"tcp://{emulated.tcp}") as again:
            check_exact(again, 3)
