"""Sweeps that change only when charge arrives: the order of one multiset, the spacing and the sends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.planning import PlanBuilder, spread_scale, spread_sign
from data.sweep import SweepPlan
from data.values import Geometry, Schedule

ORDERINGS = ("ascending", "descending", "positive first", "negative first", "alternating", "random")
"""Names of the orders of a permutation sweep; the coordinate ``ordering`` holds the index."""

Order = NDArray[np.intp]


def permutations(
    geometry: Geometry, schedule: Schedule, *, seed: int = 0, multisets: int = 3, randoms: int = 11, repeats: int = 4
) -> SweepPlan:
    """One multiset of charges in many orders, for several multisets.

    Rows keep their activation and weight; only the order in which they send changes, so that whatever a row's own gain
    is, the multiset is the same. Columns carry the same weights at different scale and sign: what ascends in one
    descends in its neighbour.
    """
    generator = np.random.default_rng([seed, 3])
    units = {
        "multiset": ("1", "which multiset of charges"),
        "ordering": ("1", "order of the charges: " + ", ".join(f"{i} {name}" for i, name in enumerate(ORDERINGS))),
    }
    builder = PlanBuilder(geometry, "permutations", units)
    columns = geometry.columns
    for multiset in range(multisets):
        top = geometry.activation_max
        vector = generator.integers(top // 4 + 1, top + 1, geometry.rows)
        weight = generator.uniform(-geometry.weight_max, geometry.weight_max, geometry.rows)
        scale = spread_scale(columns, 0.2, 1.0, generator) * spread_sign(columns)
        program = builder.program(np.rint(np.outer(weight, scale)))
        for ordering, order in _orders(vector * weight, randoms, generator):
            builder.add(program, schedule.with_order(order), vector, multiset=multiset, ordering=ordering)
    return builder.build(repeats)


def timing(
    geometry: Geometry,
    schedule: Schedule,
    *,
    seed: int = 0,
    spacings: tuple[int, ...] = (),
    sends: tuple[int, ...] = (1, 2, 4, 8),
    repeats: int = 2,
) -> SweepPlan:
    """The same vectors at other spacings and sends: mixed signs, and one sign only until the membrane is at its rail.

    Args:
        geometry: the array.
        schedule: gives settle and reset times; its spacing is among those swept.
        seed: of weights and vectors.
        spacings: event spacings in ns; none means 0.4, 1, 2, 3 and 5 times the schedule's.
        sends: how often the vectors are sent.
        repeats: trials of each point.
    """
    generator = np.random.default_rng([seed, 4])
    units = {
        "spacing": ("ns", "time between two events"),
        "sends": ("1", "how often the vector is sent"),
        "active_rows": ("1", "rows with a non-zero activation"),
    }
    builder = PlanBuilder(geometry, "timing", units)
    rows, columns = geometry.rows, geometry.columns
    ramp = spread_scale(columns, 0.3, 1.0, generator) * spread_sign(columns) * geometry.weight_max
    upwards = builder.program(np.broadcast_to(np.rint(ramp), (rows, columns)))
    downwards = builder.program(np.broadcast_to(-np.rint(ramp), (rows, columns)))
    mixed = builder.program(
        np.rint(generator.normal(0, geometry.weight_max / 2, (rows, columns))).clip(
            -geometry.weight_max, geometry.weight_max
        )
    )
    active = [rows // 8, rows // 4, rows // 2, rows]
    ramp_vectors = [_thinned(rows, count, (geometry.activation_max + 1) // 2, generator) for count in active]
    mixed_vectors = [generator.integers(0, geometry.activation_max + 1, rows) for _ in range(6)]
    for program, vectors in ((upwards, ramp_vectors), (downwards, ramp_vectors), (mixed, mixed_vectors)):
        for spacing in spacings or _spacings(geometry, schedule.spacing_ns):
            for count in sends:
                timed = replace(schedule, order=None, spacing_ns=spacing, sends=count)
                for vector in vectors:
                    builder.add(
                        program, timed, vector, spacing=spacing, sends=count, active_rows=int(np.count_nonzero(vector))
                    )
    return builder.build(repeats)


def _spacings(geometry: Geometry, spacing_ns: int) -> tuple[int, ...]:
    clock = geometry.clock_ns
    return tuple(sorted({max(1, round(spacing_ns * factor / clock)) * clock for factor in (0.4, 1, 2, 3, 5)}))


def _thinned(rows: int, count: int, activation: int, generator: np.random.Generator) -> NDArray[np.int64]:
    vector = np.zeros(rows, dtype=np.int64)
    vector[generator.choice(rows, max(1, count), replace=False)] = activation
    return vector


def _orders(charge: NDArray[np.float64], randoms: int, generator: np.random.Generator) -> list[tuple[int, Order]]:
    ascending = np.argsort(charge, kind="stable")
    positive = charge > 0
    shuffled = generator.permutation(len(charge))
    positive_first = np.concatenate([shuffled[positive[shuffled]], shuffled[~positive[shuffled]]])
    named = [ascending, ascending[::-1], positive_first, positive_first[::-1], _alternating(ascending)]
    return [*enumerate(named), *((len(named), generator.permutation(len(charge))) for _ in range(randoms))]


def _alternating(ascending: Order) -> Order:
    """Smallest, largest, second smallest, second largest, ...: partial sums stay near zero."""
    order = np.empty_like(ascending)
    half = (len(ascending) + 1) // 2
    order[0::2] = ascending[:half]
    order[1::2] = ascending[half:][::-1]
    return order
