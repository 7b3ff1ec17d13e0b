"""Sweeps as run files: the plan and the outputs come back exactly, whole or in part."""

from __future__ import annotations

from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadInput
from data.metadata import RunMetadata
from data.runfile import RunWriter
from data.sweep import Coordinate, SweepPlan
from data.sweepfile import NOT_MEASURED, SweepWriter, read_sweep
from data.values import Schedule


def metadata() -> RunMetadata:
    return RunMetadata.new("position", simulated=True)


@st.composite
def schedules(draw: st.DrawFn, rows: int) -> Schedule:
    order = draw(st.none() | st.permutations(range(rows)).map(tuple))
    return Schedule(
        order,
        8 * draw(st.integers(1, 50)),
        draw(st.integers(1, 64)),
        draw(st.booleans()),
        draw(st.integers(0, 9999)),
        draw(st.integers(0, 9999)),
    )


@st.composite
def plans(draw: st.DrawFn) -> SweepPlan:
    points, rows, columns, programmes = (draw(st.integers(1, 5)) for _ in range(4))
    sent = tuple(draw(st.lists(schedules(rows), min_size=1, max_size=3)))
    names = st.sampled_from(["row", "weight", "spacing", "slot", "output", "swept_row", "plan_kind", "time"])
    coordinates = {
        name: Coordinate(draw(hnp.arrays(draw(st.sampled_from(["i8", "f8", "?"])), points)), "ns", f"the {name}")
        for name in draw(st.lists(names, unique=True))
    }
    return SweepPlan(
        kind=draw(st.sampled_from(["position", "held-out"])),
        weights=draw(hnp.arrays(np.int8, (programmes, rows, columns))),
        schedules=sent,
        activations=draw(hnp.arrays(np.uint8, (points, rows))),
        program=draw(hnp.arrays(np.intp, points, elements=st.integers(0, programmes - 1))),
        schedule=draw(hnp.arrays(np.intp, points, elements=st.integers(0, len(sent) - 1))),
        repeats=draw(st.integers(1, 3)),
        coordinates=coordinates,
    )


@given(plan=plans(), share=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_sweep_round_trips(tmp_path_factory: pytest.TempPathFactory, plan: SweepPlan, share: float) -> None:
    shape = (plan.points, plan.repeats, plan.weights.shape[2])
    outputs = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int16)
    measured = int(share * plan.points)
    with SweepWriter.create(tmp_path_factory.mktemp("sweep"), metadata(), plan) as writer:
        for point in range(measured):
            writer.write(np.array([point]), outputs[point : point + 1], 1e9 + point)
        assert writer.measured == writer.checkpoint() == measured
        writer.finish("stopped" if measured < plan.points else "complete")
    sweep = read_sweep(writer.path)
    assert sweep.run_id == writer.metadata.run_id
    assert sweep.measured == measured
    np.testing.assert_array_equal(sweep.outputs[:measured], outputs[:measured], strict=True)
    assert (sweep.outputs[measured:] == NOT_MEASURED).all()
    assert sweep.times is not None
    np.testing.assert_array_equal(sweep.times[:measured], 1e9 + np.arange(measured))
    assert np.isnan(sweep.times[measured:]).all()
    back = sweep.plan
    assert (back.kind, back.schedules, back.repeats) == (plan.kind, plan.schedules, plan.repeats)
    for name in ("weights", "activations", "program", "schedule"):
        np.testing.assert_array_equal(getattr(back, name), getattr(plan, name), strict=True)
    assert set(back.coordinates) == set(plan.coordinates)
    for name, item in plan.coordinates.items():
        assert (back.coordinates[name].unit, back.coordinates[name].long_name) == (item.unit, item.long_name)
        np.testing.assert_array_equal(back.coordinates[name].values, item.values, strict=True)


def small_plan(**changed: object) -> SweepPlan:
    settings: dict[str, object] = {
        "kind": "position",
        "weights": np.ones((2, 4, 3), np.int8),
        "schedules": (Schedule(spacing_ns=16), Schedule(order=(3, 2, 1, 0))),
        "activations": np.arange(20, dtype=np.uint8).reshape(5, 4),
        "program": np.array([0, 0, 0, 1, 1]),
        "schedule": np.array([0, 1, 0, 1, 0]),
        "repeats": 2,
        "coordinates": {"slot": Coordinate(np.arange(5), "1", "slot of the active row")},
    }
    return SweepPlan(**(settings | changed))  # type: ignore[arg-type]


def test_xarray_sees_what_varies_over_the_points(tmp_path: Path) -> None:
    with SweepWriter.create(tmp_path, metadata(), small_plan()) as writer:
        writer.write(np.arange(2), np.full((2, 2, 3), -7))
        writer.checkpoint()
    with xr.open_dataset(writer.path, engine="h5netcdf") as dataset:
        assert dataset.output.dims == ("point", "repeat", "column")
        assert set(dataset.output.coords) == {"slot", "program_index", "schedule_index", "time"}
        assert dataset.spacing.attrs["units"] == "ns"
        assert dataset.spacing.values.tolist() == [16, 40]
        assert dataset.event_order.values.tolist() == [[0, 1, 2, 3], [3, 2, 1, 0]]
        assert dataset.output.notnull().sum("column").values.tolist() == [[3, 3], [3, 3], [0, 0], [0, 0], [0, 0]]
        mean = dataset.output.mean(("repeat", "column")).set_xindex("slot").sel(slot=1)
        assert float(mean) == -7
        assert int(dataset.rows_done) == 2


def test_points_are_written_in_the_order_of_the_plan(tmp_path: Path) -> None:
    block = np.zeros((2, 2, 3), np.int16)
    with SweepWriter.create(tmp_path, metadata(), small_plan()) as writer:
        writer.write(np.arange(2), block)
        for points in ([3, 4], [0, 1], [2, 2]):
            with pytest.raises(BadInput, match="point 2 comes next"):
                writer.write(np.array(points), block)
        for outputs in (block[:1], block[:, :1], block[:, :, :2], block.astype(int) + 40_000):
            with pytest.raises(BadInput):
                writer.write(np.array([2, 3]), outputs)
        assert writer.measured == 2


def test_a_plan_that_cannot_be_stored_leaves_a_failed_file_and_says_why(tmp_path: Path) -> None:
    for number, wrong in enumerate(
        (
            {"coordinates": {"slot": Coordinate(np.arange(4), "1", "")}},
            {"schedules": (Schedule(order=(1, 0)),)},
            {"activations": np.zeros((0, 4), np.uint8)},
            {"repeats": 0},
        )
    ):
        with pytest.raises(BadInput, match="sweep position"):
            SweepWriter.create(tmp_path / str(number), metadata(), small_plan(**wrong))


def test_a_run_of_another_kind_is_no_sweep(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, RunMetadata.new("calibration", simulated=True)) as writer:
        pass
    with pytest.raises(BadInput, match="kind calibration, not a sweep"):
        read_sweep(writer.path)
