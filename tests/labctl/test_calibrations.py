"""What is shown of calibrations, against an independent walk, counting by hand, and records changed on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import CalibrationRecord, WrongBoard
from calibration.calibrate import calibrate
from calibration.observations import observe
from data.sweep import SweepData
from data.values import Geometry
from labctl.calibrations.columns import outliers, robust
from labctl.calibrations.differences import compare_calibrations
from labctl.calibrations.history import calibration_history
from labctl.calibrations.looking import list_calibrations, look_at_calibration, view_of
from labctl.calibrations.orders import order_curves_of, order_spread, position_curves, schedule_residuals
from models.parameters import ChipParameters
from tests.calibration.chips import IDENTITY, SCHEDULE, draw_chip, measured, small_plans, walk

ARRAY = Geometry(rows=32, columns=10)


@pytest.fixture(scope="module")
def chip() -> ChipParameters:
    made: ChipParameters = draw_chip(3, geometry=ARRAY, gain=0.008, leak_ns=4000.0)
    return made


@pytest.fixture(scope="module")
def sweeps(chip: ChipParameters) -> dict[str, SweepData]:
    return {sweep.plan.kind: sweep for sweep in measured(chip, 4, small_plans(ARRAY))}


@pytest.fixture(scope="module")
def record(sweeps: dict[str, SweepData]) -> CalibrationRecord:
    return calibrate(list(sweeps.values()), IDENTITY, ARRAY, SCHEDULE, temperature_c=31.5)


def test_a_row_moved_through_the_sequence_is_drawn_as_the_models_walk_it(
    record: CalibrationRecord, sweeps: dict[str, SweepData]
) -> None:
    sweep = sweeps["position"]
    curves = position_curves(record, sweep)
    plan = sweep.plan
    assert len(curves) == len(set(zip(*(plan.coordinates[n].values.tolist() for n in ("row", "spacing")), strict=True)))
    curve = curves[1]  # the first row at the wider spacing: every step has another place
    assert np.all(np.diff(curve.later) > 0)
    for step, later in enumerate(curve.later):
        at = next(
            point
            for point in range(plan.points)
            if plan.coordinates["row"].values[point] == curve.row
            and plan.coordinates["spacing"].values[point] == curve.spacing_ns
            and plan.coordinates["later"].values[point] == later
        )
        weights, schedule = plan.weights[plan.program[at]], plan.schedules[plan.schedule[at]]
        sign = np.sign(weights[curve.row].astype(float))
        by_hand = sign * walk(plan.activations[at], weights, record.ordered, schedule)
        assert curve.ordered[step] == pytest.approx(by_hand, abs=2e-3)
        seen = sign * (sweep.outputs[at].mean(axis=0) + 0.5 - record.ordered.offset)
        assert curve.measured[step] == pytest.approx(seen)
    assert curve.means[1] == pytest.approx(curve.ordered[:, record.passes].mean(axis=1))
    assert np.ptp(curve.means[2]) < 1e-3, "an order-blind model does not know when a row sends"
    assert curve.means[0][-1] < curve.means[0][0], "what came early has leaked"


def test_the_spread_over_orders_is_that_of_the_board_without_its_noise(
    record: CalibrationRecord, sweeps: dict[str, SweepData], chip: ChipParameters
) -> None:
    sweep = sweeps["permutations"]
    spread = order_spread(record, sweep)
    plan = sweep.plan
    truth = np.array(
        [
            walk(plan.activations[point], plan.weights[plan.program[point]], chip, plan.schedules[plan.schedule[point]])
            for point in range(plan.points)
        ]
    )
    multiset = plan.coordinates["multiset"].values
    true = np.sqrt(np.mean([truth[multiset == m].var(axis=0, ddof=1) for m in np.unique(multiset)], axis=0))
    good = record.passes
    assert spread.measured[good] == pytest.approx(true[good], rel=0.25, abs=0.5)
    assert spread.ordered[good] == pytest.approx(true[good], rel=0.15, abs=0.3)
    assert np.all(spread.unordered < 1e-3)
    noise = np.sqrt((record.ordered.noise**2 + 1 / 12) / plan.repeats)
    assert spread.noise == pytest.approx(noise)
    means = sweep.outputs.mean(axis=1)
    raw = np.mean([means[multiset == m].var(axis=0, ddof=1) for m in np.unique(multiset)], axis=0)
    assert spread.measured**2 + noise**2 == pytest.approx(raw), "noise adds in squares"


def test_residuals_at_the_working_schedule_are_those_of_the_record(
    record: CalibrationRecord, sweeps: dict[str, SweepData]
) -> None:
    found = schedule_residuals(record, observe([sweeps["held-out"]], ARRAY))
    assert "(working)" in found.schedules[0]
    assert any("rows backwards" in name for name in found.schedules)
    assert found.ordered[0] == pytest.approx(record.ordered_score.residual_over_noise)
    assert found.unordered[0] == pytest.approx(record.unordered_score.residual_over_noise)


def test_sweeps_that_are_not_in_the_folder_are_named(record: CalibrationRecord, tmp_path: Path) -> None:
    found = order_curves_of(record, tmp_path)
    assert found.missing == ("position", "permutations", "held-out")
    assert found.position == ()
    assert found.spread is None
    assert found.residuals is None


def test_a_view_says_what_the_record_does(record: CalibrationRecord, tmp_path: Path) -> None:
    path = record.save(tmp_path / "one.h5")
    view = look_at_calibration(path)
    assert view.content_hash == record.content_hash
    assert ("origin", "SIMULATED") in view.facts
    by_name = {item.name: item for item in view.parameters}
    assert by_name["tau_membrane_ns"].values == pytest.approx(record.ordered.tau_membrane_ns / 1000)
    assert by_name["tau_membrane_ns"].errors == pytest.approx(record.standard_error("tau_membrane_ns") / 1000)
    middle = np.median(record.ordered.gain[record.passes])
    assert view.array[7, 3] == pytest.approx(record.ordered.row_gain[7] * record.ordered.gain[3] / middle, rel=1e-5)
    assert [row.chosen for row in view.models].count(True) == 1


def test_an_outlier_is_what_is_far_from_all_others() -> None:
    values = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 3.0, np.nan])
    median, spread = robust(values)
    assert median == pytest.approx(1.02)
    assert np.flatnonzero(outliers(values, median, spread)).tolist() == [6]
    assert not outliers(np.ones(5), 1.0, 0.0).any()


def test_a_difference_is_in_units_of_what_both_are_unsure_of(record: CalibrationRecord, tmp_path: Path) -> None:
    error = record.standard_error("offset")
    column = int(record.columns[0])
    offset = record.ordered.offset.copy()
    offset[column] += 5 * error[column]
    passes = record.passes.copy()
    lost = int(record.columns[-1])
    passes[lost] = False
    later = replace(
        record,
        calibration_id="20301122-000000-aaaa",
        ordered=replace(record.ordered, offset=offset),
        passes=passes,
        temperature_c=33.0,
    )
    found = compare_calibrations(later.save(tmp_path / "b.h5"), record.save(tmp_path / "a.h5"))
    by_name = {item.name: item for item in found.parameters}
    assert by_name["offset"].in_errors[column] == pytest.approx(5 / np.sqrt(2))
    assert by_name["offset"].beyond == 1
    assert by_name["gain"].beyond == 0
    assert np.isnan(by_name["gain"].difference[lost])
    assert found.lost == (lost,)
    assert found.gained == ()
    assert ("temperature", "33.0 °C", "31.5 °C") in found.facts


def test_calibrations_of_two_boards_are_not_compared(record: CalibrationRecord, tmp_path: Path) -> None:
    other = replace(record, identity=replace(record.identity, serial_number="T-000002"))
    with pytest.raises(WrongBoard, match="compare calibrations of one board"):
        compare_calibrations(other.save(tmp_path / "b.h5"), record.save(tmp_path / "a.h5"))


def test_a_history_is_of_one_board_and_names_what_it_cannot_read(record: CalibrationRecord, tmp_path: Path) -> None:
    drifted = replace(record.ordered, offset=record.ordered.offset + 2)
    week = {"calibration_id": "20301108-000000-0001", "created": "2030-11-08T00:00:00Z"}
    record = replace(record, calibration_id="20301101-000000-0001", created="2030-11-01T00:00:00Z")
    record.save(tmp_path)
    replace(record, ordered=drifted, **week).save(tmp_path)
    stranger = replace(record.identity, serial_number="T-000002")
    replace(record, identity=stranger, calibration_id="20301001-000000-0001").save(tmp_path)
    (tmp_path / "20301115-000000-0001-calibration.h5").write_bytes(b"no calibration")
    found = calibration_history(tmp_path, "T-000001")
    medians = [point.figures["offset"][0] for point in found.points]
    assert len(medians) == 2
    assert medians[1] - medians[0] == pytest.approx(2)
    assert found.points[1].at - found.points[0].at == 7 * 86400
    assert [point.figures["temperature"][0] for point in found.points] == [31.5, 31.5]
    assert len(found.unreadable) == 1
    listed = list_calibrations(tmp_path)
    assert listed[0].problem
    assert [item.board for item in listed[1:]] == ["T-000001", "T-000001", "T-000002"]


def test_a_column_that_fails_is_no_outlier(record: CalibrationRecord) -> None:
    gain = record.ordered.gain.copy()
    gain[2] *= 30
    passes = record.passes.copy()
    odd = replace(record, ordered=replace(record.ordered, gain=gain), passes=passes)
    marked = {item.name: item for item in view_of(odd, Path("a.h5")).parameters}["gain"].outliers
    assert marked[2]
    passes[2] = False
    marked = {item.name: item for item in view_of(odd, Path("a.h5")).parameters}["gain"].outliers
    assert not marked[2]
