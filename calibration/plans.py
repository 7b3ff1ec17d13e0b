"""What to sweep for a calibration: the standard plans, and those that isolate one effect at a time."""

from __future__ import annotations

from typing import Literal

import numpy as np

from calibration.orders import permutations, timing
from calibration.planning import NOMINAL_GAIN, PlanBuilder, spread_sign
from calibration.vectors import HELD_OUT, random_vectors
from data.errors import BadInput
from data.sweep import SweepPlan
from data.values import Geometry, Schedule

Budget = Literal["quick", "full"]

LINEAR_CODES = 60.0
"""Largest output that the plans for curves and row gains aim at: inside the rails of a usual board."""


def baseline(geometry: Geometry, schedule: Schedule, *, seed: int = 0, repeats: int = 400) -> SweepPlan:
    """Offset and trial noise: the zero vector and two mid-range vectors of opposite sign, many times each."""
    generator = np.random.default_rng([seed, 1])
    builder = PlanBuilder(geometry, "baseline", {"active_rows": ("1", "rows with a non-zero activation")})
    weights = generator.integers(-geometry.weight_max, geometry.weight_max + 1, (geometry.rows, geometry.columns))
    program = builder.program(weights)
    mid = (geometry.activation_max + 1) // 2
    for rows in (np.zeros(geometry.rows, bool), *_halves(geometry.rows)):
        builder.add(program, schedule, rows * mid, active_rows=int(rows.sum()))
    return builder.build(repeats)


def single_row(
    geometry: Geometry, schedule: Schedule, *, seed: int = 0, programmes: int = 8, repeats: int = 2
) -> SweepPlan:
    """A row's charge over activation and weight, well above the noise.

    Curves: a group of rows carries the same activation, and each column the same weight on all of them; the weight
    codes are dealt over columns and programmes. Row gains: every row alone with the largest activation and weight,
    sent as often as the output range allows.
    """
    generator = np.random.default_rng([seed, 2])
    units = {
        "activation": ("1", "activation code of the active rows"),
        "row": ("1", "first active row"),
        "active_rows": ("1", "number of active rows"),
        "sends": ("1", "how often the vector is sent"),
    }
    builder = PlanBuilder(geometry, "single-row", units)
    charge = NOMINAL_GAIN * geometry.activation_max * geometry.weight_max
    group = int(np.clip(LINEAR_CODES / charge, 1, max(1, geometry.rows // 2)))
    once = _resend(schedule, 1)
    codes = np.concatenate([np.arange(-geometry.weight_max, 0), np.arange(1, geometry.weight_max + 1)])
    for _ in range(programmes):
        dealt = np.resize(generator.permutation(codes), geometry.columns)
        program = builder.program(np.broadcast_to(dealt, (geometry.rows, geometry.columns)))
        for first in generator.choice(geometry.rows - group + 1, min(2, geometry.rows - group + 1), replace=False):
            for activation in range(1, geometry.activation_max + 1):
                vector = np.zeros(geometry.rows)
                vector[first : first + group] = activation
                builder.add(program, once, vector, activation=activation, row=int(first), active_rows=group, sends=1)
    often = _resend(schedule, int(np.clip(LINEAR_CODES / charge, 1, 64)))
    for sign in (1, -1):
        weights = np.broadcast_to(
            sign * geometry.weight_max * spread_sign(geometry.columns), (geometry.rows, geometry.columns)
        )
        program = builder.program(weights)
        for row in range(geometry.rows):
            vector = np.zeros(geometry.rows)
            vector[row] = geometry.activation_max
            builder.add(
                program, often, vector, activation=geometry.activation_max, row=row, active_rows=1, sends=often.sends
            )
    return builder.build(repeats)


def position(
    geometry: Geometry, schedule: Schedule, *, steps: int = 16, spacings: tuple[int, ...] = (), repeats: int = 16
) -> SweepPlan:
    """One active row moved through the slots of the event sequence.

    The slot of the active row is the number of events before it. Other rows have weight zero; giving some of them a
    non-zero activation makes them take slots before or after the active row. (A zero activation takes none.)

    Args:
        geometry: the array.
        schedule: sent once, rows in ascending order, zeros skipped.
        steps: how many slots for each active row.
        spacings: event spacings in ns; none means the schedule's and three times that.
        repeats: trials of each point.
    """
    units = {
        "row": ("1", "the active row"),
        "slot": ("1", "events before the active row"),
        "later": ("1", "events after the active row"),
        "spacing": ("ns", "time between two events"),
    }
    builder = PlanBuilder(geometry, "position", units)
    rows = geometry.rows
    for row in sorted({rows // 8, rows // 2, rows - 1 - rows // 8}):
        weights = np.zeros((rows, geometry.columns))
        weights[row] = geometry.weight_max * spread_sign(geometry.columns)
        program = builder.program(weights)
        for spacing in spacings or (schedule.spacing_ns, 3 * schedule.spacing_ns):
            timed = Schedule(None, spacing, 1, True, schedule.settle_ns, schedule.reset_ns)
            for part in np.linspace(0.0, 1.0, steps):
                # From first and followed by all others to last and preceded by all.
                slot = round(part * row)
                later = round((1 - part) * (rows - 1 - row))
                vector = np.zeros(rows)
                vector[:slot] = geometry.activation_max
                vector[row : row + 1 + later] = geometry.activation_max
                builder.add(program, timed, vector, row=row, slot=slot, later=later, spacing=spacing)
    return builder.build(repeats)


def standard_plans(
    geometry: Geometry, schedule: Schedule, *, seed: int = 0, budget: Budget = "quick"
) -> tuple[SweepPlan, ...]:
    """Every sweep that a calibration needs, the held-out one (kind ``held-out``) last.

    ``quick`` is about 10,000 vectors with 140 sets of weights, ``full`` about four times as many of both: what limits
    a calibration is not the noise but that every set of weights sees other synapses.

    Raises:
        BadInput: an unknown budget, or a schedule that the geometry cannot honour.
    """
    if budget not in ("quick", "full"):
        raise BadInput(f"the calibration budget is {budget!r}; it must be 'quick' or 'full'")
    schedule.check(geometry)
    times = 1 if budget == "quick" else 4
    return (
        baseline(geometry, schedule, seed=seed, repeats=400 * times),
        single_row(geometry, schedule, seed=seed, programmes=8 * min(times, 2), repeats=2 * times),
        position(geometry, schedule, repeats=16 * times),
        permutations(geometry, schedule, seed=seed, multisets=3 * times),
        timing(geometry, schedule, seed=seed, repeats=2 * times),
        random_vectors(geometry, schedule, seed=seed, programmes=96 * times, vectors=18, repeats=2),
        random_vectors(geometry, schedule, seed=seed, programmes=24 * times, vectors=36, repeats=2, kind=HELD_OUT),
    )


def _resend(schedule: Schedule, sends: int) -> Schedule:
    return Schedule(None, schedule.spacing_ns, sends, True, schedule.settle_ns, schedule.reset_ns)


def _halves(rows: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], ...]:
    even = np.arange(rows) % 2 == 0
    return even, ~even
