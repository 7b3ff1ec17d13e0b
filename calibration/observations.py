"""From sweeps to what the fit sees: mean, variance and count at every point and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.sweep import SweepData, SweepPlan
from data.values import Activations, Geometry, Schedule

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """Points of several sweeps, with the statistics of their repeated trials.

    Attributes:
        geometry: the array.
        weights: all programmes, shape (programmes, rows, columns), int8.
        schedules: all schedules.
        activations: shape (points, rows), uint8.
        program: index into ``weights``, shape (points,).
        schedule: index into ``schedules``, shape (points,).
        kind: index into ``kinds``, shape (points,).
        kinds: the kinds of the sweeps.
        mean: mean output in codes, corrected by half a code for rounding down, shape (points, columns).
        variance: unbiased variance of the trials in codes squared, 0 for a single trial, shape (points, columns).
        count: how many trials, shape (points,).
        clamped: a trial came out at a limit of the ADC, shape (points, columns).
        time: half-way through a point's trials, in ns after the first sweep began: board time, that of the vectors
            alone, shape (points,).
    """

    geometry: Geometry
    weights: NDArray[np.int8]
    schedules: tuple[Schedule, ...]
    activations: Activations
    program: NDArray[np.intp]
    schedule: NDArray[np.intp]
    kind: NDArray[np.intp]
    kinds: tuple[str, ...]
    mean: Floats
    variance: Floats
    count: NDArray[np.int64]
    clamped: NDArray[np.bool_]
    time: Floats

    @property
    def points(self) -> int:
        """How many points."""
        return len(self.activations)

    def of_kind(self, *kinds: str) -> NDArray[np.bool_]:
        """Which points belong to sweeps of these kinds, shape (points,)."""
        return np.isin(np.array(self.kinds)[self.kind], kinds)

    def sent_by(self, schedule: Schedule) -> NDArray[np.bool_]:
        """Which points were sent by this schedule, shape (points,)."""
        return np.array([candidate == schedule for candidate in self.schedules])[self.schedule]

    def select(self, points: NDArray[np.bool_] | NDArray[np.intp]) -> Observations:
        """Some of the points."""
        return replace(
            self,
            activations=self.activations[points],
            program=self.program[points],
            schedule=self.schedule[points],
            kind=self.kind[points],
            mean=self.mean[points],
            variance=self.variance[points],
            count=self.count[points],
            clamped=self.clamped[points],
            time=self.time[points],
        )

    def select_columns(self, columns: NDArray[np.intp]) -> Observations:
        """The same points seen through some of the columns."""
        return replace(
            self,
            geometry=replace(self.geometry, columns=len(columns)),
            weights=np.ascontiguousarray(self.weights[:, :, columns]),
            mean=self.mean[:, columns],
            variance=self.variance[:, columns],
            clamped=self.clamped[:, columns],
        )


def observe(sweeps: Sequence[SweepData], geometry: Geometry) -> Observations:
    """Statistics of all measured points of the sweeps.

    An ADC that rounds down reads half a code low on average; the trial noise dithers it, and without noise the middle
    of the code is the best guess, so half a code is added either way.

    Raises:
        BadInput: no point was measured, or a sweep was measured on an array of another size.
    """
    used = [sweep for sweep in sweeps if sweep.measured > 0]
    if not used:
        raise BadInput("none of the sweeps holds a measured point; measure the calibration sweeps first")
    for sweep in used:
        shape = sweep.plan.weights.shape[1:]
        if shape != (geometry.rows, geometry.columns):
            raise BadInput(
                f"the sweep {sweep.plan.kind} of run {sweep.run_id} was measured on {shape[0]} x {shape[1]} rows and "
                f"columns, but the board has {geometry.rows} x {geometry.columns}"
            )
    kinds = tuple(dict.fromkeys(sweep.plan.kind for sweep in used))
    schedules = tuple(dict.fromkeys(schedule for sweep in used for schedule in sweep.plan.schedules))
    number = {schedule: index for index, schedule in enumerate(schedules)}
    programmes = np.cumsum([0] + [len(sweep.plan.weights) for sweep in used])
    return Observations(
        geometry=geometry,
        weights=np.concatenate([sweep.plan.weights for sweep in used]),
        schedules=schedules,
        activations=np.concatenate([sweep.plan.activations[: sweep.measured] for sweep in used]),
        program=np.concatenate(
            [s.plan.program[: s.measured] + first for s, first in zip(used, programmes, strict=False)]
        ),
        schedule=np.concatenate(
            [np.array([number[x] for x in s.plan.schedules])[s.plan.schedule[: s.measured]] for s in used]
        ),
        kind=np.concatenate([np.full(s.measured, kinds.index(s.plan.kind), dtype=np.intp) for s in used]),
        kinds=kinds,
        mean=np.concatenate([_outputs(s).mean(axis=1) + 0.5 for s in used]),
        variance=np.concatenate([_variance(_outputs(s)) for s in used]),
        count=np.concatenate([np.full(s.measured, s.plan.repeats) for s in used]),
        clamped=np.concatenate([_clamped(_outputs(s), geometry) for s in used]),
        time=_times(used),
    )


def board_time(plan: SweepPlan) -> Floats:
    """Time that a board spends on every point of a plan, its trials included, in ns, shape (points,)."""
    slots = np.count_nonzero(plan.activations, axis=1)
    skipping = np.array([schedule.skip_zeros for schedule in plan.schedules])[plan.schedule]
    slot = np.array([schedule.sends * schedule.spacing_ns for schedule in plan.schedules], np.float64)[plan.schedule]
    fixed = np.array([schedule.reset_ns + schedule.settle_ns for schedule in plan.schedules])[plan.schedule]
    time: Floats = plan.repeats * (np.where(skipping, slots, plan.activations.shape[1]) * slot + fixed)
    return time


def _times(sweeps: Sequence[SweepData]) -> Floats:
    """Half-way through each point, the sweeps measured one after another."""
    spent = np.concatenate([board_time(sweep.plan)[: sweep.measured] for sweep in sweeps])
    times: Floats = np.cumsum(spent) - spent / 2
    return times


def _outputs(sweep: SweepData) -> NDArray[np.int16]:
    outputs: NDArray[np.int16] = sweep.outputs[: sweep.measured]
    return outputs


def _variance(outputs: NDArray[np.int16]) -> Floats:
    if outputs.shape[1] < 2:
        return np.zeros((outputs.shape[0], outputs.shape[2]))
    variance: Floats = outputs.var(axis=1, ddof=1, dtype=np.float64)
    return variance


def _clamped(outputs: NDArray[np.int16], geometry: Geometry) -> NDArray[np.bool_]:
    at_limit = (outputs <= geometry.output_min) | (outputs >= geometry.output_max)
    return np.asarray(at_limit.any(axis=1), dtype=np.bool_)


def thinned(points: Observations, limit: int) -> Observations:
    """At most ``limit`` of the points, by a fixed draw."""
    return points.select(thinned_indices(points.points, limit))


def thinned_indices(count: int, limit: int) -> NDArray[np.intp]:
    """Indices of at most ``limit`` out of ``count`` points, ascending."""
    return np.sort(np.random.default_rng(1).permutation(count)[:limit])
