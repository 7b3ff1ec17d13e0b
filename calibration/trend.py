"""How offsets moved while the sweeps were measured, so that a model can stand for the end of them.

A fit of sweeps that took a while describes the board as it was half-way; what is computed with it comes later. The
residuals of the random vectors, which are measured one programme after another with all kinds of weights in turn, show
how fast every column's offset moves. One column's rate is uncertain; what all columns together say of it is a prior, as
for the line (:mod:`calibration.priors`), so that where nothing moves, next to nothing is corrected. A gain that moves
is not seen this way: the programmes' mismatch hides it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import derivatives, huber, inverse
from calibration.fit import ModelFit, weights_of
from calibration.observations import Observations
from calibration.priors import common_value
from calibration.sensitivity import evaluate
from calibration.vectors import RANDOM
from calibration.walks import normal_equations
from models.kernels.cpu import parallel_kernels
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

_PROGRAMMES: Final = 12
"""With fewer programmes of random vectors a rate is not to be told from the mismatch of their synapses."""


@dataclass(frozen=True)
class Trend:
    """Rates of change while a calibration was measured; time is board time, that of the vectors alone.

    Attributes:
        offset_rate: output codes per second, shape (columns,).
        offset_error: standard error of ``offset_rate``, shape (columns,).
        end_s: when the last sweep ended, in seconds after the first one began.
    """

    offset_rate: Floats
    offset_error: Floats
    end_s: float

    def at_the_end(self, chip: ChipParameters, middle_s: Floats) -> ChipParameters:
        """A chip as it is when the last sweep ends; its offsets are those of the times ``middle_s``."""
        return replace(chip, offset=chip.offset + (self.end_s - middle_s) * self.offset_rate)

    def variance(self, middle_s: Floats) -> Floats:
        """What the correction adds to the squared errors of the offsets, in codes squared, shape (columns,)."""
        variance: Floats = ((self.end_s - middle_s) * self.offset_error) ** 2
        return variance


def middle_of(fit: ModelFit, points: Observations) -> Floats:
    """The times in seconds whose offsets a fit has found, shape (columns,).

    An offset that moves in proportion to the time is fitted as that time would be: by the offset's part of it.
    """
    time = np.broadcast_to((points.time * 1e-9).astype(np.float32)[:, None], fit.weights.shape)
    jacobian = derivatives(evaluate(points, fit.parameters), fit.columns.names)
    with parallel_kernels():
        _, gradient, information = normal_equations(fit.weights.astype(np.float32), time, jacobian)
    parts = np.einsum("cab,cb->ca", inverse(information + np.diag(fit.columns.prior.precision)), gradient)
    middle: Floats = parts[:, fit.columns.names.index("offset")]
    return middle


def fit_trend(points: Observations, fit: ModelFit, passing: NDArray[np.bool_], end_ns: float) -> Trend:
    """Rates of change from the residuals of the random vectors.

    Args:
        points: everything that may be fitted.
        fit: a model of it.
        passing: columns that tell what is common to all, shape (columns,).
        end_ns: when the last sweep ended, in ns of board time after the first one began.
    """
    random = points.select(points.of_kind(RANDOM))
    rate, error = np.zeros((2, points.geometry.columns))
    _, group = np.unique(random.program, return_inverse=True)
    if group.max(initial=-1) + 1 >= _PROGRAMMES and np.ptp(random.time) > 0:
        own, moved = _rates(random, fit, group)
        variance = (moved**2).sum(axis=0)
        use = passing & (variance > 0)
        common = common_value(own[use], variance[use])
        if np.isfinite(common.spread):
            kept = np.where(use, common.spread**2 / (common.spread**2 + np.where(use, variance, 1.0)), 0.0)
            rate = common.centre + kept * (own - common.centre)
            # Columns share their vectors: what a programme does to the common rate, it does to all of them together.
            shared = float((moved[:, use].mean(axis=1) ** 2).sum())
            error = np.sqrt((1 - kept) * common.spread**2 + (1 - kept) ** 2 * shared)
    return Trend(rate, error, end_ns * 1e-9)


def _rates(random: Observations, fit: ModelFit, group: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Slope of every column's residual over time, in codes per second, and what each programme adds to its error.

    Returns:
        Shapes (columns,) and (programmes, columns); the squares of the latter, summed, are the cluster sandwich.
    """
    chip = fit.parameters
    residual = random.mean - evaluate(random, chip).predicted
    weights = huber(residual, weights_of(random, chip.noise, fit.excess))
    total = np.maximum(weights.sum(axis=0), 1e-300)
    time = random.time[:, None] * 1e-9
    late, off = time - (weights * time).sum(axis=0) / total, residual - (weights * residual).sum(axis=0) / total
    lever = weights * late / np.maximum((weights * late**2).sum(axis=0), 1e-300)
    rate = (lever * off).sum(axis=0)
    moved = np.zeros((int(group.max()) + 1, len(rate)))
    np.add.at(moved, group, lever * (off - late * rate))
    return rate, moved
