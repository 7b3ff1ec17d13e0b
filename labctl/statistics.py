"""Accuracy with its interval, confusion, agreement, and the parts of a residual."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of successes with its confidence interval.

    Attributes:
        value: successes divided by trials.
        low: lower end of the interval.
        high: upper end of the interval.
        count: trials.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def proportion(successes: int, count: int, level: float = 0.95) -> Proportion:
    """Wilson's score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 209-212, 1927)."""
    if count < 1:
        return Proportion(float("nan"), 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = successes / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    return Proportion(share, max(0.0, centre - half), min(1.0, centre + half), count)


def accuracy(decisions: Ints, labels: Ints, level: float = 0.95) -> Proportion:
    """Share of decisions, shape (utterances,), that equal the labels."""
    return proportion(int(np.sum(decisions == labels)), len(labels), level)


def confusion(decisions: Ints, labels: Ints, classes: int) -> NDArray[np.int64]:
    """Counts, shape (true class, decided class)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, decisions), 1)
    return matrix


@dataclass(frozen=True, slots=True)
class ResidualSplit:
    """What makes a board's block outputs differ from a prediction, in output codes (root mean square over columns).

    The squares of the four parts add up to that of the total.

    Attributes:
        total: whole residual of single outputs.
        fixed_pattern: each column's mean residual: what stays whatever is sent.
        trial_noise: spread between repeats of the same vector in the same order.
        order: what depends on the vector and the ordered model explains, but this prediction does not.
        remainder: what depends on the vector and neither explains.
    """

    total: float
    fixed_pattern: float
    trial_noise: float
    order: float
    remainder: float


def split_residual(measured: Floats, predicted: Floats, ordered: ResidualSplit | None = None) -> ResidualSplit:
    """Split the residual of repeated measurements.

    Args:
        measured: outputs in the working order, shape (vectors, repeats >= 2, columns).
        predicted: expected output of the model for each vector, shape (vectors, columns).
        ordered: the split of the ordered model's prediction of the same outputs; None if this is it.

    The variances are unbiased: what trial noise and remainder leave in a mean is taken out of fixed pattern, order and
    remainder; a negative estimate is given as 0.
    """
    vectors, repeats, _ = measured.shape
    residual = measured - predicted[:, None, :]
    noise = np.var(measured, axis=1, ddof=1).mean()
    means = residual.mean(axis=1)
    per_column = means.mean(axis=0)
    spread = np.var(means, axis=0, ddof=1).mean() if vectors > 1 else noise / repeats
    fixed = np.mean(per_column**2) - spread / vectors
    varying = max(float(spread - noise / repeats), 0.0)
    unexplained = varying if ordered is None else min(varying, ordered.remainder**2)
    return ResidualSplit(
        total=float(np.sqrt(np.mean(residual**2))),
        fixed_pattern=_root(fixed),
        trial_noise=_root(noise),
        order=_root(varying - unexplained),
        remainder=_root(unexplained),
    )


def order_spread(orders: Floats) -> float:
    """Spread of the mean output between event orders without trial noise; shape (vectors, orders, repeats, columns)."""
    repeats = orders.shape[2]
    noise = np.var(orders, axis=2, ddof=1).mean()
    return _root(np.var(orders.mean(axis=2), axis=1, ddof=1).mean() - noise / repeats)


def _root(variance: float | np.floating) -> float:
    return float(np.sqrt(max(float(variance), 0.0)))
