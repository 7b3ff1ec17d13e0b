"""A growing row of numbers that can be drawn at any length: two points a pixel, the extremes of what lies in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

FACTOR: Final = 16
"""Numbers of one level of the pyramid that one of the next stands for."""
FIRST_ROOM: Final = 256
PLAIN: Final = 4
"""Points a pixel up to which they are drawn as they are."""


@dataclass
class _Level:
    """Extremes of blocks of ``block`` numbers each; infinite, the wrong way round, where nothing is known."""

    block: int
    low: Numbers = field(default_factory=lambda: np.empty(0))
    high: Numbers = field(default_factory=lambda: np.empty(0))

    def reserve(self, count: int) -> None:
        """Make room for so many blocks."""
        if count > len(self.low):
            room = max(count, 2 * len(self.low))
            self.low = _grown(self.low, room, np.inf)
            self.high = _grown(self.high, room, -np.inf)


class Trace:
    """Numbers by their index, NaN where nothing is known yet, and a pyramid of the extremes of 16, 256, ... of them.

    The pyramid is brought up to date for what was written, when it is next looked at: writing is a copy, and a look
    costs what has changed.
    """

    def __init__(self, values: ArrayLike | None = None) -> None:
        self._values: Numbers = np.empty(0)
        self._count = 0
        self._levels: list[_Level] = []
        self._stale = (0, 0)
        self._rising = True
        self._checked = 0
        self.version = 0
        if values is not None:
            self.write(0, values)

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> Numbers:
        """All numbers, shape (length,); a view, not to be changed."""
        return self._values[: self._count]

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return int(self._values.nbytes + sum(level.low.nbytes + level.high.nbytes for level in self._levels))

    def write(self, first: int, values: ArrayLike) -> None:
        """Put numbers from index ``first`` on; what lies between them and the last one is not known.

        Infinite numbers are taken as not known.
        """
        new = np.asarray(values, dtype=np.float64).ravel()
        if not len(new):
            return
        end = first + len(new)
        if end > len(self._values):
            self._values = _grown(self._values, max(end, 2 * len(self._values), FIRST_ROOM), np.nan)
        self._values[first:end] = new
        if not np.isfinite(new).all():
            view = self._values[first:end]
            view[~np.isfinite(view)] = np.nan
        begin, until = self._stale
        gap = min(first, self._count)
        self._stale = (min(begin, gap), max(until, end)) if until > begin else (gap, end)
        self._checked = min(self._checked, gap)
        self._rising = self._rising or not self._checked
        self._count = max(self._count, end)
        self.version += 1

    @property
    def rising(self) -> bool:
        """Whether no number is smaller than the one before it, and all are known: it can be searched."""
        if self._checked < self._count:
            begin = max(self._checked - 1, 0)
            part = self._values[begin : self._count]
            self._rising = self._rising and not np.isnan(part).any() and bool((np.diff(part) >= 0).all())
            self._checked = self._count
        return self._rising

    def extent(self, first: int = 0, end: int | None = None) -> tuple[float, float] | None:
        """Smallest and largest number of a range of indices; None where none is known."""
        stop = self._count if end is None else min(end, self._count)
        if stop <= first:
            return None
        low, high = self.extremes(np.array([first, stop]))
        return None if low[0] > high[0] else (float(low[0]), float(high[0]))

    def extremes(self, edges: NDArray[np.integer]) -> tuple[Numbers, Numbers]:
        """Smallest and largest number of each bin of indices.

        Args:
            edges: shape (bins + 1,), rising, from 0 to the length; bin ``j`` is ``edges[j] <= index < edges[j + 1]``.

        Returns:
            Two arrays of shape (bins,); plus and minus infinity where nothing is known.
        """
        self._catch_up()
        begin, end = edges[:-1], edges[1:]
        if not len(begin):
            return np.empty(0), np.empty(0)
        width = max(int((end - begin).max()), 1)
        # A block as long as the root of a bin: about as many blocks inside as single numbers at its two ends.
        usable = [level for level in self._levels if level.block**2 <= max(width, FACTOR**2) and level.block <= width]
        if not usable:
            return self._single(begin, end, width)
        level = usable[-1]
        block = level.block
        inner_begin = -(-begin // block)
        inner_end = end // block
        inside = inner_end > inner_begin
        low, high = _blocks(level, inner_begin, np.maximum(inner_end, inner_begin))
        ends = np.where(inside, inner_begin * block, end)
        begins = np.where(inside, inner_end * block, end)
        for part_begin, part_end, most in ((begin, ends, 2 * block), (begins, end, block)):
            part_low, part_high = self._single(part_begin, part_end, most)
            np.minimum(low, part_low, out=low)
            np.maximum(high, part_high, out=high)
        return low, high

    def _single(self, begin: NDArray[np.integer], end: NDArray[np.integer], most: int) -> tuple[Numbers, Numbers]:
        """Extremes of bins of at most ``most`` numbers, from the numbers themselves."""
        at = begin[:, np.newaxis] + np.arange(most)
        known = at < end[:, np.newaxis]
        found = self._values[np.minimum(at, max(self._count - 1, 0))]
        known &= ~np.isnan(found)
        return np.where(known, found, np.inf).min(axis=1), np.where(known, found, -np.inf).max(axis=1)

    def _catch_up(self) -> None:
        """Bring the pyramid up to date for what was written since."""
        begin, end = self._stale
        if end <= begin:
            return
        below_low = below_high = self._values
        count = self._count
        block = 1
        number = 0
        while count > 1:
            block *= FACTOR
            if number == len(self._levels):
                self._levels.append(_Level(block))
                begin = 0
            level = self._levels[number]
            blocks = -(-count // FACTOR)
            level.reserve(blocks)
            begin, end = begin // FACTOR, -(-end // FACTOR)
            level.low[begin:end] = _reduced(np.fmin, below_low, begin, end, count, np.inf)
            level.high[begin:end] = _reduced(np.fmax, below_high, begin, end, count, -np.inf)
            below_low, below_high, count, number = level.low, level.high, blocks, number + 1
        self._stale = (0, 0)


def _grown(old: Numbers, room: int, fill: float) -> Numbers:
    new = np.full(room, fill)
    new[: len(old)] = old
    return new


def _reduced(reduce: np.ufunc, below: Numbers, begin: int, end: int, count: int, empty: float) -> Numbers:
    """Blocks ``begin`` to ``end`` of the level above ``below``, of which ``count`` are in use."""
    part = below[begin * FACTOR : min(end * FACTOR, count)]
    whole = np.full((end - begin) * FACTOR, np.nan)
    whole[: len(part)] = part
    # Infinity loses against every number, NaN would not: a block of which nothing is known says so.
    result: Numbers = reduce.reduce(whole.reshape(-1, FACTOR), axis=1, initial=empty)
    return result


def _blocks(level: _Level, begin: NDArray[np.integer], end: NDArray[np.integer]) -> tuple[Numbers, Numbers]:
    """Extremes of blocks ``begin`` to ``end`` of each bin; those of an empty bin are infinite."""
    first, last = int(begin.min()), int(end.max())
    # One more than there are, so that every index exists; what it says is never asked for.
    low = np.append(level.low[first:last], np.inf)
    high = np.append(level.high[first:last], -np.inf)
    at = np.empty(2 * len(begin), dtype=np.intp)
    at[::2], at[1::2] = begin - first, end - first
    some = end > begin
    found_low = np.minimum.reduceat(low, np.minimum(at, len(low) - 1))[::2]
    found_high = np.maximum.reduceat(high, np.minimum(at, len(high) - 1))[::2]
    return np.where(some, found_low, np.inf), np.where(some, found_high, -np.inf)
