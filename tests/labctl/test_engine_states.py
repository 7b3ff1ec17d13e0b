"""Whatever is asked of the engine in whatever order: its states follow the table, hardware and file end well."""

import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labctl.engine import TRANSITIONS, Ended, Engine, Interlock, Limits, Mailbox, NotNow, State, StateChanged, Watch
from tests.labctl.benchwork import CountingWork

QUICK = Limits(
    safe_s=5.0, abort_s=0.2, glitch_s=0.1, reconnect_s=0.2, retry_s=0.001, close_s=5.0, losses=10**6, trips=10**6
)


class SteeredEngine(RuleBasedStateMachine):
    """Somebody at the buttons, somebody at the cable, somebody who fills the disk, and a supply that gets hot."""

    @initialize(total=st.integers(0, 60), settle_ms=st.integers(0, 2))
    def build(self, total: int, settle_ms: int) -> None:
        self.engine = Engine(QUICK)
        self.box: Mailbox = self.engine.subscribe(100_000)
        self.work = CountingWork(total, settle_s=settle_ms / 1000)
        self.changes: list[StateChanged] = []
        self.runs = self.ends = 0

    @rule()
    def start(self) -> None:
        fresh = CountingWork(self.work.total, settle_s=self.work.settle_s)
        lock = Interlock("hot", "supply.current", high=1.0, hysteresis=0.1, every_s=0.002)
        try:
            self.engine.start(fresh, watch=Watch.over([lock], {"supply": fresh.supply}))
        except NotNow:
            assert self.runs
            return
        if self.runs:
            self._check_end()
        self.work = fresh
        self.runs += 1

    @rule()
    def pause(self) -> None:
        with suppress(NotNow):
            self.engine.pause()

    @rule()
    def resume(self) -> None:
        with suppress(NotNow):
            self.engine.resume()

    @rule()
    def stop(self) -> None:
        with suppress(NotNow):
            self.engine.stop()
            assert self.engine.state is not State.RUNNING

    @rule()
    def abort(self) -> None:
        with suppress(NotNow):
            self.engine.abort()
            assert self.engine.state in (State.ABORTING, State.IDLE, State.FAILED)

    @rule()
    def acknowledge(self) -> None:
        self.engine.acknowledge()

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.work.disk_full = full

    @rule(amperes=st.sampled_from([0.1, 0.95, 1.5]))
    def heat(self, amperes: float) -> None:
        self.work.supply.values["current"] = amperes

    @rule()
    def pull_the_cable(self) -> None:
        self.work.supply.linked = False

    @rule(milliseconds=st.integers(1, 5))
    def let_it_run(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)

    @invariant()
    def states_follow_the_table(self) -> None:
        for event in self.box.drain():
            if isinstance(event, StateChanged):
                self.changes.append(event)
            self.ends += isinstance(event, Ended)
        assert all(change.new in TRANSITIONS[change.old] for change in self.changes)
        assert all(one.new is two.old for one, two in pairwise(self.changes))

    @invariant()
    def rows_are_neither_lost_nor_twice(self) -> None:
        rows = list(self.work.rows)
        assert rows == list(range(len(rows)))

    def _check_end(self) -> None:
        assert self.work.ended is not None
        status = self.work.ended[0]
        assert status in ("complete", "stopped", "aborted", "failed")
        assert (status == "complete") <= (len(self.work.rows) == self.work.total)
        assert self.work.log.index("end") > max(i for i, what in enumerate(self.work.log) if what == "safe")
        assert self.work.supply.is_safe or not self.work.supply.linked

    def teardown(self) -> None:
        self.engine.close()
        self.states_follow_the_table()
        if self.runs:
            self._check_end()
        assert self.ends == self.runs
        assert self.engine.state in (State.IDLE, State.FAILED)


TestSteeredEngine = SteeredEngine.TestCase
TestSteeredEngine.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_way_out_and_idle_is_reached_from_all(state: State) -> None:
    reached = {state}
    while (more := reached | {new for old in reached for new in TRANSITIONS[old]}) != reached:
        reached = more
    assert State.IDLE in reached
    assert TRANSITIONS[state]
