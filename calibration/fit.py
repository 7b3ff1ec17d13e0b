"""Fits the chip models: starting values, then columns and curves in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import ColumnFit, fit_columns, huber
from calibration.curves import fit_curves
from calibration.noise import total_noise
from calibration.observations import Observations, thinned_indices
from calibration.sensitivity import evaluate
from calibration.starts import best_line, borrowed_rails, nearby_line
from models.parameters import ChipParameters, Term

Floats = NDArray[np.float64]

CURVE_COLUMNS: Final = 32
"""How many passing columns determine the shared curves."""
CURVE_POINTS: Final = 1600
"""How many points determine the shared curves."""
BEYOND: Final = 1.2
"""A rail shows when the product goes this far beyond it; a product of ideal curves alone is off by some percent."""
SETTLED: Final = 0.02
"""As :data:`calibration.columns.ENOUGH`, for the last fit: a step that gains less is a seventh of an error."""


@dataclass(frozen=True)
class ModelFit:
    """A fitted chip model.

    Attributes:
        parameters: the chip.
        columns: the last fit of the columns' own parameters, with its information matrix.
        weights: inverse variances that the last fit used, shape (points, columns).
        excess: standard deviation of the misfit beyond the trial noise, in codes, common to the passing columns.
    """

    parameters: ChipParameters
    columns: ColumnFit
    weights: Floats
    excess: float


def starting_point(points: Observations, noise: Floats) -> ChipParameters:
    """Ideal curves with each column's gain, offset and rails read from the data.

    The gain is the slope of the output against the integer product, where the output is less than half the column's
    largest; a rail is where outputs stay although the product goes on.
    """
    ideal = ChipParameters.ideal(points.geometry, 1.0)
    product = integer_product(points)
    centre = np.median(points.mean, axis=0)
    swing = np.quantile(np.abs(points.mean - centre), 0.98, axis=0)
    duration = _duration(points)
    # Short vectors: the less time, the less an unknown leak takes away.
    inside = (np.abs(points.mean - centre) < 0.5 * swing) & ~points.clamped
    inside &= (duration <= np.quantile(duration, 0.3))[:, None]
    count = np.maximum(inside.sum(axis=0), 1)
    x_mean = (product * inside).sum(axis=0) / count
    y_mean = (points.mean * inside).sum(axis=0) / count
    x = (product - x_mean) * inside
    slope = (x * (points.mean - y_mean)).sum(axis=0) / np.maximum((x * x).sum(axis=0), 1e-12)
    usual = float(np.median(slope[slope > 0])) if (slope > 0).any() else 1.0
    gain = np.clip(slope, 1e-2 * usual, 1e2 * usual)
    offset = y_mean - gain * x_mean
    low, high = _rails(points, offset, product * gain, 3 * total_noise(noise))
    return replace(ideal, ordered=True, gain=gain, offset=offset, noise=noise, rail_low=low, rail_high=high)


def with_terms(parameters: ChipParameters, terms: frozenset[Term], *, ordered: bool) -> ChipParameters:
    """Starting values for a model with these terms: neutral for one that it lacks, and for a line not yet fitted."""
    columns = parameters.geometry.columns
    neutral = np.full(columns, np.inf)
    leaky = np.where(np.isfinite(parameters.tau_membrane_ns), parameters.tau_membrane_ns, 1e9)
    return replace(
        parameters,
        ordered=ordered,
        terms=terms,
        tau_membrane_ns=leaky if "leak" in terms else neutral,
        rail_low=parameters.rail_low if "rails" in terms or not ordered else -neutral,
        rail_high=parameters.rail_high if "rails" in terms or not ordered else neutral,
        tau_line_ns=parameters.tau_line_ns if "line" in terms else np.zeros(columns),
        line_limit=parameters.line_limit if "line" in terms else neutral,
    )


def fit_model(
    points: Observations,
    start: ChipParameters,
    passing: NDArray[np.bool_],
    *,
    rounds: int = 2,
    check: Callable[[], None] = lambda: None,
) -> ModelFit:
    """Fit a model with the terms of ``start``: columns, then curves and columns ``rounds`` times.

    Args:
        points: what is fitted.
        start: starting values; ``noise`` is the trial noise and stays.
        passing: columns that may determine what all share, shape (columns,).
        rounds: how often the curves are fitted.
        check: called between steps; may raise to stop.
    """
    shared = curve_columns(passing)
    weights = weights_of(points, start.noise, 0.0)
    begun, first = start, "line" in start.terms and not np.isfinite(start.line_limit).any()
    if first:
        without = evaluate(points, with_terms(start, start.terms - {"line"}, ordered=True)).predicted
        # What no model explains must not decide between two that differ by little.
        excess = misfit(points, without, start.noise, passing)
        start = best_line(points, start, weights_of(points, start.noise, excess), passing)
    fit = fit_columns(points, start, weights, passing, iterations=6)
    if "rails" in start.terms and "line" not in start.terms:
        begin = borrowed_rails(points, fit, weights, passing)
        fit = fit if begin is fit.parameters else fit_columns(points, begin, weights, passing, iterations=2)
    for _ in range(rounds):
        check()
        excess = misfit(points, fit.predicted, start.noise, passing)
        weights = _robust(points, fit, excess)
        fit = _curves_and_columns(points, fit, weights, passing, shared)
    check()
    excess = misfit(points, fit.predicted, start.noise, passing)
    weights = _robust(points, fit, excess)
    begin = nearby_line(points, fit, begun, weights, passing) if first else fit.parameters
    fit = fit_columns(points, begin, weights, passing, iterations=4, enough=SETTLED)
    return ModelFit(fit.parameters, fit, weights, excess)


def _curves_and_columns(
    points: Observations, fit: ColumnFit, weights: Floats, passing: NDArray[np.bool_], shared: NDArray[np.intp]
) -> ColumnFit:
    """One step of the curves and the columns' answer to it; halved where it makes things worse."""
    before = float((weights * (points.mean - fit.predicted) ** 2)[:, passing].sum())
    some = thinned_indices(points.points, CURVE_POINTS)
    moved = fit_curves(points.select(some), fit.parameters, weights[some], columns=shared)
    for fraction in (1.0, 0.5, 0.2):
        tried = fit_columns(points, moved(fraction), weights, passing, iterations=3)
        after = float((weights * (points.mean - tried.predicted) ** 2)[:, passing].sum())
        if after < before:
            return tried
    return fit


def weights_of(points: Observations, noise: Floats, excess: float) -> Floats:
    """Inverse variance of the mean at every point, misfit included, 0 where the ADC clamped."""
    variance = total_noise(noise) ** 2 / points.count[:, None] + excess**2
    weights: Floats = np.where(points.clamped, 0.0, 1 / variance)
    return weights


def misfit(points: Observations, predicted: NDArray[np.float32], noise: Floats, passing: NDArray[np.bool_]) -> float:
    """How far the means are off beyond their trial noise, in codes: the median over the passing columns."""
    used = ~points.clamped
    residual = np.where(used, points.mean - predicted, 0.0)
    expected = np.where(used, total_noise(noise) ** 2 / points.count[:, None], 0.0)
    # A few gross points must not hide what the many say.
    residual = np.clip(residual, -20, 20)
    surplus = (residual**2 - expected).sum(axis=0) / np.maximum(used.sum(axis=0), 1)
    chosen = surplus[passing] if passing.any() else surplus
    return float(np.sqrt(max(np.median(chosen), 0.0)))


def integer_product(points: Observations) -> Floats:
    """Activations times weights, times sends, shape (points, columns)."""
    product = np.empty((points.points, points.geometry.columns))
    sends = np.array([schedule.sends for schedule in points.schedules])[points.schedule]
    for program in np.unique(points.program):
        rows = np.flatnonzero(points.program == program)
        codes = points.activations[rows].astype(np.float64)
        product[rows] = codes @ points.weights[program].astype(np.float64)
    product *= sends[:, None]
    return product


def _duration(points: Observations) -> Floats:
    """Time from the first event to the read-out in ns, shape (points,)."""
    of = points.schedules
    spacing = np.array([s.spacing_ns * s.sends for s in of])[points.schedule]
    settle = np.array([s.settle_ns for s in of])[points.schedule]
    duration: Floats = np.count_nonzero(points.activations, axis=1) * spacing + settle.astype(np.float64)
    return duration


def _robust(points: Observations, fit: ColumnFit, excess: float) -> Floats:
    residual = points.mean - fit.predicted
    return huber(residual, weights_of(points, fit.parameters.noise, excess))


def _rails(points: Observations, offset: Floats, linear: Floats, margin: Floats) -> tuple[Floats, Floats]:
    """Where outputs end although the linear prediction goes on by far; infinite where that is not seen.

    Outputs at a limit of the ADC, or within ``margin`` of it, say nothing about the membrane: they are no sign of a
    rail.
    """
    geometry, clamped = points.geometry, points.clamped
    top = min(9, points.points)
    output = points.mean - offset
    high = np.median(np.sort(np.where(clamped, -np.inf, output), axis=0)[-top:], axis=0)
    low = np.median(np.sort(np.where(clamped, np.inf, output), axis=0)[:top], axis=0)
    seen_high = ((linear > BEYOND * high + margin) & ~clamped).sum(axis=0) >= top
    seen_low = ((linear < BEYOND * low - margin) & ~clamped).sum(axis=0) >= top
    # A membrane at its rail would keep the output from the limit of the ADC.
    seen_high &= (clamped & (points.mean > 0)).sum(axis=0) < top
    seen_low &= (clamped & (points.mean < 0)).sum(axis=0) < top
    seen_high &= (high > 1) & (high + offset + margin + 2 < geometry.output_max)
    seen_low &= (low < -1) & (low + offset - margin - 2 > geometry.output_min)
    return np.where(seen_low, low, -np.inf), np.where(seen_high, high, np.inf)


def curve_columns(passing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The columns that determine what all share: some of those that pass, evenly spread."""
    good = np.flatnonzero(passing)
    if not len(good):
        good = np.arange(len(passing))
    return good[np.unique(np.linspace(0, len(good) - 1, min(CURVE_COLUMNS, len(good))).astype(np.intp))]
