"""A sweep as data: the plan of settings, and what was measured at each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.values import Activations, Geometry, Schedule, Weights, check_activations, check_weights


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A quantity that varies over the points of a sweep.

    Attributes:
        values: shape (points,).
        unit: as in UDUNITS, "1" for a number without unit.
        long_name: what it is, in words.
    """

    values: NDArray[np.generic]
    unit: str
    long_name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that share weights and schedule and can be sent together."""

    program: int
    schedule: int
    points: NDArray[np.intp]


@dataclass(frozen=True)
class SweepPlan:
    """Which vectors to send with which weights and which schedule, and how often.

    Attributes:
        kind: what is swept, e.g. ``position``.
        weights: the programmes, shape (programmes, rows, columns), int8.
        schedules: the schedules.
        activations: one vector a point, shape (points, rows), uint8.
        program: index into ``weights`` for each point, shape (points,).
        schedule: index into ``schedules`` for each point, shape (points,).
        repeats: how many times each point is measured.
        coordinates: what varies over the points, by name.
    """

    kind: str
    weights: NDArray[np.int8]
    schedules: tuple[Schedule, ...]
    activations: Activations
    program: NDArray[np.intp]
    schedule: NDArray[np.intp]
    repeats: int
    coordinates: Mapping[str, Coordinate] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """How many points the plan has."""
        return len(self.activations)

    @property
    def vectors(self) -> int:
        """How many vectors the board will compute."""
        return self.points * self.repeats

    def check(self, geometry: Geometry) -> None:
        """Raise :class:`BadInput` if this geometry cannot carry the plan out; nothing has been sent then."""
        check_activations(self.activations, geometry)
        for weights in self.weights:
            check_weights(weights, geometry)
        for schedule in self.schedules:
            schedule.check(geometry)
        for name, index, size in (
            ("program", self.program, len(self.weights)),
            ("schedule", self.schedule, len(self.schedules)),
        ):
            if index.shape != (self.points,) or (self.points and not 0 <= index.min() <= index.max() < size):
                raise BadInput(f"sweep {self.kind}: the {name} index must hold one number below {size} for each point")
        if self.repeats < 1:
            raise BadInput(f"sweep {self.kind}: repeats is {self.repeats}; it must be at least 1")

    def batches(self, limit: int) -> Iterator[Batch]:
        """The points in order, cut where weights or schedule change and after ``limit`` points."""
        if not self.points:
            return
        change = (np.diff(self.program) != 0) | (np.diff(self.schedule) != 0)
        for run in np.split(np.arange(self.points), np.flatnonzero(change) + 1):
            for start in range(0, len(run), limit):
                points = run[start : start + limit]
                yield Batch(int(self.program[points[0]]), int(self.schedule[points[0]]), points)

    def programme(self, index: int) -> Weights:
        """The weights of one programme, shape (rows, columns)."""
        weights: Weights = self.weights[index]
        return weights


@dataclass(frozen=True)
class SweepData:
    """What a sweep measured.

    Attributes:
        plan: the plan.
        outputs: ADC codes, shape (points, repeats, columns), int16; points beyond ``measured`` hold no data.
        measured: how many points, from the first on, were measured (fewer than ``plan.points`` after a stop).
        run_id: the run it came from.
        times: when the batch of each point had been measured, in seconds since 1970-01-01 UTC, shape (points,), NaN
            beyond ``measured``; None where nobody wrote it down.
    """

    plan: SweepPlan
    outputs: NDArray[np.int16]
    measured: int
    run_id: str
    times: NDArray[np.float64] | None = None
