"""Scans from plan to file on simulated instruments and an exact processor."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from data.axes import LinearAxis, ListAxis, ZipAxes
from data.errors import BadInput, DiskFull, Problems
from data.instrument import Value
from data.runfile import RunWriter, read_metadata
from data.scan import BoardSweep, ScanPlan
from data.scanrun import ScanData, read_scan
from data.sweepfile import read_sweep
from data.values import Schedule
from labctl.engine import Engine, Outcome, State, StateChanged
from labctl.evaluating import load
from labctl.report import write_report
from labctl.scanning import Rig, draw, duration, estimate
from labctl.scanning.running import board_sweep
from tests.labctl.benchwork import Supply
from tests.labctl.scanbench import GEOMETRY, QUICK, VOLTAGES, ExactBoard, Load, adaptive_plan, watched, work_for


@pytest.fixture
def supply() -> Supply:
    return Supply()


@pytest.fixture
def rig(supply: Supply) -> Rig:
    return Rig({"supply": supply, "meter": Load(supply)})


def test_a_scan_sets_reads_and_keeps_units(rig: Rig, supply: Supply, tmp_path: Path) -> None:
    outcome = Engine(QUICK).run(work_for(VOLTAGES, tmp_path, rig))
    assert outcome.path is not None
    data = read_scan(outcome.path)
    assert data.plan == VOLTAGES
    assert data.settings["supply.voltage"].tolist() == [0, 1, 2, 3, 4]
    assert data.grid("meter.current") == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert data.readings["supply.voltage"] == pytest.approx([0, 1, 2, 3, 4])
    assert supply.is_safe
    with xr.open_dataset(outcome.path, engine="h5netcdf") as dataset:
        assert dataset.meter_current.attrs["units"] == "A"
        assert set(dataset.meter_current.coords) == {"supply_voltage", "step_0", "time"}
        apart = (dataset.time - dataset.time[0]).values / np.timedelta64(1, "s")
        np.testing.assert_allclose(apart, dataset.elapsed - dataset.elapsed[0], atol=1e-5)
        assert abs(dataset.time.values[0] - np.datetime64(time.time_ns(), "ns")) < np.timedelta64(60, "s")
        assert dataset.meter_current.swap_dims(setting="supply_voltage").sel(supply_voltage=3.0).item() == 0.3


def test_a_quantity_is_set_only_where_it_changes_and_waited_for(rig: Rig, supply: Supply, tmp_path: Path) -> None:
    plan = ScanPlan(
        axes=(
            ListAxis(set="supply.voltage", values=(1.0, 2.0), settle_s=0.05),
            LinearAxis(set="meter.voltage", start=0, stop=2, points=3),
        ),
        read=("meter.current",),
        snake=True,
    )
    path = Engine(QUICK).run(work_for(plan, tmp_path, rig)).path
    assert path is not None
    talk = [line for line in supply.log if not line.startswith("safe")]
    assert [line for line in talk if line.startswith("set")] == [
        "set voltage 1.0",
        *(f"set voltage {value}" for value in (0.0, 1.0, 2.0)),
        "set voltage 2.0",
        *(f"set voltage {value}" for value in (1.0, 0.0)),
    ]
    elapsed = read_elapsed(path)
    assert elapsed[0] >= 0.05
    assert elapsed[3] - elapsed[2] >= 0.05
    assert read_scan(path).grid("meter.current").tolist() == [[0.1] * 3, [0.2] * 3]


def read_elapsed(path: Path) -> list[float]:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        values: list[float] = dataset.elapsed.values.tolist()
    return values


def test_the_board_is_swept_with_the_schedule_of_each_setting(tmp_path: Path) -> None:
    plan = ScanPlan(
        axes=(ListAxis(set="schedule.spacing_ns", values=(8.0, 16.0)),), sweep=BoardSweep(kind="random", most_points=9)
    )
    board = ExactBoard()
    sweep = board_sweep(plan, GEOMETRY, Schedule())
    assert sweep is not None
    assert sweep.points == 9
    outcome = Engine(QUICK).run(work_for(plan, tmp_path, Rig({}, board), sweep=sweep))
    assert outcome.path is not None
    data = read_scan(outcome.path)
    assert data.outputs is not None
    exact = np.einsum("pr,prc->pc", sweep.activations.astype(int), sweep.weights[sweep.program].astype(int))
    for index, spacing in enumerate((8, 16)):
        expected = np.clip(exact // spacing, -128, 127)
        assert (data.outputs[index] == expected[:, None, :]).all()
    assert board.log == ["safe"]


def test_a_lost_link_is_one_pause_and_the_row_is_measured_again(rig: Rig, supply: Supply, tmp_path: Path) -> None:
    engine = Engine(QUICK)
    box = engine.subscribe()
    cut_at = [2.0, 3.0]

    def cut(name: str, value: Value) -> None:
        if cut_at and value == cut_at[0]:
            cut_at.pop(0)
            supply.linked = False

    watched(supply, cut)
    outcome = engine.run(work_for(VOLTAGES, tmp_path, rig))
    assert outcome.path is not None
    assert read_scan(outcome.path).readings["meter.current"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert supply.reconnects == 2
    paused = [e for e in box.drain() if isinstance(e, StateChanged) and e.new is State.PAUSED]
    assert len(paused) == 2


def test_what_a_power_cut_has_reset_is_set_again(rig: Rig, supply: Supply, tmp_path: Path) -> None:
    plan = ScanPlan(
        axes=(
            ListAxis(set="supply.voltage", values=(1.0, 2.0)),
            LinearAxis(set="meter.voltage", start=0, stop=2, points=3),
        ),
        read=("supply.voltage", "meter.current"),
    )
    reads = 0

    def get(name: str, max_age_s: float = 0.0) -> Value:
        nonlocal reads
        reads += 1
        supply.linked = supply.linked and reads != 3
        return Supply.get(supply, name)

    supply.get = get  # type: ignore[method-assign]
    outcome = Engine(QUICK).run(work_for(plan, tmp_path, rig))
    assert outcome.path is not None
    assert supply.reconnects == 1
    data = read_scan(outcome.path)
    assert data.readings["supply.voltage"].tolist() == data.settings["supply.voltage"].tolist()
    assert data.readings["meter.current"] == pytest.approx([0.1] * 3 + [0.2] * 3)


@pytest.mark.parametrize("call", ["write_rows", "checkpoint"])
def test_a_full_disk_loses_no_row(
    rig: Rig, supply: Supply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(RunWriter, call)
    calls = 0

    def full(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls in (4, 5, 9):
            assert supply.is_safe or calls != 5, "paused with the supply on"
            raise DiskFull("no room")
        return real(*arguments)

    monkeypatch.setattr(RunWriter, call, full)
    outcome = Engine(QUICK).run(work_for(VOLTAGES, tmp_path, rig))
    assert outcome.path is not None
    assert calls > 9 or call == "checkpoint"
    assert read_scan(outcome.path).readings["meter.current"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_scan_that_is_stopped_keeps_its_rows(rig: Rig, supply: Supply, tmp_path: Path) -> None:
    outcome = Engine(QUICK).run(work_for(VOLTAGES, tmp_path, rig), stop=lambda: supply.values["voltage"] == 2.0)
    assert outcome.path is not None
    assert read_metadata(outcome.path).status == "stopped"
    data = read_scan(outcome.path)
    assert data.measured == 3
    assert np.isnan(data.grid("meter.current")).tolist() == [False, False, False, True, True]


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_touched(
    rig: Rig, supply: Supply, tmp_path: Path
) -> None:
    plan = ScanPlan(
        axes=(ListAxis(set="supply.voltage", values=(9.0,)), ListAxis(set="oven.heat", values=(1.0,))),
        read=("meter.flux",),
        sweep=BoardSweep(kind="random"),
    )
    with pytest.raises(Problems) as caught:
        Engine().start(work_for(plan, tmp_path / "runs", rig))
    assert len(caught.value.problems) == 4
    assert supply.log == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_does_not_fit_the_disk_is_refused(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 20})())
    with pytest.raises(Problems, match=r"needs about 33\.6 MB .* and 1\.05 MB are free"):
        Engine().start(work_for(VOLTAGES, tmp_path, rig))


def test_the_estimate_counts_what_the_file_holds(tmp_path: Path, rig: Rig) -> None:
    cost = estimate(VOLTAGES, None)
    assert cost.settings == 5
    outcome: Outcome = Engine(QUICK).run(work_for(VOLTAGES, tmp_path, rig))
    assert outcome.path is not None
    with xr.open_dataset(outcome.path, engine="h5netcdf") as dataset:
        assert sum(item.nbytes for name, item in dataset.variables.items() if "setting" in item.dims) <= cost.bytes


@pytest.mark.parametrize("axes", [1, 2])
def test_a_scan_has_a_report(rig: Rig, tmp_path: Path, axes: int) -> None:
    slow = ListAxis(set="meter.voltage", values=(1.0, 2.0))
    plan = replace(VOLTAGES, axes=(slow, *VOLTAGES.axes)[-axes:], title="Ohm's law")
    outcome = Engine(QUICK).run(work_for(plan, tmp_path, rig))
    assert outcome.path is not None
    html = write_report(outcome.path).read_text()
    assert "Scan: Ohm&#x27;s law" in html
    assert f"{5 * axes} settings measured of {5 * axes}" in html
    assert "<td>0 V</td><td>4 V</td><td>5</td>" in html
    assert html.count("<figure>") == 2


def test_a_scan_is_no_sweep_and_is_loaded_as_what_it_is(tmp_path: Path) -> None:
    axis = ListAxis(set="schedule.spacing_ns", values=(8.0,))
    plan = ScanPlan(axes=(axis,), sweep=BoardSweep(kind="random", most_points=3))
    work = work_for(plan, tmp_path, Rig({}, ExactBoard()), sweep=board_sweep(plan, GEOMETRY, Schedule()))
    outcome = Engine(QUICK).run(work)
    assert outcome.path is not None
    assert isinstance(load(outcome.path), ScanData)
    with pytest.raises(BadInput, match="of kind scan, not a sweep"):
        read_sweep(outcome.path)


def test_the_path_is_drawn_as_it_is_taken() -> None:
    zipped = ZipAxes(
        axes=(ListAxis(set="a.x", values=(1.0, 2.0, 3.0)), ListAxis(set="a.t", values=("lo", "mid", "hi")))
    )
    lines = draw(ScanPlan(axes=(ListAxis(set="a.s", values=(False, True)), zipped), read=("m.y",), snake=True))
    assert lines[0] == "settings 1 to 6 of 6:"
    assert lines[1:4] == ["a.s", "   True │   •••", "  False │•••"]
    assert lines[4:8] == ["a.x", "  3 │  ••", "  2 │ •  •", "  1 │•    •"]
    assert "chosen within 0 .. 4" in draw(adaptive_plan(9))[0]
    assert [duration(s) for s in (1.25, 61, 3600 * 2 + 300)] == ["1.2 s", "1 min 01 s", "2 h 05 min"]
