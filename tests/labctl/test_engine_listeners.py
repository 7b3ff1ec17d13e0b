"""Whoever listens to a run can neither slow it nor stop it by accident."""

import time
from collections.abc import Iterator

import pytest

from data.errors import LabctlError
from labctl.engine import (
    Engine,
    Mailbox,
    Progress,
    Rows,
    State,
    StateChanged,
)
from tests.labctl.benchwork import CountingWork
from tests.labctl.steering import QUICK


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(QUICK)
    yield made
    made.close()


def test_a_listener_that_never_looks_costs_nothing(engine: Engine) -> None:
    work = CountingWork(2000)
    deaf = engine.subscribe(4)
    assert engine.run(work).status == "complete"
    events = deaf.drain()
    assert len(events) <= 4 + 4
    assert isinstance(events[0], StateChanged)
    assert [event.done for event in events if isinstance(event, Progress)][-1] == 2000


def test_a_mailbox_is_bounded_and_never_loses_a_change_of_state() -> None:
    box = Mailbox(3)
    change = StateChanged(State.IDLE, State.RUNNING)
    for number in range(100):
        box.put(Rows(number, {}))
        box.put(Progress(number, 100, ""))
        if number % 10 == 0:
            box.put(change)
    assert box.dropped == 99
    events = box.drain()
    assert [event.first for event in events if isinstance(event, Rows)] == [99]
    assert [event.done for event in events if isinstance(event, Progress)] == [98, 99]
    assert events.count(change) == 10
    assert box.take() is None


def test_a_slow_listener_hears_the_last_of_it(engine: Engine) -> None:
    heard: list[float] = []

    def listen(share: float, _: str) -> None:
        heard.append(share)
        time.sleep(0.02)

    began = time.monotonic()
    engine.run(CountingWork(1000), listener=listen)
    assert time.monotonic() - began < 10.0
    assert len(heard) < 1000
    assert heard[-1] == 1.0


def test_a_listener_that_raises_stops_the_run(engine: Engine) -> None:
    work = CountingWork(10**6)

    def listen(_share: float, _what: str) -> None:
        raise LabctlError("the plot is broken")

    with pytest.raises(LabctlError, match="plot is broken"):
        engine.run(work, listener=listen)
    assert engine.state is State.IDLE
    assert work.ended is not None
    assert work.ended[0] == "stopped"
    assert work.supply.is_safe
