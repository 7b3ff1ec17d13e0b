from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from data.errors import BadInput
from gui.models.differences import difference
from gui.models.plotrun import INDEX, PlotRun
from gui.models.plotstate import MOST_OVERLAYS, PlotState
from gui.models.readout import reading
from gui.models.trace import Trace
from labctl.service.messages import MEAN_OUTPUT, Points, RunData, RunEnded
from tests.gui.plots import RUN, SPACINGS, VOLTAGES, finished, points, scan_began, sweep_began


def test_the_panel_loads_nothing_heavy() -> None:
    heavy = "h5py, torch, pandas, scipy, matplotlib, numba, xarray"
    code = f"import gui.panels.plot, sys; print([n for n in '{heavy}'.split(', ') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_image_fills_while_the_scan_goes_to_and_fro() -> None:
    run = PlotRun(scan_began())
    values = 10 * VOLTAGES + SPACINGS
    run.take(points(0, values[:6], name="meter.current"))
    assert run.grids.pair() == ("schedule.spacing_ns", "supply.voltage")
    image = run.grids.image(run.traces["meter.current"], "schedule.spacing_ns", "supply.voltage")
    assert image.values.tolist()[0] == [8, 16, 32, 64]
    assert np.isnan(image.values).sum() == 6
    run.take(points(6, values[6:], name="meter.current"))
    image = run.grids.image(run.traces["meter.current"], "schedule.spacing_ns", "supply.voltage")
    assert np.array_equal(image.values, 10 * np.arange(3.0)[:, None] + np.array([8, 16, 32, 64]))


def test_a_third_axis_makes_slices_and_the_newest_is_shown() -> None:
    from dataclasses import replace

    from labctl.service.messages import Axis

    began = scan_began()
    axes = {"chamber.t": Axis(np.repeat([20.0, 30.0], 12), "degC", "temperature")}
    axes |= {name: Axis(np.tile(axis.values, 2), axis.unit, axis.label) for name, axis in began.axes.items()}
    run = PlotRun(replace(began, total=24, axes=axes, shape=(2, 3, 4)))
    run.take(points(0, np.arange(14.0), name="meter.current"))
    trace = run.traces["meter.current"]
    newest = run.grids.image(trace, "schedule.spacing_ns", "supply.voltage")
    assert (newest.slices, newest.shown, newest.others) == (2, 1, (("chamber.t", 30.0),))
    assert np.nansum(newest.values) == 12 + 13
    first = run.grids.image(trace, "schedule.spacing_ns", "supply.voltage", 0)
    assert np.nansum(first.values) == sum(range(12))


def test_two_axes_that_step_together_are_no_two_sides() -> None:
    from dataclasses import replace

    from labctl.service.messages import Axis

    steps = np.arange(5.0)
    axes = {"a": Axis(steps, "V", "a"), "b": Axis(-2 * steps, "V", "b")}
    assert PlotRun(replace(scan_began(), axes=axes, shape=(5,))).grids.pair() is None


def test_points_may_be_missing_or_come_twice() -> None:
    run = PlotRun(sweep_began())
    run.take(points(50, np.full(10, 2.0), columns=3))
    run.take(points(0, np.full(10, 1.0), columns=3))
    run.take(points(5, np.full(10, 7.0), columns=3))
    values = run.traces[MEAN_OUTPUT].values
    assert len(values) == 60
    assert values[4:16].tolist()[:11] == [1.0, *[7.0] * 10]
    assert np.isnan(values[15:50]).all()
    column, place = run.curve("column 2", INDEX) or (None, None)
    assert column is not None
    assert place is None
    assert column.values[5] == 14.0
    assert np.isnan(column.values[20])


def test_chosen_points_of_a_long_run_stand_where_they_were_measured() -> None:
    run = PlotRun(sweep_began(4000))
    rows = np.arange(250, dtype=np.float32)[:, None] * np.ones(3, dtype=np.float32)
    run.take(Points(RUN, 0, {MEAN_OUTPUT: np.zeros(1000)}, rows, every=4))
    found = run.curve("column 1", INDEX)
    assert found is not None
    assert found[1] is not None
    assert found[1].values[10] == 40.0
    assert found[0].values[10] == 10.0


def test_the_view_is_paused_and_the_data_come_on() -> None:
    state = PlotState()
    state.begin(sweep_began())
    state.take(points(0, np.arange(10.0)))
    state.pause(True)
    state.take(points(10, np.arange(30.0)))
    assert (state.waiting, state.curves()[0].until) == (30, 10)
    state.begin(sweep_began(run_id="other"))
    assert state.shown is not None
    assert state.shown.began.run_id == RUN, "what is looked at stays"
    state.pause(False)
    assert state.shown.began.run_id == "other"


def test_a_run_that_is_opened_stays_until_live_is_chosen() -> None:
    state = PlotState()
    state.begin(sweep_began())
    state.take(points(0, np.arange(10.0)))
    state.open(finished("old", np.arange(5.0)))
    assert not state.take(points(10, np.arange(5.0))), "not in sight"
    assert state.shown is not None
    assert state.shown.began.run_id == "old"
    state.go_live()
    assert state.shown is state.live
    assert state.live is not None
    assert state.live.count == 15
    assert state.end(RunEnded(RUN, "", "complete", "", "x.h5"))
    assert not state.live.running


def test_points_of_another_run_are_not_mixed_in() -> None:
    state = PlotState()
    state.begin(sweep_began())
    assert not state.take(points(0, np.arange(3.0), run_id="other"))
    assert state.live is not None
    assert state.live.count == 0


def test_overlays_come_and_go_and_have_an_end() -> None:
    state = PlotState()
    state.open(finished("old", np.arange(5.0)))
    for number in range(MOST_OVERLAYS):
        assert state.overlay(finished(f"run{number}", np.arange(5.0)), True)
    assert not state.overlay(finished("one more", np.arange(5.0)), True)
    assert len(state.curves()) == MOST_OVERLAYS + 1
    state.overlay(finished("run0", np.arange(5.0)), False)
    assert len(state.curves()) == MOST_OVERLAYS


def test_a_scan_over_two_axes_is_first_shown_as_an_image_of_what_was_read() -> None:
    state = PlotState()
    state.begin(scan_began())
    state.take(points(0, np.arange(5.0), name="meter.current"))
    assert (state.view, state.ys) == ("grid", ("meter.current",))
    assert state.y_label() == ("current through the meter", "A")


def test_a_difference_is_taken_at_the_places_of_the_first() -> None:
    x = np.linspace(0, 1, 11)
    one, other = Trace(3 * x), Trace(2 * np.array([-1.0, 0.55, 2.0]))
    found, where = difference((one, Trace(x)), (other, Trace(np.array([-1.0, 0.55, 2.0]))))
    assert found.values == pytest.approx(x)
    assert where is not None
    same, _ = difference((one, None), (Trace(np.ones(5)), None))
    assert same.values == pytest.approx(3 * x[:5] - 1)
    with pytest.raises(BadInput, match="200,000"):
        difference((Trace(np.zeros(300_000)), None), (one, None))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0012345, "V", "1.2345 mV"), (0.0, "A", "0.0000 A"), (-4.2e6, "Hz", "-4.2000 MHz"), (float("nan"), "V", "– V")],
)
def test_a_reading_has_a_prefix_and_always_the_same_width(value: float, unit: str, text: str) -> None:
    shown = reading(value, unit)
    assert shown.strip() == text
    assert shown.index(" ", 7) == 7


def test_an_axis_has_one_unit() -> None:
    began = replace(sweep_began(), quantities={"meter.current": "A", "meter.limit": "A", "psu.voltage": "V"}, labels={})
    state = PlotState()
    state.begin(began)
    values = {name: np.arange(4.0) for name in began.quantities}
    state.take(Points(began.run_id, 0, values))
    state.choose_y("meter.current", True)
    assert state.choose_y("meter.limit", True) == ()
    assert state.ys == ("meter.current", "meter.limit")
    assert state.y_label() == ("meter.current, meter.limit", "A")
    assert state.choose_y("psu.voltage", True) == ("meter.current", "meter.limit")
    assert (state.ys, state.y_label()[1]) == (("psu.voltage",), "V")
    assert state.choose_y("psu.voltage", False) == ()
    assert state.ys == ("psu.voltage",), "one is always drawn"
    other = RunData(
        replace(began, run_id="other", quantities={"psu.voltage": "mV"}), Points("other", 0, values), "complete", ""
    )
    assert state.overlay(other, True)
    assert [curve.run for curve in state.curves()] == [began.run_id], "another unit is not drawn on this axis"
    assert state.left_out(other) == ("psu.voltage",)
