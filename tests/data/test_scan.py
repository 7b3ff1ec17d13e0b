"""Plans of settings: counted, ordered, timed and checked without anything to measure."""

import json
from itertools import product
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.axes import Axis, CentreSpanAxis, Leg, LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes
from data.errors import BadInput, Problems
from data.instrument import Quantity
from data.scan import Adaptive, BoardSweep, Needs, ScanPlan, with_settings
from data.scanfile import read_scan_plan, scan_plan_as_json, scan_plan_of, scan_plan_of_json
from data.values import Geometry, Schedule

VOLTAGE = Quantity("voltage", "voltage", "V", settable=True, low=0, high=5)
CURRENT = Quantity("current", "current", "A")
QUANTITIES = {"supply.voltage": VOLTAGE, "supply.current": CURRENT}


def counted(size: int, name: str = "a.b", settle_s: float = 0.0) -> ListAxis:
    return ListAxis(set=name, values=tuple(float(i) for i in range(size)), settle_s=settle_s)


def grid(*sizes: int, snake: bool = False) -> ScanPlan:
    axes = tuple(counted(size, f"a.q{number}") for number, size in enumerate(sizes))
    return ScanPlan(axes=axes, read=("a.y",), snake=snake)


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (LinearAxis(set="a.b", start=0, stop=1, points=11), [i / 10 for i in range(11)]),
        (LinearAxis(set="a.b", start=3, stop=1, points=3), [3, 2, 1]),
        (LinearAxis(set="a.b", start=3, stop=9, points=1), [3]),
        (LogAxis(set="a.b", start=8, stop=512, points=7), [8, 16, 32, 64, 128, 256, 512]),
        (LogAxis(set="a.b", start=-1, stop=-100, points=3), [-1, -10, -100]),
        (CentreSpanAxis(set="a.b", centre=3.3, span=0.4, points=5), [3.1, 3.2, 3.3, 3.4, 3.5]),
        (CentreSpanAxis(set="a.b", centre=3.3, span=0.4, points=1), [3.3]),
        (ListAxis(set="a.b", values=("low", "high")), ["low", "high"]),
    ],
)
def test_an_axis_takes_exactly_the_values_it_says(axis: Axis, values: list[object]) -> None:
    assert list(axis.values) == values
    assert list(axis.problems()) == []


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_product_is_every_combination_the_last_axis_fastest(sizes: list[int]) -> None:
    plan = grid(*sizes)
    expected = list(product(*(range(size) for size in sizes)))
    assert [tuple(setting.values()) for setting in plan.settings()] == expected
    assert plan.count == len(expected)


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_snake_visits_everything_once_in_single_steps(sizes: list[int]) -> None:
    steps = grid(*sizes, snake=True).indices()
    assert {tuple(step) for step in steps.tolist()} == set(product(*(range(size) for size in sizes)))
    assert (np.abs(np.diff(steps, axis=0)).sum(axis=1) == 1).all()


def test_zipped_axes_move_together() -> None:
    both = ZipAxes(axes=(counted(3, "a.b"), ListAxis(set="a.c", values=("x", "y", "z"))))
    plan = ScanPlan(axes=(counted(2, "a.a"), both), read=("a.y",))
    assert plan.shape == (2, 3)
    assert plan.path()["a.b"].tolist() == [0, 1, 2, 0, 1, 2]
    assert plan.path()["a.c"].tolist() == ["x", "y", "z"] * 2
    uneven = ZipAxes(axes=(counted(3, "a.b"), counted(2, "a.c")))
    assert "a.b has 3, a.c has 2" in " ".join(uneven.problems())


def test_time_counts_a_wait_only_where_something_changed() -> None:
    plan = ScanPlan(axes=(counted(3, "a.slow", 100.0), counted(4, "a.fast", 1.0)), read=("a.y",))
    # Three times the slow wait, which covers the fast one; nine times the fast one alone.
    assert plan.seconds(0.5) == pytest.approx(12 * 0.5 + 3 * 100 + 9 * 1)


def test_all_that_a_bench_cannot_do_is_said_at_once() -> None:
    plan = ScanPlan(
        axes=(
            LinearAxis(set="supply.voltage", start=4, stop=6, points=5),
            ListAxis(set="supply.current", values=(1.0,)),
            ListAxis(set="schedule.spacing_ns", values=(40.0, 41.0)),
            ListAxis(set="chamber.temperature", values=(20.0,)),
        ),
        read=("supply.current", "meter.current"),
        sweep=BoardSweep(kind="random"),
    )
    found = list(plan.limit_problems(QUANTITIES, Geometry()))
    assert len(found) == 5
    assert "2 of 5 values are refused: the voltage 5.5 V is outside 0..5 V" in found[0]
    assert "can only be read" in found[1]
    assert "41 ns is not a positive multiple" in found[2]
    assert "there is no chamber on this bench" in found[3]
    assert "there is no meter" in found[4]
    assert "no board" in " ".join(plan.limit_problems(QUANTITIES, None))


def test_a_nan_is_refused_on_an_axis_and_in_a_list() -> None:
    for axis in (
        LinearAxis(set="a.b", start=float("nan"), stop=1, points=3),
        ListAxis(set="a.b", values=(float("nan"),)),
        RangeAxis(set="a.b", low=0, high=inf),
    ):
        assert "finite" in " ".join(axis.problems())


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (ScanPlan(axes=(counted(2),)), "nothing is measured"),
        (ScanPlan(axes=(), read=("a.y",)), "no axes"),
        (ScanPlan(axes=(counted(2), counted(3)), read=("a.y",)), "a.b is set by more than one axis"),
        (ScanPlan(axes=(counted(2),), read=("a.y", "a.y")), "read twice"),
        (ScanPlan(axes=(counted(2, "schedule.sends"),), read=("a.y",)), "no sweep of the board"),
        (ScanPlan(axes=(RangeAxis(set="a.b", low=0, high=1),), read=("a.y",)), "needs an \\[adaptive\\] section"),
        (
            ScanPlan(axes=(counted(2),), read=("a.y",), adaptive=Adaptive(goal="a.y", most=3)),
            "only axes of kind range",
        ),
        (
            ScanPlan(axes=(RangeAxis(set="a.b", low=0, high=1),), read=("a.y",), adaptive=Adaptive(goal="a.z", most=3)),
            "goal a.z is not among",
        ),
        (
            ScanPlan(axes=tuple(LinearAxis(set=f"a.{n}", start=0, stop=1, points=4000) for n in "bc"), read=("a.y",)),
            "are the most",
        ),
        (ScanPlan(axes=(counted(0),), read=("a.y",)), "it has 0 values"),
        (ScanPlan(axes=(counted(1, "voltage"),), read=("a.y",)), "INSTRUMENT.QUANTITY"),
    ],
)
def test_what_makes_no_sense_is_said(plan: ScanPlan, said: str) -> None:
    with pytest.raises(Problems, match=said):
        scan_plan_of_json(scan_plan_as_json(plan))


NAMES = st.from_regex(r"[a-z]{1,6}\.[a-z_]{1,6}", fullmatch=True).filter(
    lambda name: name[-1] != "_" and "._" not in name
)
FLOATS = st.floats(-1e6, 1e6)
WAITS = st.floats(0, 1e4)
AXES = st.one_of(
    st.builds(LinearAxis, set=NAMES, start=FLOATS, stop=FLOATS, points=st.integers(1, 9), settle_s=WAITS),
    st.builds(LogAxis, set=NAMES, start=st.floats(0.1, 9), stop=st.floats(0.1, 9), points=st.integers(1, 9)),
    st.builds(CentreSpanAxis, set=NAMES, centre=FLOATS, span=FLOATS, points=st.integers(1, 9)),
    st.builds(ListAxis, set=NAMES, values=st.lists(FLOATS, min_size=1, max_size=5).map(tuple)),
    st.builds(ListAxis, set=NAMES, values=st.lists(st.booleans(), min_size=1, max_size=3).map(tuple)),
    st.builds(ListAxis, set=NAMES, values=st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple)),
)


@settings(max_examples=40, deadline=None)
@given(
    axes=st.lists(AXES, min_size=1, max_size=3, unique_by=lambda axis: axis.set),
    snake=st.booleans(),
    title=st.text(max_size=8),
    age=st.none() | st.floats(0, 100),
)
def test_a_plan_comes_back_from_json(axes: list[Leg], snake: bool, title: str, age: float | None) -> None:
    needs = Needs(board="B-1", calibration_age_h=age)
    plan = ScanPlan(
        axes=tuple(axes), read=("m.x",), sweep=BoardSweep(kind="random"), snake=snake, title=title, needs=needs
    )
    again = scan_plan_of_json(scan_plan_as_json(plan))
    assert again == plan
    assert [list(map(type, leg.values)) for leg in again.axes if isinstance(leg, ListAxis)] == [
        list(map(type, leg.values)) for leg in plan.axes if isinstance(leg, ListAxis)
    ]


def test_toml_says_the_same_and_every_mistake_is_listed(tmp_path: Path) -> None:
    good = tmp_path / "plan.toml"
    good.write_text(
        'title = "x"\nread = ["meter.current"]\n[[axes]]\nset = "supply.voltage"\nkind = "centre-span"\n'
        'centre = 3.3\nspan = 0.2\npoints = 3\n[[axes]]\nkind = "zip"\n'
        'axes = [{set = "a.b", kind = "list", values = [1, 2]}, {set = "a.c", kind = "list", values = ["x", "y"]}]\n'
    )
    plan = read_scan_plan(good)
    assert plan.shape == (3, 2)
    assert plan.values["a.b"] == (1.0, 2.0)
    bad = tmp_path / "bad.toml"
    bad.write_text('tittle = "x"\n[[axes]]\nset = 3\nkind = "linear"\nstart = "a"\n[[axes]]\nkind = "line"\n[sweep]\n')
    with pytest.raises(Problems) as caught:
        read_scan_plan(bad)
    said = "\n".join(caught.value.problems)
    for part in (
        "tittle is not",
        "axes.0.set",
        "axes.0.start",
        "axes.0.stop is missing",
        "axes.1.kind",
        "sweep.kind is",
    ):
        assert part in said
    assert len(caught.value.problems) == 7
    with pytest.raises(BadInput, match="cannot read the plan"):
        read_scan_plan(tmp_path / "absent.toml")


def test_what_may_stand_for_something_else_is_a_mistake(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    axis = '[[axes]]\nset = "a.b"\nkind = "linear"\nstart = 0\nstop = "1"\npoints = true\n'
    plan.write_text(f'snake = "yes"\nread = ["a.c"]\n{axis}')
    with pytest.raises(Problems) as caught:
        read_scan_plan(plan)
    assert sorted(caught.value.problems) == [
        "axes.0.points: it should be a whole number (it is True)",
        "axes.0.stop: it should be a number (it is '1')",
        "snake: it should be true or false (it is 'yes')",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["axes", "set", "kind", "zip", "list", "values", "sweep", "read", "needs"]),
                x,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_else_is_refused_in_words(content: object) -> None:
    with pytest.raises(Problems):
        scan_plan_of(content)


def test_bytes_that_are_no_json_are_refused() -> None:
    for text in ("", "{", "[" * 100_000, json.dumps([1])):
        with pytest.raises(BadInput):
            scan_plan_of_json(text)


def test_settings_of_a_schedule_are_whole_numbers() -> None:
    changed = with_settings(Schedule(), {"spacing_ns": 80.0, "skip_zeros": False})
    assert changed == Schedule(spacing_ns=80, skip_zeros=False)
    assert isinstance(changed.spacing_ns, int)
    with pytest.raises(BadInput, match="whole number"):
        with_settings(Schedule(), {"sends": 1.5})
