from __future__ import annotations

import numpy as np
import pytest

from calibration.orders import ORDERINGS, permutations, timing
from calibration.plans import baseline, position, single_row, standard_plans
from calibration.vectors import random_vectors
from data.errors import BadInput
from data.values import Geometry, Schedule
from tests.calibration.chips import SCHEDULE, small_plans

BOARD = Geometry()
SHAPES = [BOARD, Geometry(rows=16, columns=8), Geometry(rows=1, columns=1), Geometry(rows=33, columns=5, clock_ns=20)]


@pytest.mark.parametrize("geometry", SHAPES)
def test_every_plan_fits_its_geometry(geometry):
    for plan in standard_plans(geometry, Schedule(spacing_ns=40, sends=2)):
        plan.check(geometry)
        for coordinate in plan.coordinates.values():
            assert coordinate.values.shape == (plan.points,)
            assert coordinate.unit
            assert coordinate.long_name


def test_the_quick_budget_holds():
    plans = standard_plans(BOARD, SCHEDULE)
    assert sum(plan.vectors for plan in plans) <= 40_000
    assert sum(len(plan.weights) for plan in plans) <= 250
    assert sum(plan.kind == "held-out" for plan in plans) == 1


def test_an_unknown_budget_is_refused():
    with pytest.raises(BadInput, match="must be 'quick' or 'full'"):
        standard_plans(BOARD, SCHEDULE, budget="huge")  # type: ignore[arg-type]


def test_an_unknown_kind_of_random_vectors_is_refused():
    with pytest.raises(BadInput, match="kind"):
        random_vectors(BOARD, SCHEDULE, kind="other")


def test_the_slot_of_the_active_row_is_the_coordinate():
    plan = position(BOARD, SCHEDULE)
    slots, later = plan.coordinates["slot"].values, plan.coordinates["later"].values
    for point in range(plan.points):
        schedule = plan.schedules[plan.schedule[point]]
        order = schedule.order_array(BOARD.rows)
        events = [row for row in order if plan.activations[point, row]]
        weighted = np.flatnonzero(np.abs(plan.programme(int(plan.program[point]))).sum(axis=1))
        assert len(weighted) == 1
        assert events.index(weighted[0]) == slots[point]
        assert len(events) - 1 - slots[point] == later[point]
        assert schedule.sends == 1
        assert schedule.skip_zeros
    assert len(np.unique(slots)) > 20


def test_the_orders_of_a_multiset_hold_the_same_charges():
    plan = permutations(BOARD, SCHEDULE)
    for multiset in np.unique(plan.coordinates["multiset"].values):
        points = np.flatnonzero(plan.coordinates["multiset"].values == multiset)
        assert len(np.unique(plan.program[points])) == 1
        assert len(np.unique(plan.activations[points], axis=0)) == 1
        orders = {plan.schedules[plan.schedule[point]].order for point in points}
        assert len(orders) == len(points)


def test_named_orders_are_what_they_are_called():
    plan = permutations(BOARD, SCHEDULE)
    for point in range(plan.points):
        order = plan.schedules[plan.schedule[point]].order_array(BOARD.rows)
        # Column 0 has a positive scale; small scales merge charges, so the widest positive column is looked at.
        weights = plan.programme(int(plan.program[point])).astype(float)
        widest = 2 * int(np.argmax(np.abs(weights[:, 0::2]).sum(axis=0)))
        charge = (plan.activations[point][:, None] * weights)[order, widest]
        name = ORDERINGS[int(plan.coordinates["ordering"].values[point])]
        if name == "ascending":
            assert np.corrcoef(charge, np.arange(len(charge)))[0, 1] > 0.95
        elif name == "descending":
            assert np.corrcoef(charge, np.arange(len(charge)))[0, 1] < -0.95
        elif name in ("positive first", "negative first"):
            signs = np.sign(charge[charge != 0]) * (1 if name == "positive first" else -1)
            assert np.all(np.diff(signs) <= 0)
        elif name == "alternating":
            assert np.abs(np.cumsum(charge)).max() < 0.5 * charge[charge > 0].sum()


def test_timing_covers_spacings_and_sends_with_the_same_vectors():
    plan = timing(BOARD, SCHEDULE)
    seen = {(s.spacing_ns, s.sends) for s in plan.schedules}
    assert {spacing for spacing, _ in seen} == {16, 40, 80, 120, 200}
    assert {sends for _, sends in seen} == {1, 2, 4, 8}
    vectors = [
        np.unique(plan.activations[plan.schedule == index], axis=0).tolist() for index in range(len(plan.schedules))
    ]
    assert all(vector == vectors[0] for vector in vectors)


def test_single_rows_cover_every_activation_weight_and_row():
    plan = single_row(BOARD, SCHEDULE)
    assert set(np.unique(plan.coordinates["activation"].values)) == set(range(1, 32))
    assert len(np.unique(plan.weights)) == 2 * BOARD.weight_max  # every code but zero
    alone = plan.coordinates["active_rows"].values == 1
    assert set(plan.coordinates["row"].values[alone]) == set(range(BOARD.rows))
    assert np.array_equal(np.count_nonzero(plan.activations, axis=1), plan.coordinates["active_rows"].values)


def test_the_baseline_holds_the_zero_vector():
    plan = baseline(BOARD, SCHEDULE)
    assert not plan.activations[0].any()
    assert plan.repeats >= 100


def test_held_out_vectors_occur_nowhere_else():
    plans = standard_plans(BOARD, SCHEDULE, seed=3)
    held = {bytes(vector) for vector in plans[-1].activations}
    weights = {bytes(programme) for programme in plans[-1].weights}
    assert plans[-1].kind == "held-out"
    assert len(held) > 800
    for plan in plans[:-1]:
        assert not held & {bytes(vector) for vector in plan.activations}
        assert not weights & {bytes(programme) for programme in plan.weights}


def test_the_same_seed_is_the_same_plan_and_another_another():
    one, same, other = (small_plans(seed=seed)[-2] for seed in (1, 1, 2))
    assert np.array_equal(one.activations, same.activations)
    assert np.array_equal(one.weights, same.weights)
    assert not np.array_equal(one.activations, other.activations)
