"""Trial noise from repeats, and which columns are fit for use."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.observations import Observations
from data.errors import BadInput

Floats = NDArray[np.float64]

ROUNDING_VARIANCE: Final = 1 / 12
"""Variance that rounding to whole codes adds when the noise dithers it."""

STUCK_BELOW: Final = 0.2
WEAK_BELOW: Final = 0.5
STRONG_ABOVE: Final = 2.0
NOISY_ABOVE: Final = 2.0
MISFIT_ABOVE: Final = 2.0
"""Limits of a passing column, each relative to the median column."""


def trial_noise(points: Observations) -> Floats:
    """Standard deviation of the trial noise before rounding, from all repeated points, shape (columns,).

    Raises:
        BadInput: no point was measured more than once.
    """
    variance, _ = _variance(points)
    noise: Floats = np.sqrt(np.maximum(variance - ROUNDING_VARIANCE, 0.0))
    return noise


def noise_error(points: Observations) -> Floats:
    """Standard error of :func:`trial_noise`, for normal noise, shape (columns,); NaN where it is all rounding.

    Raises:
        BadInput: no point was measured more than once.
    """
    variance, freedom = _variance(points)
    noise = np.sqrt(np.maximum(variance - ROUNDING_VARIANCE, 0.0))
    # The standard error of a variance is sqrt(2 / freedom) of it, and d noise = d variance / (2 noise).
    error = variance * np.sqrt(2 / np.maximum(freedom, 1)) / (2 * np.where(noise > 0, noise, np.nan))
    return np.asarray(error, np.float64)


def _variance(points: Observations) -> tuple[Floats, Floats]:
    """Pooled variance of the trials and its degrees of freedom, each of shape (columns,)."""
    repeated = (points.count > 1)[:, None] & ~points.clamped
    if not repeated.any():
        raise BadInput("no point of the sweeps was measured more than once; the trial noise cannot be told")
    freedom = np.where(repeated, points.count[:, None] - 1.0, 0.0)
    total = freedom.sum(axis=0)
    return (freedom * points.variance).sum(axis=0) / np.maximum(total, 1), total


def total_noise(noise: Floats) -> Floats:
    """Standard deviation of one trial including rounding, in codes."""
    total: Floats = np.sqrt(noise**2 + ROUNDING_VARIANCE)
    return total


def column_faults(points: Observations, noise: Floats, gain: Floats) -> tuple[str, ...]:
    """Why each column cannot be used, an empty string for one that can, shape (columns,).

    Args:
        points: all fitted observations.
        noise: trial noise of each column in codes.
        gain: gain of each column.
    """
    swing = np.where(points.count[:, None] > 0, points.mean, np.nan).std(axis=0)
    usual_swing, usual_gain = float(np.median(swing)), float(np.median(gain))
    total = total_noise(noise)
    usual_noise = float(np.median(total))
    faults = []
    for i in range(points.geometry.columns):
        fault = ""
        if swing[i] <= total[i]:
            fault = f"stuck: outputs vary by {swing[i]:.1f} codes, no more than their noise"
        elif swing[i] < STUCK_BELOW * usual_swing:
            fault = f"stuck: outputs vary by {swing[i]:.1f} codes, {usual_swing:.1f} are usual"
        elif total[i] > NOISY_ABOVE * usual_noise:
            fault = f"noisy: {total[i]:.2f} codes of trial noise, {usual_noise:.2f} are usual"
        elif not WEAK_BELOW * usual_gain < gain[i] < STRONG_ABOVE * usual_gain:
            fault = f"gain: {gain[i]:.3g} codes per unit charge, {usual_gain:.3g} is usual"
        faults.append(fault)
    return tuple(faults)


def misfit_faults(faults: tuple[str, ...], ratio: Floats) -> tuple[str, ...]:
    """Add the columns that the fitted model does not describe, by their residual over noise, shape (columns,)."""
    good = np.array([not fault for fault in faults])
    usual = float(np.median(ratio[good])) if good.any() else 1.0
    limit = MISFIT_ABOVE * max(usual, 1.0)
    return tuple(
        fault or (f"misfit: residual {value:.1f} times the trial noise, {usual:.2f} is usual" if value > limit else "")
        for fault, value in zip(faults, ratio, strict=True)
    )
