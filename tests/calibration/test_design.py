from __future__ import annotations

import numpy as np
import pytest

from calibration.columns import derivatives, fitted_names
from calibration.design import Cost, choose_sweeps, first_look, part_of, possible_sweeps
from calibration.observations import observe
from calibration.sensitivity import evaluate
from data.sweep import SweepData
from data.values import Geometry
from tests.calibration.chips import GEOMETRY, SCHEDULE, draw_chip

COST = Cost(programme=1e6, vector=1e4)
TIME_NS = 60e6


@pytest.fixture(scope="module")
def plans():
    return first_look(GEOMETRY, SCHEDULE), possible_sweeps(GEOMETRY, SCHEDULE)


@pytest.fixture(scope="module")
def chosen(plans):
    chip = draw_chip(51)
    return choose_sweeps(chip, np.ones(GEOMETRY.columns, bool), 0.3, *plans, TIME_NS, COST)


def test_the_time_is_kept_and_used(chosen):
    spent = sum(COST.of(plan) for plan in chosen)
    assert 0.9 * TIME_NS < spent <= TIME_NS


def test_what_is_chosen_makes_predictions_surer_than_random_vectors_for_the_same_time(chosen, plans):
    first, possible = plans
    chip, whole, draw = draw_chip(51), possible[-1], np.random.default_rng(0)
    left, taken = TIME_NS, []
    for program in draw.permutation(len(whole.weights)):
        points = np.flatnonzero(whole.program == program)
        left -= COST.of(part_of(whole, points))
        taken += [points] if left >= 0 else []
    random = part_of(whole, np.sort(np.concatenate(taken)))
    assert COST.of(random) > 0.9 * TIME_NS
    with_chosen, with_random, alone = (
        predicted_variance((*first, *more), whole, chip) for more in (chosen, (random,), ())
    )
    assert with_chosen < 0.8 * with_random < 0.8 * alone


def predicted_variance(measured, aim, chip):
    """Mean variance of outputs of the plan ``aim`` after measuring some plans, by Fisher information.

    Points of a programme share the mismatch of its synapses: together they tell what one with a tenth of their
    variance in common does.
    """
    information = 0.0
    for plan in measured:
        slopes = slopes_of(plan, chip) / np.sqrt((chip.noise**2 + 1 / 12) / plan.repeats + 0.3**2)
        for program, schedule in {*zip(plan.program, plan.schedule, strict=True)}:
            some = slopes[:, (plan.program == program) & (plan.schedule == schedule)]
            information = information + np.einsum("apc,bpc->cab", some, some) / (1 + 0.1 * (some.shape[1] - 1))
    return np.einsum("cab,bpc,apc->", np.linalg.inv(information), *[slopes_of(aim, chip)] * 2) / aim.points / GEOMETRY.columns


def slopes_of(plan, chip):
    """Derivatives of every output by every parameter, shape (names, points, columns); 0 beyond the ADC."""
    nothing = np.zeros((plan.points, plan.repeats, GEOMETRY.columns), np.int16)
    here = evaluate(observe([SweepData(plan, nothing, plan.points, "")], GEOMETRY), chip)
    return np.where(np.abs(here.predicted) < 125, derivatives(here, fitted_names(chip)), 0.0).astype(float)


def test_what_is_chosen_was_possible_and_fits_the_array(chosen, plans):
    possible = {plan.kind: plan for plan in plans[1]}
    for plan in chosen:
        plan.check(GEOMETRY)
        whole = possible[plan.kind]
        known = {(bytes(x), whole.weights[p].tobytes()) for x, p in zip(whole.activations, whole.program, strict=True)}
        assert {
            (bytes(x), plan.weights[p].tobytes()) for x, p in zip(plan.activations, plan.program, strict=True)
        } <= known


def test_more_is_chosen_where_a_parameter_is_unknown(plans):
    """A board that only leaks gains nothing from charge at the rails; times are what tells."""
    chip = draw_chip(52, terms=("leak",), gain=0.002)
    chosen = choose_sweeps(chip, np.ones(GEOMETRY.columns, bool), 0.3, plans[0][:1], plans[1], TIME_NS, COST)
    assert {plan.kind for plan in chosen} & {"timing", "random"}
    assert "baseline" not in {plan.kind for plan in chosen}


def test_without_time_nothing_is_chosen(plans):
    assert choose_sweeps(draw_chip(51), np.ones(GEOMETRY.columns, bool), 0.3, *plans, 1.0, COST) == ()


def test_a_part_of_a_plan_has_the_same_points(plans):
    plan = plans[1][-1]
    points = np.array([3, 40, 41, 100])
    some = part_of(plan, points)
    assert np.array_equal(some.activations, plan.activations[points])
    assert np.array_equal(some.weights[some.program], plan.weights[plan.program[points]])
    assert np.array_equal(some.coordinates["working"].values, plan.coordinates["working"].values[points])
    assert some.points == 4


def test_the_first_look_takes_less_than_half_of_the_quick_sweeps():
    from calibration.plans import standard_plans

    board = Geometry()
    quick = [plan for plan in standard_plans(board, SCHEDULE) if plan.kind != "held-out"]
    assert sum(map(Cost().of, first_look(board, SCHEDULE))) < 0.5 * sum(map(Cost().of, quick))
