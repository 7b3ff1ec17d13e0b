"""What all columns together say of a parameter that one column alone hardly shows: an empirical prior.

The columns' own values are taken as draws from one normal distribution, whose centre and spread are estimated from
them: the random-effects model of R. C. Paule and J. Mandel, *J. Res. Natl. Bur. Stand.* 87 (1982) 377, used as in
B. Efron and C. Morris, *J. Am. Stat. Assoc.* 70 (1975) 311. Where columns differ by no more than their errors, all
lean on the common value; where they differ by more, each keeps its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_SPREAD: Final = 0.02
"""Smallest relative spread over the columns that is believed: boards are made of parts that differ."""
_BISECTIONS: Final = 40


@dataclass(frozen=True)
class Prior:
    """Independent normal priors on fitted coordinates, the same for every column.

    Attributes:
        centre: shape (names,).
        precision: inverse variance, 0 where nothing is believed, shape (names,).
        variance: squared standard error of the centre, shape (names,).
    """

    centre: Floats
    precision: Floats
    variance: Floats

    def cost(self, values: Floats) -> Floats:
        """What values, shape (columns, names), pay for being off the centre, in chi square, shape (columns,)."""
        cost: Floats = (self._off(values) ** 2 * self.precision).sum(axis=1)
        return cost

    def pull(self, values: Floats) -> Floats:
        """Half the negative gradient of :meth:`cost`, shape (columns, names)."""
        pull: Floats = -self._off(values) * self.precision
        return pull

    def _off(self, values: Floats) -> Floats:
        # Where nothing is believed a value may be infinite: a rail that is never touched.
        return np.where(self.precision > 0, values, self.centre) - self.centre


def no_prior(names: int) -> Prior:
    """Nothing is believed."""
    return Prior(np.zeros(names), np.zeros(names), np.zeros(names))


@dataclass(frozen=True)
class Common:
    """What values have in common.

    Attributes:
        centre: of the distribution that they were drawn from.
        spread: its standard deviation, 0 where the errors of the values explain all of it.
        variance: squared standard error of ``centre``.
    """

    centre: float
    spread: float
    variance: float

    @property
    def precision(self) -> float:
        """Inverse variance of the prior for one more value."""
        believed = max(self.spread, _LEAST_SPREAD * abs(self.centre))
        return 0.0 if not np.isfinite(believed) or believed <= 0 else 1 / believed**2


def common_value(values: Floats, variances: Floats) -> Common:
    """Centre and spread of the distribution that values with known errors were drawn from.

    Args:
        values: shape (columns,).
        variances: squared standard errors, positive and finite, shape (columns,).

    Returns:
        What they have in common; an infinite spread, which says nothing, for fewer than two values.
    """
    if len(values) < 2:
        return Common(float(values[0]) if len(values) else 0.0, np.inf, 0.0)

    def centre(squared: float) -> float:
        weights = 1 / (variances + squared)
        return float((weights * values).sum() / weights.sum())

    def surplus(squared: float) -> float:
        return float(((values - centre(squared)) ** 2 / (variances + squared)).sum()) - (len(values) - 1)

    low, high = 0.0, float(np.var(values)) * 2 + float(variances.max())
    if surplus(low) <= 0:
        high = 0.0
    for _ in range(_BISECTIONS if high > 0 else 0):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if surplus(middle) > 0 else (low, middle)
    return Common(centre(high), float(np.sqrt(high)), float(1 / (1 / (variances + high)).sum()))
