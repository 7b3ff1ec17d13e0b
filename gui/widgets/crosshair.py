"""A crosshair that stands on a point of a curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph

from gui.models.plotstate import Curve
from gui.models.thinning import MOST_SCATTERED, shared
from gui.plotting import Plot, curve_pen
from gui.theme import Theme


@dataclass(frozen=True, slots=True)
class Place:
    """What a crosshair points at.

    Attributes:
        index: number of the point.
        x: where it lies.
        y: its value.
        name: of the curve.
    """

    index: int
    x: float
    y: float
    name: str


class Crosshair:
    """Two lines in a plot, hidden until they are put somewhere.

    Args:
        plot: where.
        theme: colours.
    """

    def __init__(self, plot: Plot, theme: Theme) -> None:
        self._plot = plot
        self.index: int | None = None
        self.curve = 0
        self._lines = [pyqtgraph.InfiniteLine(angle=angle, movable=False) for angle in (90, 0)]
        for line in self._lines:
            line.setZValue(200)
            line.hide()
            plot.plotItem.addItem(line, ignoreBounds=True)
        self.recolour(theme)

    def put(self, x: float, y: float) -> None:
        """Stand here, in units of the axes; not drawn where that is no number."""
        for line, value in zip(self._lines, (x, y), strict=True):
            seen = bool(np.isfinite(value))
            line.setVisible(seen)
            if seen:
                line.setPos(value)

    def hide(self) -> None:
        """Put it away."""
        self.index = None
        for line in self._lines:
            line.hide()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        for line in self._lines:
            line.setPen(curve_pen(theme.muted))


def place_of(curve: Curve, index: int) -> Place | None:
    """The point of a curve with this number, or the last one before it; None for a curve without points."""
    count = shared(curve.y, curve.x, curve.until)
    if not count:
        return None
    index = min(max(index, 0), count - 1)
    x = float(index) if curve.x is None else float(curve.x.values[index])
    return Place(index, x, float(curve.y.values[index]), curve.name)


def nearest(curve: Curve, x: float, y: float, width: float, height: float) -> int | None:
    """Number of the point of a curve that is nearest to a place; None for a curve without points.

    Args:
        curve: whose points.
        x: the place, in units of x.
        y: the place, in units of y.
        width: what is in sight of x; counts as much as ``height``.
        height: what is in sight of y.
    """
    count = shared(curve.y, curve.x, curve.until)
    if not count:
        return None
    if curve.x is None:
        return min(max(round(x), 0), count - 1)
    where = curve.x.values[:count]
    if curve.x.rising:
        after = min(int(np.searchsorted(where, x)), count - 1)
        return after - 1 if after and x - where[after - 1] < where[after] - x else after
    begin = max(count - MOST_SCATTERED, 0)
    away = ((where[begin:] - x) / width) ** 2 + ((curve.y.values[begin:count] - y) / height) ** 2
    return None if np.isnan(away).all() else begin + int(np.nanargmin(away))
