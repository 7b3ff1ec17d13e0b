"""A mean over trainings with its interval: trainings from different seeds are the independent repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, nan, sqrt

import numpy as np
from scipy.stats import norm, t

LEVEL = 0.9
"""Share of the cases that an interval is to hold, unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the figure; NaN where it is not known.
        low: lower end, ``-inf`` (or 0 of a positive figure) where nothing is known from below.
        high: upper end, ``inf`` where nothing is known from above.
        seeds: trainings it comes from.
    """

    value: float
    low: float
    high: float
    seeds: int

    @property
    def known(self) -> bool:
        """Whether there is a figure and not only a bound."""
        return self.value == self.value


def over_seeds(
    values: Sequence[float], *, variance: float = 0.0, common: float = 0.0, level: float = LEVEL
) -> Estimate:
    """The mean over seeds with Student's t interval of the scatter between them.

    The scatter holds the error of each value, whatever it comes from, but not what all values share. With one seed the
    error of the value is all there is: the interval is for that training, and says nothing of others.

    Args:
        values: one a seed.
        variance: of the error of a value, e.g. by counting statistics; used with one seed only.
        common: variance of an error that is the same for all values; used with several seeds.
        level: share of the cases that the interval is to hold.
    """
    found = np.asarray(values, np.float64)
    if not len(found):
        return Estimate(nan, -inf, inf, 0)
    mean = float(found.mean())
    if len(found) == 1:
        half = float(norm.ppf(0.5 + level / 2)) * sqrt(variance) if variance else inf
        return Estimate(mean, mean - half, mean + half, 1)
    scatter = float(t.ppf(0.5 + level / 2, len(found) - 1)) * float(found.std(ddof=1)) / sqrt(len(found))
    half = hypot(scatter, float(norm.ppf(0.5 + level / 2)) * sqrt(common))
    return Estimate(mean, mean - half, mean + half, len(found))
