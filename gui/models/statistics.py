"""What a part of a curve is like: mean, spread, extremes, slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gui.models.trace import Trace

MOST: Final = 100_000
"""Points that mean, spread and slope are worked out from at most; of more, every second, third, ... is taken."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A part of a curve.

    Attributes:
        count: points in it.
        every: of how many points one was taken for mean, sd and slope.
        mean: their mean.
        sd: their standard deviation, with one degree of freedom less than points; NaN for a single one.
        low: the smallest of all.
        high: the largest of all.
        slope: of the straight line with the least squares, per unit of x; NaN where x does not vary.
    """

    count: int
    every: int
    mean: float
    sd: float
    low: float
    high: float
    slope: float


def statistics(y: Trace, x: Trace | None, low: float, high: float) -> Statistics | None:
    """Statistics of the points with ``low <= x <= high``; None where there are none.

    Args:
        y: values.
        x: where they lie, None for their index.
        low: left limit.
        high: right limit.
    """
    count = len(y) if x is None else min(len(y), len(x))
    if not count:
        return None
    if x is None or x.rising:
        if x is None:
            begin, end = max(int(np.ceil(low)), 0), min(int(np.floor(high)) + 1, count)
        else:
            begin = int(np.searchsorted(x.values[:count], low))
            end = int(np.searchsorted(x.values[:count], high, side="right"))
        extent = y.extent(begin, end)
        if extent is None:
            return None
        every = max(1, -(-(end - begin) // MOST))
        values = y.values[begin:end:every]
        where = np.arange(begin, end, every, dtype=float) if x is None else x.values[begin:end:every]
        known = ~np.isnan(values)
        inside = end - begin
    else:
        every = max(1, -(-count // MOST))
        where, values = x.values[:count:every], y.values[:count:every]
        known = (where >= low) & (where <= high) & ~np.isnan(values)
        if not known.any():
            return None
        extent = (float(values[known].min()), float(values[known].max()))
        inside = int(known.sum()) * every
    return _of(where[known], values[known], inside if every > 1 else int(known.sum()), every, extent)


def _of(x: np.ndarray, y: np.ndarray, count: int, every: int, extent: tuple[float, float]) -> Statistics | None:
    if not len(y):
        return None
    nan = float("nan")
    mean = float(y.mean())
    sd = float(y.std(ddof=1)) if len(y) > 1 else nan
    away = x - x.mean()
    spread = float(away @ away)
    slope = float(away @ (y - mean)) / spread if spread > 0 else nan
    return Statistics(count, every, mean, sd, *extent, slope)
