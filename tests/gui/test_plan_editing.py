"""Editing plans: what is changed, what stays, and that everything can be taken back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.axes import Axis, CentreSpanAxis, LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes
from data.instrument import Quantity
from data.scan import SCHEDULE_QUANTITIES, SWEEP_MEAN, BoardSweep, ScanPlan
from gui.models import plan_editing as edit
from gui.models.history import History

VOLTAGE = Quantity("voltage", "voltage", "V", settable=True, low=0, high=5)
LINEAR = LinearAxis(set="psu.voltage", start=1, stop=4, points=7, settle_s=0.5)
PLAN = ScanPlan(axes=(LINEAR, ListAxis(set="schedule.sends", values=(1, 2))), read=("psu.current",))


@pytest.mark.parametrize("kind", ["log", "centre-span", "list"])
def test_another_sort_of_axis_keeps_ends_points_and_settling(kind: str) -> None:
    changed = edit.as_kind(LINEAR, kind)
    assert changed.kind == kind
    assert (changed.values[0], changed.values[-1], len(changed.values)) == (1, 4, 7)
    assert changed.settle_s == 0.5
    assert edit.as_kind(changed, "linear") == LINEAR


def test_an_axis_through_zero_becomes_a_log_axis_that_makes_sense() -> None:
    through_zero = LinearAxis(set="psu.voltage", start=0, stop=4, points=5)
    assert list(edit.as_kind(through_zero, "log").problems()) == []
    assert list(edit.as_kind(replace(through_zero, start=4, stop=0), "range").problems()) == []
    assert list(edit.as_kind(replace(through_zero, points=0), "list").problems()) == []


NUMBERS = st.integers(-100_000, 100_000).map(lambda number: number / 100)


@settings(deadline=None)
@given(st.sampled_from(list(edit.KINDS)), st.sampled_from(list(edit.KINDS)), NUMBERS, NUMBERS)
def test_every_sort_becomes_every_other_without_problems(first: str, second: str, start: float, stop: float) -> None:
    axis: Axis = LinearAxis(set="psu.voltage", start=start, stop=stop, points=5)
    found = edit.as_kind(edit.as_kind(axis, first), second)
    assert found.kind == second
    assert list(found.problems()) == []


def test_a_new_axis_covers_what_may_be_set() -> None:
    axis = edit.usual_axis("psu.voltage", VOLTAGE)
    assert isinstance(axis, LinearAxis)
    assert (axis.start, axis.stop) == (0, 5)
    switch = edit.usual_axis("psu.output", Quantity("output", "output", "", settable=True, choices=(False, True)))
    assert isinstance(switch, ListAxis)
    assert switch.values == (False, True)
    unknown = edit.usual_axis("x.y", Quantity("y", "y", "V", settable=True))
    assert np.isfinite(np.asarray(unknown.values, float)).all()


@pytest.mark.parametrize("path", list(SCHEDULE_QUANTITIES))
def test_a_setting_of_the_schedule_can_be_run_as_it_is_added(path: str) -> None:
    plan = edit.with_axis(edit.NOTHING, path, SCHEDULE_QUANTITIES[path])
    assert list(plan.problems()) == []
    assert list(plan.limit_problems({}, None)) == ["the plan measures a sweep of the board, but there is no board"]


def test_a_range_makes_a_scan_adaptive_and_its_goal_is_measured() -> None:
    plan = edit.with_leg(replace(PLAN, axes=(LINEAR,)), 0, edit.as_kind(LINEAR, "range"))
    assert plan.adaptive is not None
    assert plan.adaptive.goal == "psu.current"
    without = edit.without_reading(plan, "psu.current")
    assert without.adaptive is not None
    assert without.adaptive.goal == ""
    swept = edit.fitting(replace(without, sweep=BoardSweep(kind="random")))
    assert swept.adaptive is not None
    assert swept.adaptive.goal == SWEEP_MEAN
    assert edit.with_leg(plan, 0, LINEAR).adaptive is None


def test_axes_are_joined_and_taken_apart() -> None:
    assert edit.may_join(PLAN, 0)
    assert not edit.may_join(PLAN, 1)
    joined = edit.joined(PLAN, 0)
    (leg,) = joined.axes
    assert isinstance(leg, ZipAxes)
    assert edit.taken_apart(joined, 0) == PLAN
    ranged = replace(PLAN, axes=(RangeAxis(set="a.b", low=0, high=1), LINEAR))
    assert not edit.may_join(ranged, 0)
    other = CentreSpanAxis(set="psu.voltage", centre=1, span=1, points=2)
    changed = edit.inner_changed(leg, 0, other)
    assert isinstance(changed, ZipAxes)
    assert changed.axes[0] == other


def test_the_order_of_axes() -> None:
    assert edit.moved(PLAN, 0, 1).targets == ("schedule.sends", "psu.voltage")
    assert edit.moved(edit.moved(PLAN, 0, 1), 1, 0) == PLAN
    assert edit.duplicated(PLAN, 0).targets == ("psu.voltage", "psu.voltage", "schedule.sends")
    assert edit.without_leg(PLAN, 0).targets == ("schedule.sends",)


@pytest.mark.parametrize("values", [(0, 0.5, 1), (True, False), (1e-9, 2.5e6)])
def test_lists_are_typed_as_they_are_shown(values: tuple[float, ...]) -> None:
    assert edit.values_of_text(edit.values_as_text(values), None) == values


def test_texts_of_a_list_keep_their_blanks() -> None:
    mode = Quantity("mode", "mode", "", settable=True, choices=("AT REST", "ON"))
    assert edit.values_of_text("AT REST, ON", mode) == ("AT REST", "ON")
    assert edit.values_of_text("1 2;3,4", None) == (1, 2, 3, 4)
    assert list(ListAxis(set="a.b", values=edit.values_of_text("1, x", None)).problems())


def test_log_axes_go_down_as_well() -> None:
    assert isinstance(edit.as_kind(replace(LINEAR, start=-4, stop=-1), "log"), LogAxis)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12))
def test_every_change_can_be_taken_back_and_done_again(changes: list[int]) -> None:
    history: History[int] = History(0)
    seen = [0]
    for place, change in enumerate(changes):
        if history.change(history.value + change, f"change {place}", float(place)):
            seen.append(history.value)
    back = [history.value]
    while history.undo():
        back.append(history.value)
    assert back == seen[::-1]
    while history.redo():
        pass
    assert history.value == seen[-1]


def test_quick_changes_of_one_thing_are_taken_back_together() -> None:
    history = History("a")
    history.change("b", "stop", 0.0)
    history.change("c", "stop", 0.4)
    history.change("d", "stop", 5.0)
    history.change("e", "start", 5.1)
    assert history.undoable == "start"
    assert [history.undo() and history.value for _ in range(3)] == ["d", "c", "a"]
    assert not history.undo()
    history.redo()
    history.change("z", "stop", 5.2)
    assert history.redoable == ""
