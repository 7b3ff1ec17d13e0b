"""The board driver against a small board in this process, byte by byte spoiled where a test says so."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadInput, Cancelled, LabctlError
from data.processor import AnalogProcessor
from data.values import Schedule
from drivers.board import AnalogBoard, board_on, board_with
from drivers.errors import BoardError, CannotOpen, LinkError, NotABoard, ProtocolError, WrongBoard
from drivers.exchange import Exchange

from .links import BoardLink
from .small_board import SmallBoard, checked

WEIGHTS = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
VECTORS = np.random.default_rng(1).integers(0, 4, (1300, 4), dtype=np.uint8)
PLAIN = Schedule()


def product(vectors: np.ndarray, weights: np.ndarray = WEIGHTS) -> np.ndarray:
    return np.clip(vectors.astype(int) @ weights.astype(int), -128, 127)


@pytest.fixture
def small() -> SmallBoard:
    return SmallBoard()


@pytest.fixture
def board(small: SmallBoard) -> AnalogBoard:
    return board_on(BoardLink(small.feed), timeout_s=0.05)


def test_it_is_an_analog_processor_and_knows_who_it_is(board: AnalogBoard) -> None:
    assert isinstance(board, AnalogProcessor)
    assert str(board.identity) == "SmallBoard SB-1, firmware 0.1 (SIMULATED)"
    assert (board.geometry.rows, board.geometry.columns, board.address) == (4, 3, "board")


def test_opening_and_closing_in_the_right_order(small: SmallBoard) -> None:
    link = BoardLink(small.feed)
    with board_on(link) as board:
        board.program(WEIGHTS)
    sent = [command for command in small.log if not command.endswith("?")]
    assert sent == ["SYSTem:LOCK", "*RST", "SUPPly:STATe", "WEIGht", "SYSTem:SAFE", "SYSTem:UNLock"]
    assert link.closed
    board.close()
    with pytest.raises(LinkError, match="has been closed"):
        board.multiply(VECTORS, PLAIN)


def test_products_arrive_whole_and_in_order(board: AnalogBoard) -> None:
    board.program(WEIGHTS)
    seen: list[tuple[int, int]] = []
    outputs = board.multiply(VECTORS, PLAIN, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(outputs, product(VECTORS))
    assert outputs.dtype == np.int16
    assert seen == [(512, 1300), (1024, 1300), (1300, 1300)]
    assert board.multiply(VECTORS[:0], PLAIN).shape == (0, 3)


def test_only_what_changed_is_sent(board: AnalogBoard, small: SmallBoard) -> None:
    board.program(WEIGHTS)
    board.multiply(VECTORS[:1], PLAIN)
    for action, sent in (
        (lambda: board.multiply(VECTORS[:1], PLAIN), []),
        (lambda: board.program(WEIGHTS.copy()), []),
        (lambda: board.multiply(VECTORS[:1], Schedule(spacing_ns=48)), ["SCHedule"]),
        (lambda: board.multiply(VECTORS[:1], Schedule((3, 2, 1, 0), 48)), ["SCHedule:ORDer"]),
        (lambda: board.program(-WEIGHTS), ["WEIGht"]),
    ):
        small.log.clear()
        action()
        assert [command for command in small.log if command != "MULTiply?"] == sent


def test_more_sends_make_smaller_blocks(board: AnalogBoard, small: SmallBoard) -> None:
    board.program(WEIGHTS)
    small.log.clear()
    board.multiply(VECTORS[:64], Schedule(sends=32))
    assert small.log.count("MULTiply?") == 4


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda board: board.program(np.full((4, 3), 64)), "weight 64 at row 0, column 0 is outside -63..63"),
        (lambda board: board.program(np.zeros((3, 3))), "the weights have shape 3 x 3; the board takes 4 x 3"),
        (lambda board: board.multiply(np.array([[0, 0, 32, 0]]), PLAIN), "activation 32 at vector 0, row 2"),
        (lambda board: board.multiply(np.array([[0, 0, 0.5, 0]]), PLAIN), "must be whole numbers"),
        (lambda board: board.multiply(VECTORS, Schedule(spacing_ns=41)), "41 ns is not a positive multiple"),
        (lambda board: board.multiply(VECTORS, Schedule(order=(0, 1, 2, 2))), "name each of the 4 rows once"),
    ],
)
def test_what_is_out_of_range_is_never_sent(
    board: AnalogBoard, small: SmallBoard, action: object, message: str
) -> None:
    board.program(WEIGHTS)
    small.log.clear()
    with pytest.raises(BadInput, match=message):
        action(board)  # type: ignore[operator]
    assert small.log == []
    np.testing.assert_array_equal(board.multiply(VECTORS, PLAIN), product(VECTORS))


def test_weights_changed_by_the_caller_afterwards_do_not_matter(board: AnalogBoard) -> None:
    weights = WEIGHTS.copy()
    board.program(weights)
    weights[:] = 1
    np.testing.assert_array_equal(board.multiply(VECTORS, PLAIN), product(VECTORS))


def test_the_safe_state_needs_weights_again(board: AnalogBoard, small: SmallBoard) -> None:
    with pytest.raises(BadInput, match="program it before multiplying"):
        board.multiply(VECTORS, PLAIN)
    board.program(WEIGHTS)
    board.safe()
    assert not small.supply
    assert not small.weights.any()
    with pytest.raises(BadInput, match="program it before multiplying"):
        board.multiply(VECTORS, PLAIN)
    board.program(WEIGHTS)
    np.testing.assert_array_equal(board.multiply(VECTORS, PLAIN), product(VECTORS))


def test_a_board_that_forgot_its_state_is_set_again(
    board: AnalogBoard, small: SmallBoard, caplog: pytest.LogCaptureFixture
) -> None:
    board.program(WEIGHTS)
    board.multiply(VECTORS, PLAIN)
    small.weights = np.zeros((4, 3), np.int8)
    small.order = small.order[::-1].copy()
    small.schedule = "8,1,1,0,0"
    np.testing.assert_array_equal(board.multiply(VECTORS, PLAIN), product(VECTORS))
    assert "schedule and weights have been set again" in caplog.text


def test_a_board_that_never_takes_the_state_is_an_error(board: AnalogBoard, small: SmallBoard) -> None:
    board.program(WEIGHTS)
    small.state = lambda: 1  # type: ignore[method-assign]
    with pytest.raises(BoardError, match="-250"):
        board.multiply(VECTORS, PLAIN)


def test_a_supply_that_went_off_is_an_error(board: AnalogBoard, small: SmallBoard) -> None:
    board.program(WEIGHTS)
    small.supply = False
    with pytest.raises(BoardError, match=r"supply is off \(-221\)"):
        board.multiply(VECTORS[:1], PLAIN)
    assert small.log.count("MULTiply?") == 1


def test_progress_can_stop_the_work(board: AnalogBoard) -> None:
    board.program(WEIGHTS)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        board.multiply(VECTORS, PLAIN, progress=stop)
    np.testing.assert_array_equal(board.multiply(VECTORS, PLAIN), product(VECTORS))


def test_the_snapshot_holds_what_could_be_read_and_why_not(board: AnalogBoard, small: SmallBoard) -> None:
    assert board.temperature() == 25.5
    assert board.supply_voltage() == 1.2
    small.replies["TEMPERATURE?"] = "hot"
    small.replies["SUPPLY:VOLTAGE?"] = 'ERR -310,"board fault"'
    temperature, voltage, supply = board.snapshot()
    assert "no board temperature" in temperature.error
    assert "board fault" in voltage.error
    assert temperature.value is None
    assert (supply.value, supply.unit, supply.error) == (True, "", "")
    assert board.snapshot(max_age_s=60)[0].value == 25.5
    assert 0 < board.snapshot(max_age_s=60)[0].age_s < 60


def test_outputs_outside_the_boards_own_range_are_not_believed(board: AnalogBoard, small: SmallBoard) -> None:
    small.replies["GEOMETRY?"] = "4,3,31,63,-2,2,8"
    narrow = board_on(BoardLink(small.feed), timeout_s=0.05)
    narrow.program(WEIGHTS)
    with pytest.raises(ProtocolError, match=r"outputs outside -2\.\.2"):
        narrow.multiply(VECTORS, PLAIN)


def test_another_board_is_refused_and_left_alone(small: SmallBoard) -> None:
    with pytest.raises(WrongBoard, match="the board at board is SB-1, not SB-2"):
        board_on(BoardLink(small.feed), serial_number="SB-2")
    assert "SYSTem:LOCK" not in small.log
    board_on(BoardLink(small.feed), serial_number="SB-1").close()


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ({"SYSTEM:PROTOCOL?": "LABCTL,2"}, 'speaks the protocol "LABCTL,2", not LABCTL,1'),
        ({"SYSTEM:PROTOCOL?": 'ERR -113,"unknown command"'}, "is no board: it refused SYSTem:PROTocol?"),
        ({"*IDN?": "just me"}, 'names itself "just me"'),
        ({"GEOMETRY?": "4,3,31,63,-128,127"}, "impossible geometry"),
        ({"GEOMETRY?": "4,3,31,63,-128,127,8,9"}, "impossible geometry"),
        ({"GEOMETRY?": "4,three,31,63,-128,127,8"}, "impossible geometry"),
        ({"GEOMETRY?": "0,3,31,63,-128,127,8"}, "impossible geometry"),
    ],
)
def test_what_is_almost_a_board_is_refused(small: SmallBoard, replies: dict[str, str], message: str) -> None:
    small.replies.update(replies)
    with pytest.raises(NotABoard) as caught:
        board_on(BoardLink(small.feed), timeout_s=0.05)
    assert message in str(caught.value)


def test_a_board_in_anothers_control_is_refused(small: SmallBoard) -> None:
    small.replies["SYSTEM:LOCK"] = 'ERR -203,"another client is in control"'
    with pytest.raises(CannotOpen, match="controlled by another client; close it there first"):
        board_on(BoardLink(small.feed))


def test_closing_over_a_dead_link_is_only_logged(small: SmallBoard, caplog: pytest.LogCaptureFixture) -> None:
    link = BoardLink(small.feed)
    board = board_on(link)
    link.close()
    board.close()
    assert "could not be put into its safe state on closing" in caplog.text


def test_threads_take_turns(board: AnalogBoard) -> None:
    wrong: list[int] = []

    def work(factor: int) -> None:
        for _ in range(20):
            with board.owned():
                board.program(WEIGHTS * factor)
                outputs = board.multiply(VECTORS[:50], PLAIN)
            if not np.array_equal(outputs, product(VECTORS[:50], WEIGHTS * factor)) or board.temperature() != 25.5:
                wrong.append(factor)

    threads = [threading.Thread(target=work, args=(factor,)) for factor in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _spoilt(answer: bytes, kind: str, place: int) -> bytes | None:
    place %= len(answer)
    before, byte, after = answer[:place], answer[place : place + 1], answer[place + 1 :]
    return {
        "removed": before + after,
        "repeated": before + byte + byte + after,
        "cut": before,
        "lost": None,
        "twice": answer + answer,
        **{f"bit {bit}": before + bytes([byte[0] ^ 1 << bit]) + after for bit in range(8)},
    }[kind]


KINDS = ["removed", "repeated", "cut", "lost", "twice", *(f"bit {bit}" for bit in range(8))]


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KINDS), st.integers(0, 5000), st.integers(0, 3), st.integers(1, 40))
def test_one_wrong_byte_never_makes_a_wrong_array(kind: str, place: int, which: int, vectors: int) -> None:
    small = SmallBoard()
    count = 0
    armed = False

    def spoil(answer: bytes) -> bytes | None:
        nonlocal count
        if not armed:
            return answer
        count += 1
        return _spoilt(answer, kind, place) if count == which + 1 else answer

    exchange = Exchange(BoardLink(small.feed, spoil), timeout_s=0.02, tries=4)
    board = board_with(exchange)
    armed = True
    board.program(WEIGHTS)
    np.testing.assert_array_equal(board.multiply(VECTORS[:vectors], PLAIN), product(VECTORS[:vectors]))
    np.testing.assert_array_equal(board.multiply(VECTORS[:3], PLAIN), product(VECTORS[:3]))
    assert board.temperature() == 25.5


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["removed", "cut", *(f"bit {bit}" for bit in range(8))]), st.integers(0, 5000))
def test_an_answer_that_is_always_spoilt_is_an_error(kind: str, place: int) -> None:
    small = SmallBoard()
    armed = False

    def spoil(answer: bytes) -> bytes | None:
        spoilt = answer.startswith(b"#") and armed
        return _spoilt(answer, kind, place) if spoilt else answer

    board = board_with(Exchange(BoardLink(small.feed, spoil), timeout_s=0.01, tries=2))
    board.program(WEIGHTS)
    armed = True
    with pytest.raises(LinkError):
        board.multiply(VECTORS[:7], PLAIN)


def test_a_plain_error_line_is_no_temperature(small: SmallBoard) -> None:
    board = board_on(BoardLink(small.feed, lambda answer: answer if b"25.5" not in answer else checked("25.5", 77)))
    with pytest.raises(LabctlError, match="belongs to another request"):
        board.temperature()
