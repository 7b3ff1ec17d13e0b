from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.observations import observe
from calibration.sensitivity import evaluate, predict, saturation_of
from calibration.walks import normal_equations
from data.sweep import SweepData
from tests.calibration.chips import GEOMETRY, SCHEDULE, draw_chip, small_plans, walk

MODELS = {
    "unordered": {"terms": ("rails",), "ordered": False},
    "leak": {"terms": ("leak",)},
    "rails": {"terms": ("rails",)},
    "leak + rails": {"terms": ("leak", "rails")},
    "leak + rails + line": {"terms": ("leak", "rails", "line")},
}


def some_points(count=40, seed=0):
    """Points of all plans, some with zeros that take a slot, without outputs."""
    sweeps = [
        SweepData(plan, np.zeros((plan.points, 1, GEOMETRY.columns), np.int16), plan.points, "")
        for plan in small_plans()[2:]
    ]
    points = observe(sweeps, GEOMETRY)
    schedules = tuple(replace(schedule, skip_zeros=index % 3 > 0) for index, schedule in enumerate(points.schedules))
    chosen = np.random.default_rng(seed).choice(points.points, count, replace=False)
    return replace(points, schedules=schedules).select(chosen)


@pytest.mark.parametrize("model", MODELS)
def test_the_compiled_walk_follows_the_formulas(model):
    chip, points = draw_chip(1, **MODELS[model]), some_points()
    expected = [
        walk(vector, points.weights[program], chip, points.schedules[schedule]) + chip.offset
        for vector, program, schedule in zip(points.activations, points.program, points.schedule, strict=True)
    ]
    assert np.allclose(evaluate(points, chip).predicted, expected, atol=2e-3)


@pytest.mark.parametrize("model", MODELS)
def test_it_agrees_with_the_kernels_of_the_models(model):
    chip, points = draw_chip(2, **MODELS[model]), some_points(seed=1)
    assert np.allclose(evaluate(points, chip).predicted, predict(points, chip), atol=5e-3)


def moved(chip, name, step):
    if name == "by_gain":
        return replace(chip, gain=chip.gain * np.exp(step))
    if name == "by_leak":
        return replace(chip, tau_membrane_ns=1 / (1 / chip.tau_membrane_ns + step))
    if name == "by_saturation":
        return replace(chip, line_limit=(saturation_of(chip) + step) ** -0.5)
    field = {
        "by_asymmetry": "asymmetry",
        "by_low": "rail_low",
        "by_high": "rail_high",
        "by_line_time": "tau_line_ns",
    }[name]
    return replace(chip, **{field: getattr(chip, field) + step})


STEPS = {
    "by_gain": 1e-5,
    "by_asymmetry": 1e-5,
    "by_low": 1e-4,
    "by_high": 1e-4,
    "by_leak": 1e-10,
    "by_line_time": 1e-2,
    "by_saturation": 1e-12,
}


@pytest.mark.parametrize("model", MODELS)
def test_every_derivative_is_that_of_the_formulas(model):
    chip, points = draw_chip(3, **MODELS[model]), some_points(24, seed=2)
    found = evaluate(points, chip)
    names = ["by_gain", "by_asymmetry"]
    names += ["by_low", "by_high"] if "rails" in chip.terms else []
    names += ["by_leak"] if "leak" in chip.terms else []
    names += ["by_line_time", "by_saturation"] if "line" in chip.terms else []
    settings = list(zip(points.activations, points.program, points.schedule, strict=True))
    for name in names:
        sides = []
        for sign in (1, -1):
            other = moved(chip, name, sign * STEPS[name])
            sides.append(np.array([walk(v, points.weights[p], other, points.schedules[s]) for v, p, s in settings]))
        numeric = (sides[0] - sides[1]) / (2 * STEPS[name])
        scale = np.sqrt(np.mean(numeric**2))
        assert scale > 0, name
        # A step may carry a voltage over the edge of a rail, where there is no derivative.
        off = np.abs(getattr(found, name) - numeric) > 0.01 * scale
        assert off.mean() < 0.01, name


@pytest.mark.parametrize("model", ["unordered", "leak + rails", "leak + rails + line"])
def test_the_reach_of_a_row_is_the_derivative_by_its_gain(model):
    chip, points = draw_chip(4, **MODELS[model]), some_points(6, seed=3)
    found = evaluate(points, chip, reach=True)
    for row in (0, 17, 63):
        step = 1e-5 * (np.arange(GEOMETRY.rows) == row)
        for index in range(points.points):
            vector, weights = points.activations[index], points.weights[points.program[index]]
            schedule = points.schedules[points.schedule[index]]
            numeric = (
                walk(vector, weights, replace(chip, row_gain=chip.row_gain + step), schedule)
                - walk(vector, weights, replace(chip, row_gain=chip.row_gain - step), schedule)
            ) / 2e-5
            signed = chip.weight_curve[weights[row].astype(int) + GEOMETRY.weight_max]
            signed = signed * (1 + chip.asymmetry * np.sign(weights[row]))
            by_row = found.reach[index, row] * chip.activation_curve[vector[row]] * signed
            assert np.isclose(by_row, numeric, rtol=2e-2, atol=2e-2).mean() > 0.95


def test_normal_equations_are_the_matrix_products():
    draw = np.random.default_rng(0)
    weights, residual = draw.random((50, 21)).astype(np.float32), draw.normal(size=(50, 21)).astype(np.float32)
    jacobian = draw.normal(size=(4, 50, 21)).astype(np.float32)
    cost, gradient, information = normal_equations(weights, residual, jacobian)
    assert np.allclose(cost, (weights * residual**2).sum(axis=0), rtol=1e-4)
    assert np.allclose(gradient, np.einsum("pc,pc,apc->ca", weights, residual, jacobian), atol=1e-3)
    assert np.allclose(information, np.einsum("pc,apc,bpc->cab", weights, jacobian, jacobian), atol=1e-3)


def test_the_working_schedule_is_found():
    points = some_points()
    everywhere = observe(
        [SweepData(p, np.zeros((p.points, 1, GEOMETRY.columns), np.int16), p.points, "") for p in small_plans()],
        GEOMETRY,
    )
    assert everywhere.sent_by(SCHEDULE).any()
    assert points.points == 40
