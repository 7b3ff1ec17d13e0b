"""How well a model predicts outputs it was not fitted to, as a multiple of the trial noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibration.noise import total_noise
from calibration.observations import Observations
from data.values import Geometry

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Residuals of a model on held-out vectors.

    Attributes:
        residual_over_noise: root mean square of (one trial's output - expected output) over the standard deviation of
            one trial, rounding included, for the vectors of the working schedule, shape (columns,); 1 is perfect.
        all_schedules: the same over the held-out vectors of all schedules, shape (columns,).
        median: of ``residual_over_noise`` over the passing columns.
        median_all_schedules: of ``all_schedules`` over the passing columns.
    """

    residual_over_noise: Floats
    all_schedules: Floats
    median: float
    median_all_schedules: float


@dataclass(frozen=True)
class ResidualParts:
    """What the order-blind residual at the working schedule is made of, root mean squares in codes, shape (columns,).

    Attributes:
        trial_noise: what differs between repeats, rounding included.
        misfit: what stays and the ordered model does not explain either.
        order: what the ordered model explains and the unordered one does not.
    """

    trial_noise: Floats
    misfit: Floats
    order: Floats


def expected_output(voltage: NDArray[np.floating], noise: Floats, geometry: Geometry) -> Floats:
    """Mean of the clamped output plus half a code, for a normal voltage of this mean and spread.

    Rounding down loses half a code on average, which :func:`calibration.observations.observe` adds to the data; far
    from the limits of the ADC the expected value is therefore ``voltage`` itself. Near them it is the mean of a normal
    variable censored on both sides (Greene, *Econometric Analysis*, section 19.3).
    """
    sigma = np.maximum(total_noise(noise), 1e-9)
    low, high = geometry.output_min + 0.5, geometry.output_max + 0.5
    a, b = (low - voltage) / sigma, (high - voltage) / sigma
    below, above = ndtr(a), ndtr(-b)
    density = (np.exp(-0.5 * a**2) - np.exp(-0.5 * b**2)) / np.sqrt(2 * np.pi)
    expected: Floats = low * below + high * above + voltage * (1 - below - above) + sigma * density
    return expected


def mean_square(points: Observations, expected: Floats) -> Floats:
    """Mean square of single trials around the expected output, shape (columns,).

    A point tells nothing about a column whose outputs and prediction sit at the same limit of the ADC; it is left out.
    """
    used = ~uninformative(points, expected)
    count = points.count[:, None]
    square = (points.mean - expected) ** 2 + points.variance * (count - 1) / count
    mean: Floats = np.where(used, square, 0.0).sum(axis=0) / np.maximum(used.sum(axis=0), 1)
    return mean


def uninformative(points: Observations, expected: Floats) -> NDArray[np.bool_]:
    """Where measured and expected output sit at the same limit of the ADC, shape (points, columns)."""
    low, high = points.geometry.output_min + 1.0, points.geometry.output_max - 0.0
    same = ((points.mean <= low) & (expected <= low)) | ((points.mean >= high) & (expected >= high))
    return np.asarray(points.clamped & same, dtype=np.bool_)


def residual_over_noise(points: Observations, predicted: NDArray[np.floating], noise: Floats) -> Floats:
    """Root mean square residual of single trials over the trial noise, shape (columns,); 1 is perfect.

    Args:
        points: what was measured.
        predicted: a model's output before rounding, offset included, shape (points, columns).
        noise: trial noise before rounding, shape (columns,).
    """
    expected = expected_output(predicted, noise, points.geometry)
    ratio: Floats = np.sqrt(mean_square(points, expected)) / total_noise(noise)
    return ratio


def score(
    held_out: Observations,
    working: NDArray[np.bool_],
    predicted: NDArray[np.floating],
    noise: Floats,
    passing: NDArray[np.bool_],
) -> Score:
    """Score a model on held-out points.

    Args:
        held_out: points that nothing was fitted to or chosen by.
        working: which of them were sent by the working schedule, shape (points,).
        predicted: the model's output before rounding, offset included, shape (points, columns).
        noise: trial noise before rounding, shape (columns,).
        passing: columns that count for the medians, shape (columns,).
    """
    ratio = residual_over_noise(held_out.select(working), predicted[working], noise)
    everywhere = residual_over_noise(held_out, predicted, noise)
    return Score(ratio, everywhere, _median(ratio, passing), _median(everywhere, passing))


def residual_parts(ordered: Score, unordered: Score, noise: Floats) -> ResidualParts:
    """Split the residual of the unordered model at the working schedule into trial noise, fixed pattern and order."""
    total = total_noise(noise)
    fixed, blind = (np.maximum(model.residual_over_noise**2 - 1, 0.0) * total**2 for model in (ordered, unordered))
    return ResidualParts(total, np.sqrt(fixed), np.sqrt(np.maximum(blind - fixed, 0.0)))


def _median(values: Floats, passing: NDArray[np.bool_]) -> float:
    return float(np.median(values[passing])) if passing.any() else float("nan")
