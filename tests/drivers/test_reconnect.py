"""A board whose link was lost: closed, opened again, known again, set again, or a clear error in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from data.errors import BadInput, Cancelled
from data.instrument import Instrument, Reconnectable
from data.values import Schedule
from drivers.board import AnalogBoard, board_on, board_with
from drivers.errors import BoardError, CannotOpen, Disconnected, LinkError, LinkTimeout, WrongBoard
from drivers.exchange import Exchange
from drivers.link import Link

from .links import BoardLink
from .small_board import SmallBoard

WEIGHTS = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
VECTORS = np.random.default_rng(1).integers(0, 4, (60, 4), dtype=np.uint8)
BACKWARDS = Schedule((3, 2, 1, 0), 48)


def product() -> np.ndarray:
    return np.clip(VECTORS.astype(int) @ WEIGHTS, -128, 127)


class Bench:
    """A board behind a port that can be unplugged, and that whatever ``plugged`` is can be plugged into."""

    def __init__(self) -> None:
        self.plugged: SmallBoard | None = SmallBoard()
        self.first = self.plugged
        self.links: list[BoardLink] = []
        self.opened = 0
        self.before_open: Callable[[], None] = lambda: None
        self.board = board_with(Exchange(self._open(1.0), timeout_s=0.05), reopen=self._open)

    def _open(self, within_s: float) -> Link:
        self.opened += 1
        self.before_open()
        if self.plugged is None:
            raise CannotOpen("there is no port")
        self.links.append(BoardLink(self.plugged.feed))
        return self.links[-1]

    def unplug(self) -> None:
        """What a board does when its link ends: supply off, weights zero."""
        self.links[-1].closed = True
        self.first.supply, self.first.weights = False, np.zeros((4, 3), np.int8)

    def work(self) -> np.ndarray:
        self.board.program(WEIGHTS)
        return self.board.multiply(VECTORS, BACKWARDS)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_board_keeps_the_contracts_of_the_bench(bench: Bench) -> None:
    assert isinstance(bench.board, Instrument)
    assert isinstance(bench.board, Reconnectable)
    assert bench.board.name == "board"


def test_it_comes_back_with_its_state(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    np.testing.assert_array_equal(bench.work(), product())
    before = bench.board.statistics.exchanges
    bench.unplug()
    with pytest.raises(Disconnected):
        bench.board.multiply(VECTORS, BACKWARDS)
    bench.board.reconnect(5)
    assert bench.links[0].closed
    assert (bench.first.supply, bench.first.schedule) == (True, "48,1,1,1000,5000")
    bench.first.log.clear()
    np.testing.assert_array_equal(bench.board.multiply(VECTORS, BACKWARDS), product())
    assert {"WEIGht", "SCHedule"}.isdisjoint(bench.first.log)
    assert "power-cycled" not in caplog.text
    assert bench.board.statistics.exchanges > before


def test_a_power_cycle_is_noticed_and_made_good(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.work()
    bench.unplug()
    bench.first.reset()
    bench.board.reconnect(5)
    assert "has been power-cycled or used by others" in caplog.text
    np.testing.assert_array_equal(bench.board.multiply(VECTORS, BACKWARDS), product())


def test_a_power_cycle_that_the_link_does_not_show_is_made_good(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.work()
    bench.first.reset()
    np.testing.assert_array_equal(bench.board.multiply(VECTORS, BACKWARDS), product())
    assert bench.first.supply
    assert "switching it on again" in caplog.text


def test_another_board_is_refused_at_once_and_left_alone(bench: Bench) -> None:
    bench.work()
    bench.unplug()
    bench.plugged = SmallBoard(serial_number="SB-2")
    start = time.monotonic()
    with pytest.raises(WrongBoard, match="the board at board is SB-2 now, it was SB-1"):
        bench.board.reconnect(5)
    assert time.monotonic() - start < 2
    assert bench.opened == 2
    assert bench.links[-1].closed
    assert not [command for command in bench.plugged.log if not command.endswith("?")]
    with pytest.raises(LinkError):
        bench.board.temperature()
    bench.plugged = bench.first
    bench.board.reconnect(5)
    np.testing.assert_array_equal(bench.board.multiply(VECTORS, BACKWARDS), product())


@pytest.mark.parametrize("safe_first", [False, True])
def test_a_board_swapped_behind_an_open_link_is_never_believed(bench: Bench, safe_first: bool) -> None:
    bench.work()
    if safe_first:
        bench.board.safe()
    other = SmallBoard(serial_number="SB-2")
    bench.links[-1]._feed = other.feed
    with pytest.raises(WrongBoard, match="SB-2 now, it was SB-1"):
        bench.work()
    assert not other.supply
    assert not other.weights.any()


@pytest.mark.parametrize("command", ["SYSTem:LOCK", "*RST", "SUPPly:STATe"])
@pytest.mark.parametrize("way", ["open", "program", "reconnect"])
def test_a_board_swapped_while_it_is_being_set_up_is_never_believed(bench: Bench, command: str, way: str) -> None:
    """The hardest moment: the right board has said who it is, and the next command goes to another one."""
    other = SmallBoard(serial_number="SB-2")
    first = bench.first.feed

    def feed(data: bytes) -> bytes:
        nonlocal first
        if data.startswith(command.encode()):
            first = other.feed
        return first(data)

    bench.work()
    if way == "program":
        bench.board.safe()
    else:
        bench.unplug()
    bench.first.feed = feed  # type: ignore[method-assign]
    bench.links[-1]._feed = feed
    if way == "open":
        with pytest.raises(WrongBoard):
            board_with(Exchange(BoardLink(feed), timeout_s=0.05))
        assert not other.supply
    elif way == "reconnect":
        with pytest.raises(WrongBoard):
            bench.board.reconnect(5)
    elif command == "SUPPly:STATe":
        with pytest.raises(WrongBoard):
            bench.work()
        assert not other.supply


def test_the_readings_of_a_swapped_board_are_not_used(bench: Bench) -> None:
    bench.work()
    assert [reading.error for reading in bench.board.snapshot()] == ["", "", ""]
    bench.first.supply = False
    assert [reading.value for reading in bench.board.snapshot()] == [25.5, 1.2, False]
    other = SmallBoard(serial_number="SB-2")
    other.replies["TEMPERATURE?"] = "99"
    bench.links[-1]._feed = other.feed
    for reading in bench.board.snapshot():
        assert reading.value is None
        assert "SB-2 now, it was SB-1" in reading.error


def test_another_firmware_is_another_board(bench: Bench) -> None:
    bench.unplug()
    bench.first.replies["*IDN?"] = "tests,SmallBoard,SB-1,0.2"
    with pytest.raises(WrongBoard, match=r"firmware 0\.2 .* it was SmallBoard SB-1, firmware 0\.1"):
        bench.board.reconnect(5)


def test_settings_that_do_not_arrive_are_not_believed(bench: Bench) -> None:
    bench.work()
    bench.unplug()
    bench.first.state = lambda: 1  # type: ignore[method-assign]
    with pytest.raises(LinkTimeout, match=r"the settings read back differ .*state 00000001, supply 1"):
        bench.board.reconnect(0.4)


def test_a_board_that_stays_away_is_an_error_in_time_and_may_be_tried_again(bench: Bench) -> None:
    bench.work()
    bench.unplug()
    bench.plugged = None
    start = time.monotonic()
    with pytest.raises(LinkTimeout, match=r"not come back within 0\.4 s \(tried \d times; the last time: there is"):
        bench.board.reconnect(0.4)
    assert time.monotonic() - start < 1
    assert 3 <= bench.opened - 1 <= 5
    with pytest.raises(Disconnected):
        bench.board.temperature()
    bench.plugged = bench.first
    bench.board.reconnect(5)
    np.testing.assert_array_equal(bench.board.multiply(VECTORS, BACKWARDS), product())


def test_a_silent_board_does_not_hold_it_up(bench: Bench) -> None:
    bench.unplug()
    bench.first.feed = lambda data: b""  # type: ignore[method-assign]
    start = time.monotonic()
    with pytest.raises(LinkTimeout, match="did not come back"):
        bench.board.reconnect(0.5)
    assert time.monotonic() - start < 1.2


def test_a_board_still_held_by_its_lost_connection_is_waited_for(bench: Bench) -> None:
    bench.work()
    bench.unplug()
    bench.first.replies["SYSTEM:LOCK"] = 'ERR -203,"another client is in control"'

    def let_go() -> None:
        if bench.opened == 4:
            del bench.first.replies["SYSTEM:LOCK"]

    bench.before_open = let_go
    bench.board.reconnect(5)
    assert bench.opened == 4


def test_a_safe_board_comes_back_safe(bench: Bench) -> None:
    bench.work()
    bench.board.safe()
    bench.unplug()
    bench.board.reconnect(5)
    assert not bench.first.supply
    with pytest.raises(BadInput, match="program it before"):
        bench.board.multiply(VECTORS, BACKWARDS)
    np.testing.assert_array_equal(bench.work(), product())


def test_it_can_be_stopped(bench: Bench) -> None:
    bench.unplug()
    bench.plugged = None
    start = time.monotonic()
    with pytest.raises(Cancelled, match="coming back was stopped"):
        bench.board.reconnect(30, lambda: bench.opened > 2)
    assert time.monotonic() - start < 2


def test_closing_ends_it(bench: Bench) -> None:
    bench.unplug()
    bench.plugged = None
    closer = threading.Timer(0.2, bench.board.close)
    closer.start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        bench.board.reconnect(30)
    closer.join()
    assert time.monotonic() - start < 2
    with pytest.raises(LinkError, match="has been closed"):
        bench.board.reconnect(1)


def test_another_call_that_hangs_is_waited_for_until_the_deadline(bench: Bench) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with bench.board.owned():
            held.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(LinkTimeout, match=r"another call has kept it busy for 0\.1 s"):
        bench.board.reconnect(0.1)
    let_go.set()
    thread.join()


def test_a_link_that_was_handed_over_open_is_not_opened_again() -> None:
    board: AnalogBoard = board_on(BoardLink(SmallBoard().feed), timeout_s=0.05)
    with pytest.raises(LinkError, match="nobody knows how to open its link again"):
        board.reconnect(1)


def test_the_supply_is_a_quantity_like_any_other(bench: Bench) -> None:
    board = bench.board
    assert board.quantities["temperature"].unit == "degC"
    assert not board.quantities["temperature"].settable
    board.program(WEIGHTS)
    board.set("supply", value=False)
    assert board.get("supply") is False
    with pytest.raises(BoardError, match="supply is off"):
        board.multiply(VECTORS, BACKWARDS)
    board.set("supply", value=True)
    np.testing.assert_array_equal(board.multiply(VECTORS, BACKWARDS), product())
    for name, value, message in (
        ("supply", 2.0, "cannot be 2.0"),
        ("supply", "off", "cannot be 'off'"),
        ("temperature", 3.0, "can only be read"),
        ("colour", 1.0, "there is no 'colour' to read or set; there are temperature"),
    ):
        with pytest.raises(BadInput, match=message):
            board.set(name, value)
    with pytest.raises(BadInput, match="there is no 'colour'"):
        board.get("colour")
