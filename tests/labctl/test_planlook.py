"""A look at plans: against the runs they become, and without touching a device."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from data.axes import LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes
from data.errors import BadInput
from data.runfile import read_run
from data.scan import Adaptive, BoardSweep, Needs, ScanPlan
from data.scanfile import scan_plan_as_json
from data.scanrun import scan_of
from data.values import Geometry, Identity, Schedule
from labctl.measuring import plans_for
from labctl.scanning import strategies
from labctl.service.messages import Answered, BenchStatus, Failed, Message
from labctl.service.messages_plans import PlanCheck, SweepCost
from labctl.service.planlook import MOST_DRAWN, KnownBench, look_at, path_of, sweep_costs
from labctl.service.request import Lane, Request, Task
from labctl.service.requests.bench import BOARD, Connect, UseBench
from labctl.service.requests.plans import CheckPlan, OpenPlan, PriceSweeps, SavePlan, TakePlan
from labctl.service.requests.runs import RunScan
from labctl.service.service import Service
from labctl.service.session import Session
from tests.labctl.benchwork import Supply

GEOMETRY = Geometry(rows=8, columns=4)
QUANTITIES = {f"supply.{name}": item for name, item in Supply().quantities.items()}
VOLTAGE = LinearAxis(set="supply.voltage", start=0, stop=4, points=5)
PLAN = ScanPlan(axes=(VOLTAGE,), read=("supply.current",))
BENCH = """
name = "small"
[board.emulator]
link = "tcp"
physics = ["geometry=16x8"]
[instruments.psu]
driver = "scpi-supply"
quantities.voltage = { high = 5 }
quantities.current_limit = { high = 1 }
"""


@pytest.fixture
def bench(tmp_path: Path) -> KnownBench:
    identity = Identity("test", "board", "B-1", "1", simulated=True)
    return KnownBench(QUANTITIES, frozenset(), GEOMETRY, identity, Schedule(), tmp_path)


def test_a_plan_that_fits_is_counted_timed_and_drawn(bench: KnownBench) -> None:
    check = look_at(replace(PLAN, axes=(replace(VOLTAGE, settle_s=2.0),)), bench)
    assert check.problems == ()
    assert check.settings == 5
    assert check.seconds is not None
    assert 10.0 < check.seconds < 11.0
    assert check.path is not None
    assert check.path.sort == "steps"
    np.testing.assert_array_equal(check.path.axes[0].values, [0, 1, 2, 3, 4])
    assert check.path.axes[0].unit == "V"


def test_every_problem_is_said_at_once(bench: KnownBench) -> None:
    wrong = ScanPlan(
        axes=(replace(VOLTAGE, stop=9), ListAxis(set="schedule.sends", values=(1, 99))),
        read=("supply.power",),
        needs=Needs(board="B-2"),
    )
    said = "\n".join(look_at(wrong, bench).problems)
    for part in ("2 of 5 values are refused", "sends", "reading supply.power", "board B-2", "no sweep of the board"):
        assert part in said


def test_what_is_half_done_is_looked_at_as_far_as_it_goes(bench: KnownBench) -> None:
    assert look_at(ScanPlan(axes=()), bench).settings is None
    unnamed = look_at(replace(PLAN, axes=(VOLTAGE, replace(VOLTAGE, set=""))), bench)
    assert unnamed.settings is None
    assert sum("name what it sets" in problem for problem in unnamed.problems) == 1
    assert not any("there is no" in problem for problem in unnamed.problems)
    twice = look_at(replace(PLAN, axes=(VOLTAGE, VOLTAGE)), bench)
    assert twice.settings is None
    cut = look_at(replace(PLAN, sweep=BoardSweep(kind="random", most_points=0)), bench)
    assert any("cut to 0 points" in problem for problem in cut.problems)
    nothing_read = look_at(replace(PLAN, read=()), bench)
    assert nothing_read.settings == 5
    assert any("nothing is measured" in problem for problem in nothing_read.problems)
    endless = replace(PLAN, axes=(replace(VOLTAGE, points=4000), replace(VOLTAGE, set="supply.x", points=4000)))
    assert look_at(endless, bench).settings is None


def test_devices_that_are_not_connected_are_no_problem_but_worth_knowing(bench: KnownBench) -> None:
    asleep = replace(bench, quantities={}, asleep=frozenset({"supply", "board"}), geometry=None, identity=None)
    check = look_at(replace(PLAN, sweep=BoardSweep(kind="random", most_points=3)), asleep)
    assert check.problems == ()
    assert any("supply is not connected" in note for note in check.notes)
    assert any("no board is connected" in note and "128 × 256" in note for note in check.notes)
    assert check.settings == 5


@pytest.mark.parametrize("snake", [False, True])
def test_the_path_in_the_plane_is_the_way_of_the_run(snake: bool) -> None:
    plan = ScanPlan(
        axes=(
            ZipAxes(axes=(replace(VOLTAGE, points=3), ListAxis(set="supply.x", values=(1, 2, 3)))),
            LogAxis(set="supply.y", start=1, stop=100, points=3),
            ListAxis(set="supply.output", values=(False, True)),
        ),
        read=("supply.current",),
        snake=snake,
    )
    path = path_of(plan, QUANTITIES)
    assert path.sort == "plane"
    assert path.more == ("supply.x", "supply.output")
    assert [axis.log for axis in path.axes] == [False, True]
    # Of the whole run, what the first two dimensions do when they change.
    way = plan.path()
    whole = np.stack([way["supply.voltage"], way["supply.y"]], axis=1).astype(float)
    changes = np.append(True, np.any(whole[1:] != whole[:-1], axis=1))
    np.testing.assert_allclose(np.stack([axis.values for axis in path.axes], axis=1), whole[changes])


def test_long_paths_are_drawn_in_part() -> None:
    long = replace(PLAN, axes=(replace(VOLTAGE, points=100_000),))
    path = path_of(long, QUANTITIES)
    assert len(path.index) <= MOST_DRAWN
    assert not path.complete
    assert (path.index[0], path.index[-1]) == (0, 99_999)
    np.testing.assert_allclose(path.axes[0].values, np.asarray(long.values["supply.voltage"], float)[path.index])
    wide = replace(PLAN, axes=(replace(VOLTAGE, points=200), replace(VOLTAGE, set="supply.x", points=200)))
    plane = path_of(wide, QUANTITIES)
    assert (len(plane.index), plane.complete) == (MOST_DRAWN, False)


def test_words_are_drawn_in_their_places() -> None:
    path = path_of(ScanPlan(axes=(ListAxis(set="a.mode", values=("HOT", "COLD", "HOT")),)), {})
    assert path.axes[0].words == ("HOT", "COLD")
    assert path.axes[0].values.tolist() == [0, 1, 0]
    assert path_of(ScanPlan(axes=(ListAxis(set="a.b", values=(True, False)),)), {}).axes[0].words == ("on", "off")


def test_an_adaptive_scan_shows_its_ranges(bench: KnownBench) -> None:
    plan = ScanPlan(
        axes=(RangeAxis(set="supply.voltage", low=0, high=4),),
        read=("supply.current",),
        adaptive=Adaptive(goal="supply.current", most=30),
    )
    check = look_at(plan, bench)
    assert (check.problems, check.settings) == ((), 30)
    assert check.path is not None
    assert check.path.sort == "ranges"
    odd = look_at(replace(plan, adaptive=Adaptive(goal="supply.current", most=30, strategy="guess")), bench)
    assert any("guess" in problem for problem in odd.problems)
    assert check.strategies == ("learner",)
    assert look_at(replace(plan, adaptive=None), bench).strategies == ()


def test_strategies_of_plug_ins_can_be_named(bench: KnownBench, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = EntryPoint("halves", "tests.labctl.scanbench:Load", strategies.GROUP)
    monkeypatch.setattr(strategies, "entry_points", lambda group: [halves] if group == strategies.GROUP else [])
    plan = ScanPlan(
        axes=(RangeAxis(set="supply.voltage", low=0, high=4),),
        read=("supply.current",),
        adaptive=Adaptive(goal="supply.current", most=30, strategy="halves"),
    )
    check = look_at(plan, bench)
    assert check.problems == ()
    assert check.strategies == ("learner", "halves")
    with pytest.raises(BadInput, match="there is learner, halves"):
        strategies.find_strategy("guess")


def test_sweeps_cost_what_their_plans_hold() -> None:
    costs = {item.kind: item for item in sweep_costs(GEOMETRY, Schedule(), "quick")}
    for plan in plans_for(GEOMETRY, Schedule()):
        assert (costs[plan.kind].points, costs[plan.kind].vectors) == (plan.points, plan.vectors)
        assert costs[plan.kind].seconds > 0
        assert costs[plan.kind].bytes > plan.weights.nbytes


class Asked:
    """A real service, asked and answered."""

    def __init__(self) -> None:
        self._answers: dict[int, Message] = {}
        self._came = threading.Condition()
        self.in_use: list[frozenset[str]] = []
        self.service = Service(self._hear)
        self._number = 0

    def ask(self, request: Request) -> object:
        """Ask, and wait for the answer."""
        self._number += 1
        self.service.submit(self._number, request)
        with self._came:
            assert self._came.wait_for(lambda: self._number in self._answers, timeout=60)
        reply = self._answers[self._number]
        assert isinstance(reply, Answered), reply
        return reply.value

    def _hear(self, message: Message) -> None:
        if isinstance(message, BenchStatus):
            self.in_use.append(message.in_use)
        if isinstance(message, Answered | Failed):
            with self._came:
                self._answers[message.number] = message
                self._came.notify_all()


def test_what_was_promised_is_what_is_run(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(BENCH)
    plan = ScanPlan(
        axes=(LinearAxis(set="psu.voltage", start=0, stop=2, points=3), ListAxis(set="schedule.sends", values=(1, 2))),
        read=("psu.measured_current",),
        sweep=BoardSweep(kind="random", most_points=4),
        snake=True,
    )
    asked = Asked()
    asked.service.start()
    try:
        asked.ask(UseBench(str(file), str(tmp_path / "runs")))
        before = asked.ask(CheckPlan(plan))
        assert isinstance(before, PlanCheck)
        assert before.problems == ()
        assert len(before.notes) == 2
        connected = [device.name for device in asked.service.session.status().devices if device.connected]
        assert connected == [], "a look connects nothing"
        asked.ask(Connect(BOARD))
        asked.ask(Connect("psu"))
        costs = asked.ask(PriceSweeps())
        assert isinstance(costs, tuple)
        assert all(isinstance(item, SweepCost) for item in costs)
        check = asked.ask(CheckPlan(plan))
        assert isinstance(check, PlanCheck)
        assert (check.problems, check.notes, check.settings) == ((), (), 6)
        too_high = asked.ask(CheckPlan(replace(plan, axes=(replace(plan.axes[0], stop=9), plan.axes[1]))))  # type: ignore[arg-type, type-var]
        assert isinstance(too_high, PlanCheck)
        assert len(too_high.problems) == 1
        saved = asked.ask(SavePlan(plan, str(tmp_path / "plan.toml")))
        assert asked.ask(OpenPlan(str(saved))) == plan
        assert asked.ask(TakePlan(scan_plan_as_json(plan))) == plan
        asked.in_use.clear()
        run = read_run(Path(str(asked.ask(RunScan(scan_plan_as_json(plan), "bias")))))
        asked.service.session.feed.leave()
        assert frozenset({"board", "psu"}) in asked.in_use, "what a run has is told while it has it"
        assert asked.in_use[-1] == frozenset()
    finally:
        asked.service.close()
    scan = scan_of(run)
    assert scan.measured == check.settings
    assert check.path is not None
    for axis in check.path.axes:
        np.testing.assert_allclose(scan.settings[axis.name], axis.values)


@dataclass(frozen=True)
class Mistake:
    """A request with a mistake in it."""

    lane: Lane
    title: str = ""

    def script(self) -> str:
        return ""

    def do(self, session: Session, task: Task) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize(("lane", "safe"), [(Lane.CHECKS, False), (Lane.BOARD, True)])
def test_a_mistake_in_a_mere_look_ends_no_run(lane: Lane, safe: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    made_safe: list[bool] = []
    monkeypatch.setattr(asked.service.session, "make_safe", lambda: made_safe.append(True))
    asked.service.start()
    try:
        with pytest.raises(AssertionError, match="ZeroDivisionError"):
            asked.ask(Mistake(lane))
    finally:
        asked.service.close()
    assert bool(made_safe) is safe
