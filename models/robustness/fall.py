"""Logistic falls of accuracy fitted to several seeds at once: to chance, or to a plateau above it.

At strength s, x = log10 s, the share of the height between chance and clean accuracy that is left to seed j is

    f_j + (1 - f_j) / (1 + exp(z)),    z = k (x - x_j) - log(1 - 2 f_j),

a logistic that ends at f_j and is 1/2 at x_j, whatever f_j below 1/2. Additive noise drowns every signal: f = 0. Under
multiplicative noise signal and noise grow together and something may be left at any strength; a fall to chance fitted
to such a curve passes half far from where the curve does. Plateaus are taken in where they pay for their parameters
(G. Schwarz, Ann. Statist. 6, 461-464, 1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Floats = NDArray[np.float64]

STEEPNESS = (0.5, 60.0)
"""Of the logistic, per decade; steeper is a step between two strengths of any grid."""
HIGHEST_PLATEAU = 0.49
"""A curve that stays above half has no midpoint."""
_STARTS = (2.0, 6.0, 20.0)
_EXACT = 1e-9
"""Root mean square below which a curve is met, and nothing more has to be explained."""


@dataclass(frozen=True)
class Fall:
    """Falls fitted to some seeds.

    Attributes:
        at: log10 of strength where half is left, shape (seeds,).
        steepness: per decade, common to the seeds.
        plateaus: what is left in the end, share of the height, shape (seeds,); all 0 where the falls end at chance.
        residuals: fitted less measured accuracies, shape (seeds * strengths,).
        shares: of the height, shape (seeds, strengths).
        slopes: of the fitted accuracies by each parameter, ``at`` first, shape (seeds * strengths, parameters).
    """

    at: Floats
    steepness: float
    plateaus: Floats
    residuals: Floats
    shares: Floats
    slopes: Floats

    @property
    def information(self) -> float:
        """Schwarz's criterion; the smaller, the better."""
        count, parameters = self.slopes.shape
        square = max(float(np.mean(np.square(self.residuals))), _EXACT**2)
        return float(count * np.log(square) + parameters * np.log(count))


def fit_fall(at: Floats, measured: Floats, chance: float, height: Floats, crossing: Floats) -> Fall:
    """Least squares; of falls to chance and falls to plateaus those that Schwarz's criterion prefers.

    Args:
        at: log10 of the strengths, ascending, shape (strengths,).
        measured: accuracies, shape (seeds, strengths).
        chance: accuracy of guessing.
        height: clean accuracy less chance, shape (seeds,).
        crossing: log10 of strength where each seed roughly crosses half, shape (seeds,).
    """
    found = [_fit(at, measured, chance, height, crossing, plateaus=plateaus) for plateaus in (False, True)]
    return min(found, key=lambda fall: fall.information)


def _fit(at: Floats, measured: Floats, chance: float, height: Floats, crossing: Floats, *, plateaus: bool) -> Fall:
    count = len(measured)
    more = count if plateaus else 0

    def model(parameters: Floats) -> tuple[Floats, Floats]:
        return shares_and_slopes(at, parameters[:count], float(parameters[count]), parameters[count + 1 :])

    def residuals(parameters: Floats) -> Floats:
        return np.ravel(chance + height[:, None] * model(parameters)[0] - measured)

    def jacobian(parameters: Floats) -> Floats:
        return np.reshape(height[:, None, None] * model(parameters)[1], (measured.size, -1))

    steepest = np.log(np.array(STEEPNESS))
    low = np.concatenate([np.full(count, at[0] - 1), steepest[:1], np.zeros(more)])
    high = np.concatenate([np.full(count, at[-1] + 1), steepest[1:], np.full(more, HIGHEST_PLATEAU)])
    tried = [
        least_squares(
            residuals, np.concatenate([crossing, [np.log(start)], np.full(more, 0.1)]), jac=jacobian, bounds=(low, high)
        )
        for start in _STARTS
    ]
    best = min(tried, key=lambda fit: float(fit.cost))
    found = np.asarray(best.x, np.float64)
    ends = found[count + 1 :] if plateaus else np.zeros(count)
    rest = np.asarray(best.fun, np.float64)
    return Fall(found[:count], float(np.exp(found[count])), ends, rest, model(found)[0], jacobian(found))


def shares_and_slopes(at: Floats, half: Floats, log_steepness: float, plateaus: Floats) -> tuple[Floats, Floats]:
    """What is left at each strength, and its derivatives.

    Args:
        at: log10 of the strengths, shape (strengths,).
        half: log10 of the strength where half is left, shape (seeds,).
        log_steepness: natural logarithm of k.
        plateaus: shape (seeds,); empty for falls to chance, whose plateaus are no parameters.

    Returns:
        shares, shape (seeds, strengths), and their derivatives by ``half``, ``log_steepness`` and ``plateaus``, shape
        (seeds, strengths, parameters).
    """
    seeds, steepness = np.arange(len(half)), np.exp(log_steepness)
    end = (plateaus if len(plateaus) else np.zeros(len(half)))[:, None]
    left = expit(np.log(1 - 2 * end) - steepness * (at - half[:, None]))
    slope = (1 - end) * left * (1 - left)
    slopes = np.zeros((len(half), len(at), len(half) + 1 + len(plateaus)))
    slopes[seeds, :, seeds] = steepness * slope
    slopes[:, :, len(half)] = -steepness * slope * (at - half[:, None])
    if len(plateaus):
        slopes[seeds, :, len(half) + 1 + seeds] = 1 - left - 2 * slope / (1 - 2 * end)
    return np.asarray(end + (1 - end) * left, np.float64), slopes
