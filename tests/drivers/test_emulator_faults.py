"""Misbehaviour at the wire: what the specifications say, and what each kind does to an answer."""

from __future__ import annotations

import pytest

from data.errors import BadInput
from drivers.emulator.faults import INWARD, FaultInjector
from drivers.faults import KINDS, Delivery, Fault, parse_fault

ANSWER = bytes(range(40, 90)) + b"\n"


def data_of(delivery: Delivery) -> bytes:
    return b"".join(data for _, data in delivery.pieces)


def test_a_specification_is_read() -> None:
    assert parse_fault("flip:p=0.25:after=3:count=2:side=in", INWARD) == Fault("flip", "in", 0.25, 3, 2.0)
    assert parse_fault("late", INWARD).ms == 3000
    assert parse_fault("delay:ms=12.5", INWARD).ms == 12.5
    assert all(parse_fault(kind, INWARD).kind == kind for kind in KINDS)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        parse_fault("flop:p=2:after=-1:colour=red:side=up", INWARD)
    sentence = str(caught.value)
    for part in ("flop", "p is '2'", "after is '-1'", "colour=red", "side is 'up'"):
        assert part in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("spec", ["repeat:side=in", "flip:ms=3", "drop:p=nan", "delay:ms=-1", "cut:count=1.5", ""])
def test_settings_that_do_not_go_together_are_refused(spec: str) -> None:
    with pytest.raises(BadInput, match="--fault"):
        parse_fault(spec, INWARD)


def test_no_fault_leaves_answers_alone() -> None:
    injector = FaultInjector((), 1)
    assert injector.outgoing(ANSWER) == Delivery(((0.0, ANSWER),))
    assert injector.incoming(ANSWER) == ANSWER
    assert not injector.swapped()


def test_drop_cut_flip_repeat() -> None:
    assert data_of(FaultInjector(("drop",), 1).outgoing(ANSWER)) == b""
    cut = data_of(FaultInjector(("cut",), 1).outgoing(ANSWER))
    assert len(cut) < len(ANSWER)
    assert ANSWER.startswith(cut)
    flipped = data_of(FaultInjector(("flip",), 1).outgoing(ANSWER))
    assert sum((a ^ b).bit_count() for a, b in zip(flipped, ANSWER, strict=True)) == 1
    assert data_of(FaultInjector(("repeat",), 1).outgoing(ANSWER)) == ANSWER * 2


def test_delay_late_drip_hangup() -> None:
    assert FaultInjector(("delay:ms=20",), 1).outgoing(ANSWER) == Delivery(((0.02, ANSWER),))
    assert FaultInjector(("late",), 1).outgoing(ANSWER) == Delivery(((0.0, ANSWER),), late_s=3.0)
    drip = FaultInjector(("drip:ms=2",), 1).outgoing(ANSWER)
    assert data_of(drip) == ANSWER
    assert [wait for wait, _ in drip.pieces] == [0.0] + [0.002] * (len(ANSWER) - 1)
    assert len(FaultInjector(("drip",), 1).outgoing(ANSWER * 100).pieces) <= 64
    end = FaultInjector(("hangup",), 1).outgoing(ANSWER)
    assert end.hang_up
    assert data_of(end) == ANSWER[: len(ANSWER) // 2]


def test_faults_compose() -> None:
    delivery = FaultInjector(("repeat", "delay:ms=10", "drip:ms=1"), 1).outgoing(ANSWER)
    assert data_of(delivery) == ANSWER * 2
    assert delivery.pieces[0][0] == 0.01
    assert data_of(FaultInjector(("drop", "drip", "flip", "hangup"), 1).outgoing(ANSWER)) == b""


@pytest.mark.parametrize("second", ["cut", "flip", "repeat", "drip"])
def test_a_second_fault_may_find_nothing_left(second: str) -> None:
    assert data_of(FaultInjector(("drop", second), 1).outgoing(ANSWER)) == b""


def test_after_count_and_probability() -> None:
    injector = FaultInjector(("drop:after=2:count=3",), 1)
    struck = [not data_of(injector.outgoing(ANSWER)) for _ in range(8)]
    assert struck == [False, False, True, True, True, False, False, False]
    rare = FaultInjector(("drop:p=0.2",), 3)
    share = sum(not data_of(rare.outgoing(ANSWER)) for _ in range(2000)) / 2000
    assert 0.16 < share < 0.24


def test_draws_come_from_the_seed() -> None:
    def struck(seed: int) -> list[bytes]:
        injector = FaultInjector(("flip:p=0.5",), seed)
        return [data_of(injector.outgoing(ANSWER)) for _ in range(30)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


def test_requests_are_struck_only_where_asked() -> None:
    injector = FaultInjector(("drop:side=in:after=1",), 1)
    assert injector.incoming(ANSWER) == ANSWER
    assert injector.incoming(ANSWER) == b""
    assert data_of(injector.outgoing(ANSWER)) == ANSWER
    assert FaultInjector(("drop",), 1).incoming(ANSWER) == ANSWER


def test_another_board_answers_after_some_answers() -> None:
    injector = FaultInjector(("other-board:after=2",), 1)
    assert not injector.swapped()
    injector.outgoing(ANSWER)
    injector.outgoing(ANSWER)
    assert injector.swapped()
