"""Errors that are given against errors that are made, on chips whose parameters are known."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.curves import monotone
from calibration.misfit import Misfit, squared_contributions
from calibration.noise import noise_error, trial_noise
from calibration.observations import observe
from calibration.prediction import predict_outputs
from calibration.priors import common_value
from calibration.record import COVARIANCE_NAMES
from calibration.sensitivity import evaluate
from calibration.uncertainty import covariance
from data.errors import BadInput
from data.sweep import SweepData
from models.parameters import ChipParameters
from tests.calibration import chips
from tests.calibration.chips import GEOMETRY, IDENTITY, SCHEDULE, draw_chip, measured, small_plans, walk

FITTED = ("gain", "asymmetry", "offset", "tau_membrane_ns", "rail_low", "rail_high", "noise")


@pytest.fixture(scope="module")
def chip():
    return draw_chip(41)


@pytest.fixture(scope="module")
def record(chip):
    return calibrate(measured(chip, 42), IDENTITY, GEOMETRY, SCHEDULE)


def test_intervals_hold_the_truth_as_often_as_they_say(record, chip):
    pulls = np.stack([(getattr(record.ordered, n) - getattr(chip, n)) / record.standard_error(n) for n in FITTED])
    # 168 cases: 90 % of them, give or take three standard deviations.
    assert 0.83 < (np.abs(pulls) < 1.645).mean() < 0.97
    assert 0.75 < np.sqrt(np.mean(pulls**2)) < 1.3


@pytest.fixture(scope="module")
def mismatched():
    """A board whose synapses differ by 4 %, which no model knows: its truth, its record, where its errors come from."""
    seen = []
    odd = 1 + 0.04 * np.random.default_rng(1041).normal(size=(GEOMETRY.rows, GEOMETRY.columns))
    plain = chips.charges

    def remembered(*arguments):
        seen.append(arguments)
        return covariance(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chips, "charges", lambda weights, chip: plain(weights, chip) * odd)
        patch.setattr(sys.modules[calibrate.__module__], "covariance", remembered)
        truth = draw_chip(41)
        found = calibrate(measured(truth, 42), IDENTITY, GEOMETRY, SCHEDULE)
    return truth, found, seen[-1]


def test_intervals_allow_for_synapses_that_differ(mismatched):
    truth, found, _ = mismatched
    # Of one programme's points, all see the same synapses: errors of independent points are half of what is true here.
    pulls = (found.ordered.asymmetry - truth.asymmetry) / found.standard_error("asymmetry")
    assert 0.6 < np.sqrt(np.mean(pulls**2)) < 1.5


def test_curves_that_few_columns_tell_make_every_column_less_sure(mismatched):
    *_, (points, fit, passing) = mismatched
    few = passing & (np.arange(len(passing)) < 6)
    ratio = np.einsum("caa->ca", covariance(points, fit, few)) / np.einsum("caa->ca", covariance(points, fit, passing))
    assert (ratio.mean(axis=0)[[fit.columns.names.index(name) for name in ("gain", "asymmetry")]] > 1.3).all()


def test_predicted_means_lie_in_their_intervals(record, chip):
    draw = np.random.default_rng(3)
    weights = draw.integers(-40, 41, (GEOMETRY.rows, GEOMETRY.columns)).astype(np.int8)
    vectors = draw.integers(0, 32, (20, GEOMETRY.rows)).astype(np.uint8)
    exact = np.array([walk(vector, weights, chip, SCHEDULE) for vector in vectors]) + chip.offset - 0.5
    found = predict_outputs(record, weights, vectors, SCHEDULE)
    low, high = found.interval(0.9)
    assert np.abs(found.mean - exact).max() < 1.5
    assert ((low < exact) & (exact < high)).mean() > 0.75
    # What the parameters are unsure of and the misfit add up in squares.
    assert ((found.parameter_error > 0) & (found.parameter_error <= found.error)).all()
    sure = replace(record, covariance=0 * record.covariance)
    misfit = predict_outputs(sure, weights, vectors, SCHEDULE).error
    assert np.allclose(found.error**2, found.parameter_error**2 + misfit**2)
    wider = found.interval(0.99)
    assert ((wider[0] < low) & (wider[1] > high)).all()
    with pytest.raises(BadInput, match="between 0 and 1"):
        found.interval(1.0)


def test_a_model_that_leaves_nothing_out_has_hardly_any_misfit(record):
    assert np.sqrt(record.misfit.floor) < 0.2
    assert np.sqrt(record.misfit.charge) < 0.015


def test_squared_contributions_are_those_of_the_products():
    chip = replace(ChipParameters.ideal(GEOMETRY, 0.003), ordered=True, terms=frozenset({"leak"}))
    plan = small_plans()[-1]
    nothing = np.zeros((plan.points, 1, GEOMETRY.columns), np.int16)
    points = observe([SweepData(plan, nothing, plan.points, "")], GEOMETRY).select(np.arange(9))
    squares = squared_contributions(points, chip, evaluate(points, chip, reach=True))
    for index in range(9):
        weights = points.weights[points.program[index]].astype(float)
        sends = points.schedules[points.schedule[index]].sends
        expected = ((0.003 * sends * points.activations[index][:, None] * weights) ** 2).sum(axis=0)
        assert np.allclose(squares[index], expected, rtol=1e-3)
    assert Misfit(0.1, 0.2, 0.3).variance(np.array(2.0), np.array(3.0)) == pytest.approx(0.1 + 0.4 + 2.7)


def test_the_error_of_the_noise_is_its_spread():
    plan = small_plans()[0]
    draw = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(30):
        outputs = np.floor(draw.normal(0, 1.4, (plan.points, plan.repeats, GEOMETRY.columns))).astype(np.int16)
        points = observe([SweepData(plan, outputs, plan.points, "")], GEOMETRY)
        found.append(trial_noise(points))
        errors.append(noise_error(points))
    assert np.mean(errors) == pytest.approx(np.std(found, axis=0).mean(), rel=0.1)


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_what_values_have_in_common_is_found(spread):
    draw = np.random.default_rng(7)
    errors = draw.uniform(0.5, 2.0, 4000)
    values = 10 + spread * draw.normal(size=4000) + errors * draw.normal(size=4000)
    found = common_value(values, errors**2)
    assert found.centre == pytest.approx(10, abs=0.2)
    assert found.spread == pytest.approx(spread, abs=0.25)
    assert np.sqrt(found.variance) == pytest.approx(np.sqrt((spread**2 + 1) / 4000), rel=0.5)


def test_one_value_says_nothing_of_others():
    assert common_value(np.array([5.0]), np.array([1.0])).precision == 0


def test_curves_that_fall_are_made_to_rise_and_others_left_alone():
    chip = draw_chip(5)
    assert np.allclose(monotone(chip).weight_curve, chip.weight_curve)
    bent = chip.weight_curve.copy()
    bent[[70, 71]] = bent[[71, 70]]
    activation = chip.activation_curve.copy()
    activation[[10, 11]] = activation[[11, 10]]
    mended = monotone(replace(chip, weight_curve=bent, activation_curve=activation))
    assert (np.diff(mended.weight_curve) >= 0).all()
    assert (np.diff(mended.activation_curve) >= 0).all()
    assert mended.weight_curve[70] == pytest.approx(bent[[70, 71]].mean())
    assert mended.weight_curve[GEOMETRY.weight_max] == mended.activation_curve[0] == 0


def test_the_noise_is_among_the_errors(record):
    assert COVARIANCE_NAMES[-1] == "noise"
    assert np.allclose(record.standard_error("noise") / record.ordered.noise, 0.04, atol=0.03)
