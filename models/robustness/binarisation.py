"""Whether a network has come to say yes or no with its activations, as it can under strong multiplicative noise.

"Walking Noise" (Borras et al., arXiv 2212.10430) names self-binarisation and gives no measure. Two are taken here, of
activations that are not zero by themselves:

* the share of variance that the best two levels explain (N. Otsu, IEEE Trans. Syst. Man Cybern. 9, 62-66, 1979):
  1 for two values, 2/pi = 0.64 for a normal distribution, 0.75 for a uniform one;
* the separation D of the two groups (K. M. Ashman, C. M. Bird, S. E. Zepf, Astron. J. 108, 2348, 1994):
  sqrt(2) |m1 - m2| / sqrt(v1 + v2). There the groups are parts of a fitted mixture, and are apart above 2. Here they
  are cut at a level and so have no tails in each other: a normal distribution has 2.65 for its halves, a uniform one
  sqrt(12) = 3.46, and only what is well above says that there are two. Of groups far apart both give the same.

Whether decisions need more than the two levels is answered by :func:`two_levels` or :func:`on_or_off` in place of the
activations. Multiplicative noise much stronger than 1 turns the sign of half of them: what is left to decide by is
their size, large or small. So under such noise it is sizes that are to be judged, :func:`on_or_off` and the share of
the variance of absolute values (0.67 for those of a normal distribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Binarisation:
    """How close activations are to two levels.

    Attributes:
        explained: share of the variance between the two groups, 0 to 1.
        separation: Ashman's D of the two sides of the cut; ``inf`` for two values exactly.
        low: mean of the lower group.
        high: mean of the upper group.
        upper_share: share of the activations in the upper group.
    """

    explained: float
    separation: float
    low: float
    high: float
    upper_share: float


def binarisation(activations: Values) -> Binarisation:
    """The two groups of activations with the least variance within.

    Args:
        activations: any shape; all units together, so scale them per unit first where units differ.

    Raises:
        BadInput: fewer than two different values.
    """
    ordered = np.sort(np.ravel(activations).astype(np.float64))
    if len(ordered) < 2 or ordered[0] == ordered[-1] or not np.all(np.isfinite(ordered)):
        raise BadInput("activations that are all the same, or not finite, have no two levels")
    count = len(ordered)
    # Around the middle, so that squares do not swallow the differences of values far from zero.
    centred = ordered - ordered.mean()
    lower = np.arange(1, count)
    sums = np.cumsum(centred)[:-1]
    between = sums**2 * (1 / lower + 1 / (count - lower))
    cut = int(np.argmax(between)) + 1
    low, high = centred[:cut], centred[cut:]
    within = float(low.var() + high.var())
    gap = float(high.mean() - low.mean())
    return Binarisation(
        explained=min(float(between[cut - 1] / np.sum(centred**2)), 1.0),
        separation=sqrt(2) * gap / sqrt(within) if within > 0 else inf,
        low=float(low.mean() + ordered.mean()),
        high=float(high.mean() + ordered.mean()),
        upper_share=(count - cut) / count,
    )


def on_or_off(activations: Values, sizes: Values, cut: float) -> Values:
    """Each unit's activations as one size where they are large, and nothing where they are small, without sign.

    Args:
        activations: shape (samples, ...).
        sizes: one a unit, shape (...), of :func:`unit_sizes`, from other samples than those that are judged.
        cut: from where on they are large, in units of ``sizes``; that of the least variance within the two groups lies
            halfway between ``low`` and ``high`` of :func:`binarisation`.
    """
    return np.asarray(np.where(np.abs(activations) > cut * sizes, sizes, 0.0), activations.dtype)


def unit_sizes(activations: Values) -> Values:
    """Mean size of each unit's activations, zeros left out; 0 for a unit that is never on.

    Args:
        activations: shape (samples, ...); units are the remaining axes.

    Returns:
        shape (...).
    """
    size = np.abs(activations)
    on = np.maximum(np.count_nonzero(size, axis=0), 1)
    return np.asarray(size.sum(axis=0, dtype=np.float64) / on, activations.dtype)


def two_levels(activations: Values, sizes: Values) -> Values:
    """Each unit's activations with their sign and one size: what is left is whether it is on or off, or its sign.

    Args:
        activations: shape (samples, ...).
        sizes: one a unit, shape (...), of :func:`unit_sizes`, from other samples than those that are judged.
    """
    return np.asarray(np.sign(activations) * sizes, activations.dtype)
