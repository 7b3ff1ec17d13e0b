"""How gain and offsets of a board differ from what a model expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.noise import total_noise
from calibration.observations import Observations
from calibration.score import expected_output
from calibration.sensitivity import evaluate
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

_QUIET: Final = 0.4
"""Programmes whose weights are smaller than this share of the largest, root mean square, keep clear of the rails."""


@dataclass(frozen=True)
class Change:
    """A board against a model.

    Attributes:
        gain_ratio: the board's common gain over the model's.
        gain_error: standard error of ``gain_ratio``.
        offset_shift: the board's offset minus the model's, in codes, shape (columns,).
    """

    gain_ratio: float
    gain_error: float
    offset_shift: Floats


def change_from(points: Observations, chip: ChipParameters, passes: NDArray[np.bool_]) -> Change:
    """Regress the residuals of each column on its expected signal; the median slope is the common change of gain.

    Args:
        points: what was measured.
        chip: the model that it is compared with.
        passes: columns that count, shape (columns,).
    """
    expected = expected_output(evaluate(points, chip).predicted, chip.noise, points.geometry)
    use = (~points.clamped).astype(np.float64)
    count = np.maximum(use.sum(axis=0), 1)
    signal, change = expected - chip.offset, points.mean - expected
    signal_mean, change_mean = (use * signal).sum(axis=0) / count, (use * change).sum(axis=0) / count
    weight = use / total_noise(chip.noise) ** 2
    x, y = signal - signal_mean, change - change_mean
    slope = (weight * x * y).sum(axis=0) / np.maximum((weight * x * x).sum(axis=0), 1e-12)
    good = slope[passes] if passes.any() else slope
    common = float(np.median(good))
    # The spread of the columns' slopes tells the error, misfit included; 1.25 is the median's loss of efficiency.
    spread = 1.4826 * float(np.median(np.abs(good - common)))
    return Change(1 + common, 1.25 * spread / float(np.sqrt(len(good))), change_mean - common * signal_mean)


def quiet(points: Observations) -> NDArray[np.bool_]:
    """Which points have weights like those of a probe, well inside the rails, shape (points,)."""
    size = np.sqrt(np.mean(np.square(points.weights.astype(np.float32)), axis=(1, 2)))
    small = (size > 0) & (size < _QUIET * points.geometry.weight_max)
    return np.asarray(small[points.program], dtype=np.bool_)
