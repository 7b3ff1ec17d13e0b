from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.record import COVARIANCE_NAMES
from data.errors import BadInput, Cancelled
from data.values import Schedule
from tests.calibration.chips import GEOMETRY, IDENTITY, SCHEDULE, broken, draw_chip, measured, small_plans


def fit(sweeps, **options):
    return calibrate(sweeps, IDENTITY, GEOMETRY, SCHEDULE, **options)


@pytest.fixture(scope="module")
def chip():
    return draw_chip(11)


@pytest.fixture(scope="module")
def sweeps(chip):
    return measured(chip, 12)


@pytest.fixture(scope="module")
def record(sweeps):
    return fit(sweeps, temperature_c=41.5)


def test_the_terms_of_the_board_are_chosen(record):
    assert record.ordered.terms == {"leak", "rails"}
    assert record.order_effect_seen
    assert [row.chosen for row in record.selection].count(True) == 1


def test_the_residual_is_the_trial_noise(record):
    assert 0.97 < record.ordered_score.median < 1.05
    assert 0.97 < record.ordered_score.median_all_schedules < 1.05
    assert record.unordered_score.median > 1.2 * record.ordered_score.median


@pytest.mark.parametrize("name", ["gain", "asymmetry", "offset", "tau_membrane_ns", "rail_low", "rail_high"])
def test_parameters_lie_within_their_intervals(record, chip, name):
    pull = (getattr(record.ordered, name) - getattr(chip, name)) / record.standard_error(name)
    assert np.isfinite(pull).all()
    # 24 columns: two standard errors hold 23 of them on average; systematic errors would show in the mean square.
    assert (np.abs(pull) < 2).mean() > 0.75
    assert np.sqrt(np.mean(pull**2)) < 1.6
    assert np.sqrt(np.mean(pull**2)) > 0.5


def test_noise_and_curves_are_found(record, chip):
    assert np.allclose(record.ordered.noise, chip.noise, rtol=0.15)
    assert np.abs(record.ordered.activation_curve - chip.activation_curve).max() < 0.4
    assert np.sqrt(np.mean((record.ordered.weight_curve - chip.weight_curve) ** 2)) < 0.35
    # The bend that was put in is 0.6 codes; the ideal curve would be off by that much.
    assert np.corrcoef(record.ordered.weight_curve - record.ordered.geometry.weight_max, chip.weight_curve)[0, 1] > 0.99
    assert np.sqrt(np.mean((record.ordered.row_gain - chip.row_gain) ** 2)) < 0.008
    assert np.isclose(record.ordered.row_gain.mean(), 1)


def test_where_it_came_from_is_recorded(record, sweeps):
    assert record.runs == tuple(sweep.run_id for sweep in sweeps)
    assert record.identity == IDENTITY
    assert record.schedule == SCHEDULE
    assert record.temperature_c == 41.5
    assert record.passes.all()
    assert set(record.reasons) == {""}


def test_the_residual_is_split_into_its_parts(record):
    total = record.unordered_score.residual_over_noise * record.parts.trial_noise
    parts = np.sqrt(record.parts.trial_noise**2 + record.parts.misfit**2 + record.parts.order**2)
    assert np.median(np.abs(parts / total - 1)) < 0.02
    assert np.median(record.parts.order) > 3 * np.median(record.parts.misfit)


def test_the_same_sweeps_give_the_same_calibration(record, sweeps):
    again = fit(sweeps, temperature_c=41.5)
    assert replace(again, calibration_id=record.calibration_id, created=record.created).content_hash == (
        record.content_hash
    )


def test_without_order_effects_no_term_is_chosen():
    plain = draw_chip(21, terms=(), gain=0.0025)
    record = fit(measured(plain, 22))
    assert not record.order_effect_seen
    assert record.ordered is record.unordered
    assert record.ordered_score.median < 1.05
    assert "no order effect seen" in record.summary()
    assert np.isnan(record.standard_error("tau_membrane_ns")).all()


def test_an_exact_integer_board_is_found_exact():
    exact = replace(
        draw_chip(23, terms=(), gain=0.002),
        gain=np.full(GEOMETRY.columns, 0.002),
        noise=np.zeros(GEOMETRY.columns),
        offset=np.zeros(GEOMETRY.columns),
    )
    record = fit(measured(exact, 24))
    assert not record.order_effect_seen
    assert 0.9 < record.ordered_score.median < 1.1
    assert np.allclose(record.ordered.gain, 0.002, rtol=5e-3)


def test_leak_alone_needs_no_rails():
    record = fit(measured(draw_chip(25, terms=("leak",), gain=0.0025), 26))
    assert record.ordered.terms == {"leak"}
    assert record.ordered_score.median < 1.05


def test_bad_columns_are_named_and_disturb_no_other(chip, sweeps, record):
    draw = np.random.default_rng(0)
    bad = sweeps
    for column, how in (
        (3, lambda y: np.full_like(y, 17)),
        (9, lambda y: (y + draw.normal(0, 12, y.shape)).astype(np.int16)),
        (14, lambda y: (y * 0.2).astype(np.int16)),
    ):
        bad = [broken(sweep, column, how) for sweep in bad]
    found = fit(bad)
    assert [i for i, reason in enumerate(found.reasons) if reason] == [3, 9, 14]
    assert found.reasons[3].startswith("stuck")
    assert found.reasons[9].startswith("noisy")
    assert not found.passes[[3, 9, 14]].any()
    good = found.passes
    assert np.allclose(found.ordered.gain[good], record.ordered.gain[good], rtol=0.01)
    assert found.ordered_score.median < 1.05


def test_what_is_missing_is_said(sweeps):
    without = [sweep for sweep in sweeps if sweep.plan.kind != "held-out"]
    with pytest.raises(BadInput, match="held-out sweep is missing"):
        fit(without)
    with pytest.raises(BadInput, match="random vectors is missing"):
        fit([sweep for sweep in sweeps if sweep.plan.kind != "random"])
    with pytest.raises(BadInput, match="holds a measured point"):
        fit([])
    with pytest.raises(BadInput, match="working schedule"):
        calibrate(sweeps, IDENTITY, GEOMETRY, Schedule(spacing_ns=400, sends=3))
    with pytest.raises(BadInput, match="32 x 24"):
        calibrate(sweeps, IDENTITY, replace(GEOMETRY, rows=32), SCHEDULE)


def test_a_dead_board_is_said_to_be_dead(sweeps):
    silent = [replace(sweep, outputs=np.zeros_like(sweep.outputs)) for sweep in sweeps]
    with pytest.raises(BadInput, match="none of the 24 columns can be used"):
        fit(silent)


def test_the_held_out_sweep_changes_only_the_score(sweeps, record):
    other = [*sweeps[:-1], measured(draw_chip(99), 13, [small_plans()[-1]])[0]]
    found = fit(other)
    assert np.array_equal(found.ordered.gain, record.ordered.gain)
    assert [row.loss for row in found.selection] == [row.loss for row in record.selection]
    assert found.ordered_score.median > 1.5


def test_progress_rises_and_can_stop(sweeps):
    heard = []

    def listen(done, doing):
        heard.append(done)
        if len(heard) == 5:
            raise Cancelled("stopped by the listener")

    with pytest.raises(Cancelled):
        fit(sweeps, progress=listen)
    assert heard == sorted(heard)


def test_the_covariance_is_named_and_symmetric(record):
    used = [COVARIANCE_NAMES.index(name) for name in ("gain", "asymmetry", "offset", "tau_membrane_ns")]
    block = record.covariance[:, used][:, :, used]
    assert np.allclose(block, block.transpose(0, 2, 1))
    assert (
        np.linalg.eigvalsh(block / np.sqrt(np.einsum("caa->ca", block)[:, :, None] ** 2).clip(1e-300)) > -1e-6
    ).all()
    with pytest.raises(BadInput, match="no uncertainty of 'colour'"):
        record.standard_error("colour")
