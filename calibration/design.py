"""Chooses what to measure: the sweeps that make predictions surest for the time they take.

A short first look gives a model of the board. Its sensitivities say what each possible batch of vectors would tell of
every column's parameters (Fisher information), and batches are taken one after another, each time the one that lowers
the mean variance of predicted outputs most for its time: the greedy I-optimal design of V. V. Fedorov, *Theory of
Optimal Experiments* (1972), for vectors like those in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import derivatives, fitted_names
from calibration.fit import curve_columns, fit_model, misfit, starting_point, weights_of, with_terms
from calibration.noise import column_faults, total_noise, trial_noise
from calibration.observations import Observations, observe, thinned
from calibration.orders import permutations, timing
from calibration.plans import baseline, position, single_row
from calibration.sensitivity import evaluate
from calibration.threads import one_blas_thread
from calibration.vectors import RANDOM, random_vectors
from data.errors import BadInput
from data.sweep import Coordinate, SweepData, SweepPlan
from data.values import Geometry, Schedule
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

COLUMNS: Final = 24
"""How many columns the design is made for; the others are like them."""
FIRST_POINTS: Final = 700
ALIKE: Final = 0.1
"""Correlation of the misfits of two points of one programme: more points of it tell less than as many of others."""
_REVIEWED: Final = 40
"""How many of the best batches are looked at again in each step; what a batch tells only falls as others are taken."""
_POOL_SEED: Final = 500_000


@dataclass(frozen=True)
class Cost:
    """Time that measuring takes, in nanoseconds, beyond the board's own work.

    Attributes:
        programme: to send and load one set of weights. What was seen on a TCP link within one machine; a serial line
            takes longer.
        vector: to send a vector and read its outputs.
    """

    programme: float = 5e6
    vector: float = 1e4

    def of(self, plan: SweepPlan) -> float:
        """Time for a whole plan."""
        return len(plan.weights) * self.programme + float(self.of_points(plan).sum())

    def of_points(self, plan: SweepPlan) -> Floats:
        """Time for each point, its repeats included and its programme not, shape (points,)."""
        slots = np.count_nonzero(plan.activations, axis=1)
        table = np.array([(s.sends * s.spacing_ns, s.reset_ns + s.settle_ns) for s in plan.schedules], np.float64)
        slot, fixed = table[plan.schedule].T
        cost: Floats = plan.repeats * (slots * slot + fixed + self.vector)
        return cost


def first_look(geometry: Geometry, schedule: Schedule, *, seed: int = 0) -> tuple[SweepPlan, ...]:
    """A few sweeps that show every effect roughly: about a third of the time of the quick plans."""
    return (
        baseline(geometry, schedule, seed=seed, repeats=200),
        single_row(geometry, schedule, seed=seed, programmes=4),
        position(geometry, schedule, steps=6, repeats=8),
        permutations(geometry, schedule, seed=seed, multisets=1),
        timing(geometry, schedule, seed=seed, sends=(1, 4)),
        random_vectors(geometry, schedule, seed=seed, programmes=24, vectors=18),
    )


def possible_sweeps(geometry: Geometry, schedule: Schedule, *, seed: int = 0) -> tuple[SweepPlan, ...]:
    """What may be measured besides, much more than there is time for; other weights and vectors than the first look."""
    other = seed + _POOL_SEED
    return (
        single_row(geometry, schedule, seed=other, programmes=8),
        position(geometry, schedule),
        permutations(geometry, schedule, seed=other, multisets=3),
        timing(geometry, schedule, seed=other),
        random_vectors(geometry, schedule, seed=other, programmes=144, vectors=18),
    )


@one_blas_thread()
def rough_model(sweeps: Sequence[SweepData], geometry: Geometry) -> tuple[ChipParameters, NDArray[np.bool_], float]:
    """A model with all terms from the first look, the columns that can be used, and its misfit in codes.

    Raises:
        BadInput: none of the columns works.
    """
    points = observe(sweeps, geometry)
    noise = trial_noise(points.select(points.of_kind(RANDOM)))
    start = starting_point(points, noise)
    passing = np.array([not fault for fault in column_faults(points, noise, start.gain)], dtype=np.bool_)
    if not passing.any():
        raise BadInput("none of the columns can be used; check the board")
    some = thinned(points, FIRST_POINTS)
    fit = fit_model(some, with_terms(start, frozenset({"leak", "rails"}), ordered=True), passing, rounds=1)
    everything = with_terms(fit.parameters, frozenset({"leak", "rails", "line"}), ordered=True)
    fit = fit_model(some, everything, passing, rounds=1)
    return fit.parameters, passing, misfit(some, fit.columns.predicted, noise, passing)


@one_blas_thread()
def choose_sweeps(
    chip: ChipParameters,
    passing: NDArray[np.bool_],
    excess: float,
    measured: Sequence[SweepPlan],
    possible: Sequence[SweepPlan],
    time_ns: float,
    cost: Cost | None = None,
) -> tuple[SweepPlan, ...]:
    """Those parts of ``possible`` that are worth their time most.

    Args:
        chip: what is known of the board.
        passing: columns that can be used, shape (columns,).
        excess: misfit of ``chip`` in codes, one standard deviation.
        measured: what has been measured.
        possible: what may be measured; points that share weights and schedule are taken or left together.
        time_ns: how long measuring may take.
        cost: what takes how long.

    Returns:
        Plans of the same kinds with the chosen points; kinds of which nothing was chosen are left out.
    """
    cost = cost or Cost()
    columns = curve_columns(passing)
    columns = columns[np.unique(np.linspace(0, len(columns) - 1, min(COLUMNS, len(columns))).astype(np.intp))]
    seen = chip.select(columns)
    known = np.zeros(())
    for number, plan in enumerate(measured):
        found = _information(plan, seen, columns, excess)[0]
        known = known + sum(_discounted(found[batch.points]) for batch in _batches(number, plan, cost))
    batches = [batch for number, plan in enumerate(possible) for batch in _batches(number, plan, cost)]
    parts = [_information(plan, seen, columns, excess)[0] for plan in possible]
    tells = np.stack([_discounted(parts[batch.plan][batch.points]) for batch in batches])
    random = [plan for plan in possible if plan.kind == RANDOM]
    aim = np.mean(np.concatenate([_information(plan, seen, columns, excess)[1] for plan in random or possible]), axis=0)
    taken = _greedy(known, tells, aim, batches, time_ns, cost)
    chosen: list[SweepPlan] = []
    for number, plan in enumerate(possible):
        points = [batches[index].points for index in taken if batches[index].plan == number]
        if points:
            chosen.append(part_of(plan, np.sort(np.concatenate(points))))
    return tuple(chosen)


def part_of(plan: SweepPlan, points: NDArray[np.intp]) -> SweepPlan:
    """Some points of a plan, with the programmes that they need."""
    used, program = np.unique(plan.program[points], return_inverse=True)
    return replace(
        plan,
        weights=plan.weights[used],
        activations=plan.activations[points],
        program=program.astype(np.intp),
        schedule=plan.schedule[points],
        coordinates={
            name: Coordinate(values.values[points], values.unit, values.long_name)
            for name, values in plan.coordinates.items()
        },
    )


@dataclass(frozen=True)
class _Batch:
    """Points of one plan that share weights and schedule.

    Attributes:
        plan: number of the plan.
        program: number of its programme.
        points: the points.
        time: to measure them in ns, without programming.
    """

    plan: int
    program: int
    points: NDArray[np.intp]
    time: float


def _batches(number: int, plan: SweepPlan, cost: Cost) -> list[_Batch]:
    keys = np.stack([plan.program, plan.schedule])
    _, group = np.unique(keys, axis=1, return_inverse=True)
    times = cost.of_points(plan)
    found = []
    for index in range(int(group.max()) + 1):
        points = np.flatnonzero(group == index)
        found.append(_Batch(number, int(plan.program[points[0]]), points, float(times[points].sum())))
    return found


def _information(
    plan: SweepPlan, chip: ChipParameters, columns: NDArray[np.intp], excess: float
) -> tuple[Floats, Floats]:
    """Fisher information of every point, and that for unit variance, each (points, columns, names, names)."""
    nothing = np.zeros((plan.points, plan.repeats, plan.weights.shape[2]), np.int16)
    geometry = replace(chip.geometry, columns=plan.weights.shape[2])
    points: Observations = observe([SweepData(plan, nothing, plan.points, "")], geometry).select_columns(columns)
    here = evaluate(points, chip)
    slopes = derivatives(here, fitted_names(chip)).transpose(1, 2, 0).astype(np.float64)
    # An output beyond the ADC tells nothing.
    limit = total_noise(chip.noise)
    shown = (here.predicted > chip.geometry.output_min + limit) & (here.predicted < chip.geometry.output_max - limit)
    weights = np.where(shown, weights_of(replace(points, clamped=~shown), chip.noise, excess), 0.0)
    outer = slopes[:, :, :, None] * slopes[:, :, None, :]
    return outer * weights[:, :, None, None], outer


def _discounted(points: Floats) -> Floats:
    """Information of a batch: what its points have in common counts once (Kish's design effect)."""
    summed: Floats = points.sum(axis=0) / (1 + ALIKE * (len(points) - 1))
    return summed


def _greedy(
    known: Floats, tells: Floats, aim: Floats, batches: Sequence[_Batch], time_ns: float, cost: Cost
) -> list[int]:
    """Numbers of the batches taken, within ``time_ns``."""
    scale = np.sqrt(np.maximum(np.einsum("caa->ca", known + tells.sum(axis=0)), 1e-300))
    unit = scale[:, :, None] * scale[:, None, :]
    known, tells, aim = known / unit + 1e-9 * np.eye(known.shape[-1]), tells / unit, aim / unit
    worth = np.full(len(batches), np.inf)
    taken: list[int] = []
    programmed: set[tuple[int, int]] = set()
    left = time_ns

    def price(index: int) -> float:
        batch = batches[index]
        return batch.time + (0.0 if (batch.plan, batch.program) in programmed else cost.programme)

    while True:
        affordable = np.array([index not in taken and price(index) <= left for index in range(len(batches))])
        if not affordable.any():
            return taken
        worth[~affordable] = -np.inf
        fresh = np.flatnonzero(np.isposinf(worth))
        look = fresh if len(fresh) else np.argsort(-worth)[: min(_REVIEWED, int(affordable.sum()))]
        now = _variance(known[None], aim)[0]
        gains = now - _variance(known + tells[look], aim)
        worth[look] = gains / np.array([price(int(index)) for index in look])
        best = int(np.argmax(worth))
        taken.append(best)
        left -= price(best)
        programmed.add((batches[best].plan, batches[best].program))
        known = known + tells[best]


def _variance(information: Floats, aim: Floats) -> Floats:
    """Mean variance of predictions, shape (designs,), for information of shape (designs, columns, names, names)."""
    variance: Floats = np.einsum("dcab,cba->d", np.linalg.inv(information), aim) / information.shape[1]
    return variance
