"""The engine: every way out leaves the hardware safe and the file right, and nothing can hold it up."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from data.errors import Problems
from drivers.errors import Disconnected
from labctl.engine import (
    TRANSITIONS,
    Engine,
    Limits,
    NotNow,
    Overdue,
    State,
    StateChanged,
    UnsafeState,
)
from labctl.engine.control import Control
from tests.labctl.benchwork import CountingWork, Supply
from tests.labctl.steering import PATIENCE_S, QUICK, ended, until, waits_for


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(QUICK)
    yield made
    made.close()


def test_a_run_to_its_end_is_safe_before_the_file_is_closed(engine: Engine) -> None:
    work = CountingWork(3)
    outcome = engine.run(work)
    assert (outcome.status, work.rows) == ("complete", [0, 1, 2])
    assert work.ended == ("complete", "")
    assert work.log[-2:] == ["safe", "end"]
    assert work.supply.is_safe
    assert engine.state is State.IDLE


def test_a_stop_keeps_what_was_measured(engine: Engine) -> None:
    work = CountingWork(100_000)
    engine.start(work)
    until(lambda: len(work.rows) > 3)
    engine.stop("lunch")
    assert ended(engine).status == "stopped"
    assert work.ended == ("stopped", "lunch")
    assert work.rows == list(range(len(work.rows)))
    assert work.supply.is_safe


def test_an_abort_ends_a_wait_at_once_and_is_recorded_as_one(engine: Engine) -> None:
    work = CountingWork(settle_s=1000)
    engine.start(work)
    until(lambda: waits_for(engine) == "settling")
    assert not work.supply.is_safe
    began = time.monotonic()
    engine.abort("smoke")
    assert ended(engine).status == "aborted"
    assert time.monotonic() - began < 5.0
    assert work.ended == ("aborted", "smoke")
    assert work.supply.is_safe
    assert work.rows == []


def test_pause_and_resume_lose_nothing(engine: Engine) -> None:
    work = CountingWork(10**6)
    box = engine.subscribe(10_000)
    engine.start(work)
    for _ in range(3):
        engine.pause("look")
        until(lambda: engine.state is State.PAUSED)
        held = len(work.rows)
        time.sleep(0.01)
        assert len(work.rows) == held
        engine.resume()
        until(lambda: len(work.rows) > 3)
    engine.stop()
    assert ended(engine).status == "stopped"
    assert work.rows == list(range(len(work.rows)))
    changes = [event for event in box.drain() if isinstance(event, StateChanged)]
    assert all(change.new in TRANSITIONS[change.old] for change in changes)
    assert all(one.new is two.old for one, two in pairwise(changes))


def test_a_pause_that_is_taken_back_at_the_last_moment_leaves_nothing_paused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reason(control: Control) -> str:
        # Between seeing that a pause was asked for and holding, the engine asks why.
        if control.state is State.PAUSING:
            control.resume()
        return ""

    monkeypatch.setattr(Control, "reason", property(reason))
    work = CountingWork(10**6)
    engine.start(work)
    engine.pause()
    until(lambda: len(work.rows) > 3)
    assert engine.state is State.RUNNING


def test_a_pause_in_a_wait_begins_the_setting_anew(engine: Engine) -> None:
    work = CountingWork(1, settle_s=0.2)
    engine.start(work)
    until(lambda: waits_for(engine) == "settling")
    engine.pause()
    until(lambda: engine.state is State.PAUSED)
    engine.resume()
    assert ended(engine).status == "complete"
    assert work.log.count("set voltage 3.0") == 2
    assert work.rows == [0]


def test_a_pause_that_lasts_too_long_is_a_stop() -> None:
    engine = Engine(Limits(pause_s=0.05))
    work = CountingWork(100_000)
    engine.start(work)
    engine.pause("forgotten")
    outcome = ended(engine)
    assert outcome.status == "stopped"
    assert outcome.gave_up
    assert "forgotten" in outcome.message
    assert work.supply.is_safe


def test_a_failure_is_safe_kept_and_passed_on(engine: Engine) -> None:
    work = CountingWork()
    work.breaks_at = 2
    with pytest.raises(ZeroDivisionError):
        engine.run(work)
    assert work.rows == [0, 1]
    assert work.log[-2:] == ["safe", "end"]
    assert work.ended is not None
    assert work.ended[0] == "failed"
    assert engine.status().state is State.FAILED
    engine.acknowledge()
    assert engine.status().state is State.IDLE


def test_a_call_that_never_returns_ends_the_run_at_its_deadline() -> None:
    engine = Engine(QUICK)
    work = CountingWork()
    work.hangs = threading.Event()
    work.deadline_s = 0.1
    with pytest.raises(Overdue, match=r"measuring: no end after 0\.1 s"):
        engine.run(work)
    assert work.supply.is_safe
    work.hangs.set()


def test_an_abort_does_not_wait_for_a_driver_that_hangs(engine: Engine) -> None:
    work = CountingWork()
    work.hangs = threading.Event()
    engine.start(work)
    assert work.measuring.wait(PATIENCE_S)
    began = time.monotonic()
    engine.abort()
    assert ended(engine).status == "aborted"
    assert time.monotonic() - began < 5.0
    assert work.supply.is_safe
    work.hangs.set()


def test_an_abort_lets_a_call_end_that_soon_does() -> None:
    engine = Engine(Limits(abort_s=10.0))
    work = CountingWork()
    work.hangs = threading.Event()
    engine.start(work)
    assert work.measuring.wait(PATIENCE_S)
    engine.abort()
    time.sleep(0.05)
    assert "safe" not in work.log, "nobody may talk into a conversation that is under way"
    work.hangs.set()
    assert ended(engine).status == "aborted"
    assert work.log.index("get current") < work.log.index("safe")


def test_a_safe_state_that_fails_is_said(engine: Engine) -> None:
    work = CountingWork(1)
    work.supply.refuses_safe = True
    with pytest.raises(UnsafeState, match="safe state of supply could not be confirmed: the relay is stuck"):
        engine.run(work)
    assert work.ended is not None
    assert work.ended[0] == "complete"
    assert "relay" in work.ended[1]
    assert engine.state is State.FAILED


def test_a_pulled_cable_is_a_pause_and_nothing_is_lost_or_twice(engine: Engine) -> None:
    work = CountingWork(200)
    box = engine.subscribe(10_000)
    engine.start(work)
    for _ in range(4):
        work.supply.linked = False
        until(lambda: work.supply.linked or work.ended is not None)
    assert ended(engine).status == "complete"
    assert work.rows == list(range(200))
    assert work.supply.reconnects >= 1
    assert State.PAUSED in [event.new for event in box.drain() if isinstance(event, StateChanged)]


def test_a_cable_that_stays_out_fails_the_run_with_the_rest_safe(engine: Engine) -> None:
    work = CountingWork(10**6)
    work.supply.comes_back = False
    engine.start(work)
    until(lambda: len(work.rows) > 2)
    work.supply.linked = False
    outcome = ended(engine)
    assert outcome.status == "failed"
    assert "did not come back" in outcome.message
    assert outcome.unsafe, "nobody can know the state of a supply that does not answer"
    assert work.rows == list(range(len(work.rows)))


def test_while_a_cable_stays_out_the_rest_is_made_safe(engine: Engine) -> None:
    work = CountingWork(10**6)
    other = Supply("other", work.log)
    other.set("voltage", 1.0)
    work.supply.comes_back = False
    work.others = {"other": other}
    safe_at_reconnect: list[bool] = []
    reconnect = work.supply.reconnect

    def noted(deadline_s: float) -> None:
        safe_at_reconnect.append(other.is_safe)
        reconnect(deadline_s)

    work.supply.reconnect = noted  # type: ignore[method-assign]
    engine.start(work)
    until(lambda: len(work.rows) > 2)
    work.supply.linked = False
    ended(engine)
    assert safe_at_reconnect == [False, True], "left alone for a glitch, safe for longer"


def test_a_link_that_is_lost_again_and_again_fails_the_run(engine: Engine) -> None:
    work = CountingWork(5)

    def get(name: str, max_age_s: float = 0.0) -> float:
        raise Disconnected("a bad plug", "supply", name)

    work.supply.get = get  # type: ignore[method-assign]
    with pytest.raises(Disconnected, match="a bad plug"):
        engine.run(work)
    assert work.supply.reconnects == QUICK.losses
    assert work.supply.is_safe


def test_a_full_disk_is_a_pause_with_the_hardware_safe(engine: Engine) -> None:
    work = CountingWork(5)
    work.disk_full = True
    engine.start(work)
    until(lambda: engine.state is State.PAUSED)
    assert work.supply.is_safe
    assert "disk is full" in engine.status().reason
    assert work.rows == []
    work.disk_full = False
    assert ended(engine).status == "complete"
    assert work.rows == [0, 1, 2, 3, 4]


def test_a_stop_on_a_full_disk_says_what_is_missing(engine: Engine) -> None:
    work = CountingWork(5)
    work.disk_full = True
    engine.start(work)
    until(lambda: engine.state is State.PAUSED)
    engine.stop()
    assert ended(engine).status == "stopped"
    assert work.rows == []
    assert work.supply.is_safe


def test_a_disk_that_is_full_at_the_end_is_waited_for(engine: Engine) -> None:
    work = CountingWork(2)
    work.end_full = 3
    assert engine.run(work).status == "complete"
    assert work.log.index("safe") < work.log.index("end")
    assert work.ended == ("complete", "")


def test_all_reasons_against_a_start_come_at_once(engine: Engine) -> None:
    work = CountingWork()
    work.refuses = ("the board is another one", "the disk is too small")
    with pytest.raises(Problems) as caught:
        engine.start(work, requirements=[lambda: ["no meter", "the disk is too small"]])
    assert caught.value.problems == ("the board is another one", "the disk is too small", "no meter")
    assert work.log == []
    assert engine.state is State.IDLE


def test_one_run_at_a_time_and_nothing_to_steer_without_one(engine: Engine) -> None:
    for ask in (engine.pause, engine.resume, engine.stop, engine.abort):
        with pytest.raises(NotNow, match="idle"):
            ask()
    engine.start(CountingWork(settle_s=1000))
    with pytest.raises(NotNow, match="one run at a time"):
        engine.start(CountingWork())


def test_closing_the_engine_aborts_what_runs() -> None:
    engine = Engine(QUICK)
    work = CountingWork(settle_s=1000)
    engine.start(work)
    engine.close()
    assert work.ended is not None
    assert work.ended[0] == "aborted"
    assert work.supply.is_safe
    engine.close()
