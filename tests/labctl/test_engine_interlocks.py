"""Interlocks during a run: they hold it or end it, and nobody gets past them."""

import time
from collections.abc import Iterator

import pytest

from data.instrument import Value
from labctl.engine import (
    Engine,
    Interlock,
    State,
    Watch,
)
from tests.labctl.benchwork import CountingWork, Supply
from tests.labctl.steering import QUICK, ended, until


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(QUICK)
    yield made
    made.close()


def watched(supply: Supply, action: str) -> Watch:
    lock = Interlock("hot", "supply.current", high=1.0, hysteresis=0.2, action=action, every_s=0.01)  # type: ignore[arg-type]
    return Watch.over([lock], {"supply": supply})


def test_an_interlock_pauses_until_the_reading_is_well_inside(engine: Engine) -> None:
    work = CountingWork(10**6)
    engine.start(work, watch=watched(work.supply, "pause"))
    work.supply.values["current"] = 1.5
    until(lambda: engine.state is State.PAUSED)
    assert "supply.current is 1.5 A, not in -inf..1 A" in engine.status().reason
    assert work.supply.is_safe
    work.supply.values["current"] = 0.9
    time.sleep(0.05)
    assert engine.state is State.PAUSED, "inside the band, but not by the hysteresis"
    held = len(work.rows)
    engine.resume()
    until(lambda: engine.state is State.PAUSED)
    assert len(work.rows) == held, "nobody can resume past an interlock"
    work.supply.values["current"] = 0.7
    until(lambda: engine.state is State.RUNNING)
    seen = len(work.rows)
    until(lambda: len(work.rows) > seen)
    assert work.rows == list(range(len(work.rows)))


@pytest.mark.parametrize("settle_s", [0.0, 1000.0])
def test_an_interlock_aborts_in_a_wait_too(engine: Engine, settle_s: float) -> None:
    work = CountingWork(10**6, settle_s=settle_s)
    engine.start(work, watch=watched(work.supply, "abort"))
    until(lambda: not work.supply.is_safe)
    work.supply.values["current"] = float("nan")
    outcome = ended(engine)
    assert outcome.status == "aborted"
    assert "interlock hot" in outcome.message
    assert work.supply.is_safe


def test_a_pause_of_the_users_outlasts_that_of_an_interlock(engine: Engine) -> None:
    work = CountingWork(10**6)
    work.supply.values["current"] = 2.0
    engine.start(work, watch=watched(work.supply, "pause"))
    until(lambda: engine.state is State.PAUSED)
    engine.pause()
    work.supply.values["current"] = 0.1
    time.sleep(0.05)
    assert engine.state is State.PAUSED
    assert work.rows == []
    assert work.supply.is_safe
    engine.resume()
    until(lambda: len(work.rows) > 0)


class Hot(Supply):
    """Draws too much as soon as it is set, and nothing once it is safe."""

    def set(self, name: str, value: Value) -> None:
        super().set(name, value)
        self.values["current"] = 1.5

    def safe(self) -> None:
        super().safe()
        self.values["current"] = 0.1


def test_a_run_that_trips_its_own_interlock_ends(engine: Engine) -> None:
    work = CountingWork(5, supply=Hot(), settle_s=0.05)
    engine.start(work, watch=watched(work.supply, "pause"))
    outcome = ended(engine)
    assert outcome.status == "failed"
    assert "again whenever the run goes on" in outcome.message
    assert work.supply.is_safe
    assert sum(line.startswith("set ") for line in work.log) == QUICK.trips + 1
