"""Random vectors, the part that is fitted and the part that is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.planning import PlanBuilder
from data.errors import BadInput
from data.sweep import SweepPlan
from data.values import Geometry, Schedule

RANDOM = "random"
HELD_OUT = "held-out"
WEIGHT_RANGES = ("full", "operating", "structured")
"""Full: uniform over all codes. Operating: normal, a third of the range wide, as networks start. Structured: waves
along the rows, as trained networks have them, so that partial sums make wide excursions."""

_STREAMS = {RANDOM: 5, HELD_OUT: 6}


def random_vectors(
    geometry: Geometry,
    schedule: Schedule,
    *,
    seed: int = 0,
    programmes: int = 48,
    vectors: int = 36,
    repeats: int = 2,
    kind: str = RANDOM,
) -> SweepPlan:
    """Random weights and activations, two thirds by the working schedule and one third by others.

    Vectors and weights of the kinds ``random`` and ``held-out`` come from different random streams of the same seed.

    Args:
        geometry: the array.
        schedule: the working schedule.
        seed: of weights and vectors.
        programmes: how many sets of weights, dealt over the weight ranges.
        vectors: how many vectors for each set of weights.
        repeats: trials of each point.
        kind: ``random`` for the part that is fitted, ``held-out`` for the part that only scores.

    Raises:
        BadInput: another kind.
    """
    if kind not in _STREAMS:
        raise BadInput(f"the kind of a sweep of random vectors is {kind!r}; it must be one of {', '.join(_STREAMS)}")
    generator = np.random.default_rng([seed, _STREAMS[kind]])
    units = {
        "weight_range": ("1", "weights: " + ", ".join(f"{i} {name}" for i, name in enumerate(WEIGHT_RANGES))),
        "working": ("1", "1 when sent by the working schedule"),
    }
    builder = PlanBuilder(geometry, kind, units)
    others = _other_schedules(geometry, schedule)
    for number in range(programmes):
        weight_range = number % len(WEIGHT_RANGES)
        program = builder.program(_weights(geometry, WEIGHT_RANGES[weight_range], generator))
        working = (2 * vectors + 2) // 3
        for index in range(vectors):
            timed = schedule if index < working else others[(number // len(WEIGHT_RANGES)) % len(others)]
            vector = _activations(geometry, WEIGHT_RANGES[weight_range], generator)
            builder.add(program, timed, vector, weight_range=weight_range, working=int(index < working))
    return builder.build(repeats)


def _other_schedules(geometry: Geometry, schedule: Schedule) -> tuple[Schedule, ...]:
    """Shorter and longer, fewer and more sends, and the rows backwards."""
    clock = geometry.clock_ns
    short = max(1, round(0.4 * schedule.spacing_ns / clock)) * clock
    long = max(2, round(2.4 * schedule.spacing_ns / clock)) * clock
    fewer, more = max(1, schedule.sends // 2), min(64, 2 * schedule.sends)
    return (
        replace(schedule, spacing_ns=short, sends=more),
        replace(schedule, spacing_ns=long, sends=fewer),
        replace(schedule, spacing_ns=long),
        replace(schedule.with_order(schedule.order_array(geometry.rows)[::-1]), sends=schedule.sends),
    )


def _weights(geometry: Geometry, weight_range: str, generator: np.random.Generator) -> NDArray[np.float64]:
    top, shape = geometry.weight_max, (geometry.rows, geometry.columns)
    if weight_range == "full":
        return generator.integers(-top, top + 1, shape).astype(np.float64)
    spread = generator.normal(0, top / 3, shape)
    if weight_range == "structured":
        cycles = generator.uniform(0.5, 3.0, geometry.columns)
        phase = generator.uniform(0, 2 * np.pi, geometry.columns)
        wave = np.sin(2 * np.pi * cycles * np.arange(geometry.rows)[:, None] / geometry.rows + phase)
        spread = 0.6 * top * wave + 0.6 * spread
    return np.rint(spread).clip(-top, top)


def _activations(geometry: Geometry, weight_range: str, generator: np.random.Generator) -> NDArray[np.int64]:
    vector = generator.integers(0, geometry.activation_max + 1, geometry.rows)
    if weight_range == "full":
        return vector
    return np.where(generator.random(geometry.rows) < 0.4, 0, vector)
