"""Builds a sweep plan point by point, so that plans read like the protocol they describe."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.sweep import Coordinate, SweepPlan
from data.values import Activations, Geometry, Schedule, Weights

NOMINAL_GAIN = 0.002
"""Output codes per activation x weight and send that plans assume when they choose amplitudes (and only then)."""

Unit = tuple[str, str]
"""A coordinate's unit and long name."""


class PlanBuilder:
    """Collects programmes, schedules and points of one sweep.

    Args:
        geometry: the array the plan is for.
        kind: what is swept.
        coordinates: unit and long name of each coordinate that every point carries.
    """

    def __init__(self, geometry: Geometry, kind: str, coordinates: Mapping[str, Unit]) -> None:
        self._geometry = geometry
        self._kind = kind
        self._units = dict(coordinates)
        self._weights: list[Weights] = []
        self._schedules: dict[Schedule, int] = {}
        self._activations: list[Activations] = []
        self._program: list[int] = []
        self._schedule: list[int] = []
        self._values: dict[str, list[float]] = {name: [] for name in coordinates}

    def program(self, weights: NDArray[np.generic]) -> int:
        """Add weights, shape (rows, columns); returns the number of the programme."""
        self._weights.append(np.asarray(weights).astype(np.int8))
        return len(self._weights) - 1

    def add(self, program: int, schedule: Schedule, activations: NDArray[np.generic], **coordinates: float) -> None:
        """Add one point: a vector, shape (rows,), and the value of every coordinate."""
        self._program.append(program)
        self._schedule.append(self._schedules.setdefault(schedule, len(self._schedules)))
        self._activations.append(np.asarray(activations).astype(np.uint8))
        for name, values in self._values.items():
            values.append(coordinates[name])

    def build(self, repeats: int) -> SweepPlan:
        """The plan, each point to be measured ``repeats`` times; points keep the order in which they were added."""
        geometry = self._geometry
        plan = SweepPlan(
            kind=self._kind,
            weights=np.array(self._weights, dtype=np.int8).reshape(-1, geometry.rows, geometry.columns),
            schedules=tuple(self._schedules),
            activations=np.array(self._activations, dtype=np.uint8).reshape(-1, geometry.rows),
            program=np.array(self._program, dtype=np.intp),
            schedule=np.array(self._schedule, dtype=np.intp),
            repeats=repeats,
            coordinates={name: self._coordinate(name) for name in self._values},
        )
        plan.check(geometry)
        return plan

    def _coordinate(self, name: str) -> Coordinate:
        unit, long_name = self._units[name]
        values = np.array(self._values[name])
        whole = values.astype(np.int32)
        return Coordinate(whole if np.array_equal(whole, values) else values, unit, long_name)


def spread_sign(columns: int) -> NDArray[np.int64]:
    """+1 and -1 in turn, shape (columns,): neighbours see opposite signs."""
    return 1 - 2 * (np.arange(columns) % 2)


def spread_scale(columns: int, low: float, high: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Evenly spread factors between ``low`` and ``high`` in random order over the columns, shape (columns,)."""
    return generator.permutation(np.linspace(low, high, columns))
