"""The midpoint noise level: the strength at which accuracy is halfway between that without noise and chance.

The name is that of "Walking Noise" (Borras et al., arXiv 2212.10430), which gives no formula. Here the accuracy of a
network trained with seed j is

    a(s) = chance + (clean_j - chance) / (1 + exp(k (log10 s - log10 mu_j))),

with ``clean_j`` measured without noise, a midpoint ``mu_j`` for every seed and one steepness ``k``; the sum of squared
differences of accuracies is smallest. Squares and not the binomial likelihood, which would weigh the plateau near the
clean accuracy so heavily that a small slope there moves the midpoint. The midpoint is the geometric mean over seeds,
its interval Student's t of their scatter, which holds 90 % with and without scatter between seeds; counting errors
(delta method) as a floor under it would hold 99 % where nothing else scatters. They are the interval of a single seed.
What the seeds' midpoints share does not show in their scatter: the error of the common steepness, which matters where
few strengths lie on the fall. It is taken from the counting errors and added.
A curve that ends above chance, as under multiplicative noise, is fitted with its plateau
(:mod:`models.robustness.fall`). A curve that falls from top to bottom between two strengths says no more than that its
midpoint is between them, and so does one that the fit misses by far or whose counts contradict it; the interval reaches
from one to the other, in ratios too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from models.robustness.fall import fit_fall
from models.robustness.spread import LEVEL, Estimate, over_seeds

Floats = NDArray[np.float64]
Range = tuple[float, float]
Status = Literal["identified", "above", "below", "partly", "no signal"]
"""``above``: accuracy never falls to half on the grid. ``below``: it has fallen at the weakest strength. ``partly``:
some seeds have a midpoint on the grid, others not. ``no signal``: clean accuracy is not above chance."""

LEAST_SIGNAL = 3.0
"""Standard errors by which the clean accuracy must be above chance."""
_TOP_AND_BOTTOM = (0.1, 0.9)
"""Shares of the height of a curve; an accuracy between them says where it falls."""
GREATEST_MISFIT = 0.05
"""Root mean square difference of accuracies and fit from which on the fit says nothing of the midpoint."""
CLEARLY = 2.0
"""Standard errors of counting by which an accuracy is clearly above or below half."""


@dataclass(frozen=True)
class Curve:
    """Accuracy against strength of a few trainings, as counts.

    Attributes:
        strengths: positive and ascending, shape (strengths,).
        correct: right decisions, shape (seeds, strengths).
        trials: decisions at each strength.
        clean_correct: right decisions without noise, shape (seeds,).
        clean_trials: decisions without noise.
        chance: accuracy of guessing.
    """

    strengths: Floats
    correct: Floats
    trials: int
    clean_correct: Floats
    clean_trials: int
    chance: float

    @property
    def accuracy(self) -> Floats:
        """Shape (seeds, strengths)."""
        return self.correct / self.trials

    @property
    def clean(self) -> Floats:
        """Accuracy without noise, shape (seeds,)."""
        return self.clean_correct / self.clean_trials

    def check(self) -> None:
        """Raise :class:`BadInput` naming the first thing that makes no curve."""
        if self.strengths.ndim != 1 or len(self.strengths) < 2:
            raise BadInput(f"a midpoint needs at least two strengths, not {self.strengths.size}")
        if not np.all(self.strengths > 0) or not np.all(np.diff(self.strengths) > 0):
            raise BadInput("the strengths of a curve must be positive and ascending")
        if self.correct.shape != (len(self.clean_correct), len(self.strengths)) or not len(self.clean_correct):
            raise BadInput(
                f"the counts of a curve have shape {self.correct.shape}; there are {len(self.clean_correct)} seeds "
                f"and {len(self.strengths)} strengths"
            )
        if self.trials < 1 or self.clean_trials < 1 or not 0 <= self.chance < 1:
            raise BadInput("a curve needs at least one decision at each strength, and a chance from 0 to below 1")
        if not (_within(self.correct, self.trials) and _within(self.clean_correct, self.clean_trials)):
            raise BadInput("a curve has more right decisions than decisions, or fewer than none")


@dataclass(frozen=True)
class Midpoint:
    """A midpoint noise level.

    Attributes:
        status: whether the strengths that were tried determine it; see :data:`Status`.
        estimate: the level with its interval, in units of strength; where it is not identified the value is NaN and
            the interval is what the strengths leave open.
        by_seed: between what two strengths the midpoint of every training lies: twice the same where the fit tells it,
            neighbours on the grid where it falls between them at once, ``inf`` above a midpoint beyond the strongest,
            0 below one under the weakest.
        steepness: of the logistic, per decade; NaN where nothing was fitted.
        misfit: root mean square difference of accuracies and logistic; NaN where nothing was fitted.
        common: variance of log10 of the level by counting errors that all seeds share.
    """

    status: Status
    estimate: Estimate
    by_seed: tuple[Range, ...]
    steepness: float = nan
    misfit: float = nan
    common: float = 0.0

    def __str__(self) -> str:
        value, low, high = (f"{x:.3g}" for x in (self.estimate.value, self.estimate.low, self.estimate.high))
        match self.status:
            case "identified":
                return f"{value} [{low}, {high}]"
            case "above":
                return f"more than {low}"
            case "below":
                return f"less than {high}"
            case "partly":
                return f"not identified, {low} to {high}"
            case "no signal":
                return "no signal"


def fit_midpoint(curve: Curve, level: float = LEVEL) -> Midpoint:
    """The midpoint of a curve, over all its seeds.

    Args:
        curve: accuracies of a few seeds.
        level: share of the cases that the interval is to hold.

    Raises:
        BadInput: the arrays make no curve.
    """
    curve.check()
    seeds = len(curve.clean)
    if not _has_signal(curve):
        return Midpoint("no signal", Estimate(nan, 0.0, inf, seeds), ((0.0, inf),) * seeds)
    beyond = _beyond(curve)
    inside = beyond == 0
    levels, steepness, misfit, variance, common = np.where(beyond > 0, inf, 0.0), nan, nan, 0.0, 0.0
    if inside.any():
        fitted = _fit(curve, inside)
        levels[inside] = fitted.levels
        steepness, misfit, variance, common = fitted.steepness, fitted.misfit, fitted.variance, fitted.common
    weakest, strongest = float(curve.strengths[0]), float(curve.strengths[-1])
    # Fitted a little outside of the grid by a seed that crosses half at its end.
    levels = np.where(levels > strongest, inf, np.where(levels < weakest, 0.0, levels))
    nearest, furthest = _brackets(curve)
    unresolved = _unresolved(curve, levels, nearest, furthest) | (inside & (misfit > GREATEST_MISFIT))
    levels = np.where(unresolved, np.clip(levels, nearest, furthest), levels)
    lows = np.where(levels == inf, strongest, np.where(unresolved, nearest, levels))
    highs = np.where(levels == 0, weakest, np.where(unresolved, furthest, levels))
    status = _status(levels)
    if status == "identified":
        found = _from_log(over_seeds(np.log10(levels).tolist(), variance=variance, common=common, level=level))
        low, high = min(found.low, lows[unresolved].min(initial=inf)), max(found.high, highs[unresolved].max(initial=0))
        estimate = Estimate(found.value, float(low), float(high), seeds)
    else:
        estimate = Estimate(nan, float(lows.min()), float(highs.max()), seeds)
    return Midpoint(status, estimate, tuple(zip(lows.tolist(), highs.tolist(), strict=True)), steepness, misfit, common)


def midpoint_ratio(first: Sequence[Midpoint], second: Sequence[Midpoint], level: float = LEVEL) -> Estimate:
    """How many times the first midpoints are the second, geometric means of each where there are several.

    The ratio is taken seed by seed, so that what a seed does to both falls out, and so are its bounds: a midpoint
    beyond the grid is known from one side only, and so is the ratio then.

    Args:
        first: of the same seeds in the same order, at least one.
        second: likewise.
        level: share of the cases that the interval is to hold.

    Raises:
        BadInput: no midpoints, or other numbers of seeds.
    """
    counts = {len(item.by_seed) for item in (*first, *second)}
    if not first or not second or len(counts) != 1:
        raise BadInput("midpoints are compared seed by seed; each side needs some, all of the same seeds")
    lows = _logarithms(first, 0) - _logarithms(second, 1)
    highs = _logarithms(first, 1) - _logarithms(second, 0)
    known = np.array_equal(lows, highs)
    common = sum(sum(item.common for item in side) / len(side) ** 2 for side in (first, second))
    low = over_seeds(lows.tolist(), common=common, level=level) if np.all(np.isfinite(lows)) else None
    high = over_seeds(highs.tolist(), common=common, level=level) if np.all(np.isfinite(highs)) else None
    return _from_log(
        Estimate(
            value=low.value if known and low is not None else nan,
            low=-inf if low is None else low.low,
            high=inf if high is None else high.high,
            seeds=len(lows),
        )
    )


def _logarithms(midpoints: Sequence[Midpoint], end: int) -> Floats:
    """Mean over midpoints of log10 of one end of each seed's range, shape (seeds,)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10([[seed[end] for seed in item.by_seed] for item in midpoints]).mean(axis=0))


@dataclass(frozen=True)
class _Fitted:
    levels: Floats
    steepness: float
    misfit: float
    variance: float
    """Of log10 of a level by counting alone, mean over seeds."""
    common: float
    """Of it what two seeds share, mean over pairs."""


def _from_log(found: Estimate) -> Estimate:
    """The figure whose log10 is given; what is larger than any float is infinite."""
    with np.errstate(over="ignore", under="ignore"):
        value, low, high = (10.0 ** np.array([found.value, found.low, found.high])).tolist()
    return Estimate(value, low, high, found.seeds)


def _within(counts: Floats, trials: int) -> bool:
    return bool(np.all((counts >= 0) & (counts <= trials)))


def _has_signal(curve: Curve) -> bool:
    decisions = curve.clean_trials * len(curve.clean)
    error = np.sqrt(curve.chance * (1 - curve.chance) / decisions)
    return bool(curve.clean.mean() > curve.chance + LEAST_SIGNAL * error and np.all(curve.clean > curve.chance))


def _beyond(curve: Curve) -> NDArray[np.int64]:
    """For each seed -1 if accuracy has fallen at the weakest strength, 1 if it never falls, else 0."""
    half = (curve.clean + curve.chance)[:, None] / 2
    fallen = curve.accuracy < half
    return np.where(fallen[:, 0], -1, np.where(fallen.any(axis=1), 0, 1)).astype(np.int64)


def _status(levels: Floats) -> Status:
    if np.all(levels == inf):
        return "above"
    if np.all(levels == 0):
        return "below"
    return "identified" if np.all(np.isfinite(levels) & (levels > 0)) else "partly"


def _brackets(curve: Curve) -> tuple[Floats, Floats]:
    """Strengths that hold each seed's midpoint by counting alone, shape (seeds,): clearly above half, clearly below.

    The second is the first that is clearly below, the first the last before it that is clearly above; 0 and ``inf``
    where there is none.
    """
    half = (curve.clean + curve.chance)[:, None] / 2
    error = CLEARLY * np.sqrt(half * (1 - half) / curve.trials)
    lows, highs = np.zeros(len(half)), np.full(len(half), inf)
    for seed, (above, below) in enumerate(
        zip(curve.accuracy > half + error, curve.accuracy < half - error, strict=True)
    ):
        end = int(np.argmax(below)) if below.any() else len(below)
        before = np.flatnonzero(above[:end])
        lows[seed] = curve.strengths[before[-1]] if len(before) else 0.0
        highs[seed] = curve.strengths[end] if end < len(below) else inf
    return lows, highs


def _unresolved(curve: Curve, levels: Floats, lows: Floats, highs: Floats) -> NDArray[np.bool_]:
    """Seeds on the grid of which no more is known than between which strengths their midpoint lies, shape (seeds,).

    They fall from top to bottom at once, or the fitted curve passes half where the counts say that it does not.
    """
    share = (curve.accuracy - curve.chance) / (curve.clean - curve.chance)[:, None]
    steps = ~np.any((share > _TOP_AND_BOTTOM[0]) & (share < _TOP_AND_BOTTOM[1]), axis=1)
    on_grid = np.isfinite(levels) & (levels > 0)
    return np.asarray(on_grid & (steps | (levels < lows) | (levels > highs)), np.bool_)


def _fit(curve: Curve, inside: NDArray[np.bool_]) -> _Fitted:
    """Least squares for the seeds that cross half on the grid."""
    at, measured, clean = np.log10(curve.strengths), curve.accuracy[inside], curve.clean[inside]
    height = clean - curve.chance
    count = len(measured)
    crossing = _crossings(at, measured, (clean + curve.chance) / 2)
    found = fit_fall(at, measured, curve.chance, height, crossing)
    gain = np.linalg.pinv(found.slopes.T @ found.slopes) @ found.slopes.T
    rate = np.ravel(curve.chance + height[:, None] * found.shares)
    # How the fit moves with each clean accuracy: that of a seed scales the curve of that seed.
    by_clean = gain.reshape(len(gain), count, -1) * found.shares
    counting = (gain * (rate * (1 - rate))) @ gain.T / curve.trials
    shift = by_clean.sum(axis=2)
    counting += (shift * (clean * (1 - clean))) @ shift.T / curve.clean_trials
    errors = counting[:count, :count]
    pairs = errors[~np.eye(count, dtype=bool)]
    # Accuracies on either side of half hold the midpoint between two strengths, whatever the steepness.
    most = float(_gaps(at, crossing).mean()) ** 2 / 12
    return _Fitted(
        levels=10.0**found.at,
        steepness=found.steepness,
        misfit=float(np.sqrt(np.mean(np.square(found.residuals)))),
        variance=float(np.mean(np.diag(errors))),
        common=min(max(float(pairs.mean()), 0.0), most) if pairs.size else 0.0,
    )


def _crossings(at: Floats, measured: Floats, half: Floats) -> Floats:
    """Where straight lines between the accuracies first cross half, in log10 of strength, shape (seeds,)."""
    first = np.argmax(measured < half[:, None], axis=1)
    rows = np.arange(len(measured))
    above, below = measured[rows, first - 1], measured[rows, first]
    share = (above - half) / (above - below)
    return np.asarray(at[first - 1] + share * (at[first] - at[first - 1]), np.float64)


def _gaps(at: Floats, crossing: Floats) -> Floats:
    """How far apart the strengths around each crossing are, in decades."""
    right = np.clip(np.searchsorted(at, crossing), 1, len(at) - 1)
    return np.asarray(at[right] - at[right - 1])
