"""Which points of a curve are drawn: those in sight, at most two a pixel, extremes kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gui.models.trace import PLAIN, Numbers, Trace

MOST_SCATTERED: Final = 200_000
"""Points of a curve whose x goes to and fro that are drawn at most, the newest; such a curve cannot be searched."""


@dataclass(frozen=True)
class Drawn:
    """Points to draw.

    Attributes:
        x: shape (points,), as numbers, not as logarithms.
        y: shape (points,); NaN where the line is broken.
        every: whether these are all the points in sight.
        lines: whether neighbours belong together: false where they are bars from smallest to largest.
    """

    x: Numbers
    y: Numbers
    every: bool = True
    lines: bool = True


def thin(
    y: Trace,
    x: Trace | None,
    low: float,
    high: float,
    pixels: int,
    *,
    logarithmic: bool = False,
    until: int | None = None,
) -> Drawn:
    """What a curve looks like between two limits.

    Args:
        y: its values.
        x: where they lie; None for their index.
        low: left limit, in units of x.
        high: right limit.
        pixels: how wide that is.
        logarithmic: whether the axis is.
        until: points from this index on are not drawn; None for all.
    """
    count = shared(y, x, until)
    if not count or pixels < 1 or not high > low:
        return Drawn(np.empty(0), np.empty(0))
    if x is not None and not x.rising:
        return _scattered(y, x, low, high, pixels, count, logarithmic)
    edges = _edges(low, high, pixels, logarithmic)
    at = _positions(edges, count) if x is None else np.searchsorted(x.values[:count], edges)
    # One more on each side: the line goes on beyond the frame.
    begin, end = max(int(at[0]) - 1, 0), min(int(at[-1]) + 1, count)
    if end - begin <= PLAIN * pixels:
        where = np.arange(begin, end, dtype=np.float64) if x is None else x.values[begin:end]
        return Drawn(where, y.values[begin:end])
    at = np.concatenate([[begin], at, [end]])
    lows, highs = y.extremes(at)
    middle = np.minimum((at[:-1] + at[1:]) // 2, count - 1)
    where = middle.astype(np.float64) if x is None else x.values[middle]
    some = lows <= highs
    kept = np.flatnonzero(some)
    pairs = np.column_stack([lows[kept], highs[kept]]).ravel()
    return Drawn(np.repeat(where[kept], 2), pairs, every=False)


def _positions(edges: Numbers, count: int) -> NDArray[np.intp]:
    """Index of the first point at or after each edge, where points lie at 0, 1, 2, ..."""
    return np.clip(np.ceil(edges), 0, count).astype(np.intp)


def shared(y: Trace, x: Trace | None, until: int | None = None) -> int:
    """How many points have both a value and a place."""
    count = len(y) if x is None else min(len(y), len(x))
    return count if until is None else min(count, until)


def _edges(low: float, high: float, pixels: int, logarithmic: bool) -> Numbers:
    if logarithmic and low > 0:
        return np.geomspace(low, high, pixels + 1)
    return np.linspace(low, high, pixels + 1)


def _scattered(y: Trace, x: Trace, low: float, high: float, pixels: int, count: int, logarithmic: bool) -> Drawn:
    """Points whose x goes to and fro: as they are while they are few, else the extremes of each pixel as bars."""
    begin = max(count - MOST_SCATTERED, 0)
    where, what = x.values[begin:count], y.values[begin:count]
    if len(where) <= PLAIN * pixels:
        return Drawn(where, what, every=begin == 0)
    edges = _edges(low, high, pixels, logarithmic)
    seen = (where >= low) & (where <= high) & ~np.isnan(what)
    bins = np.clip(np.searchsorted(edges, where[seen], side="right") - 1, 0, pixels - 1)
    lows, highs = np.full(pixels, np.inf), np.full(pixels, -np.inf)
    np.minimum.at(lows, bins, what[seen])
    np.maximum.at(highs, bins, what[seen])
    kept = np.flatnonzero(lows <= highs)
    centre = (edges[:-1] + edges[1:]) / 2
    return Drawn(
        np.repeat(centre[kept], 2), np.column_stack([lows[kept], highs[kept]]).ravel(), every=False, lines=False
    )
