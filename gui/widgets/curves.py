"""Curves of any length: what is drawn is thinned to the pixels there are, again at every change of the range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyqtgraph
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from gui.models.plotstate import Curve
from gui.models.ranges import with_room
from gui.models.thinning import Drawn, shared, thin
from gui.models.trace import Numbers
from gui.plotting import Plot, curve_pen
from gui.theme import Theme
from gui.widgets.crosshair import Crosshair, nearest, place_of

MOST_MARKS: Final = 400
"""Points in sight up to which each gets a mark."""
PADDING: Final = 0.03
GROWTH: Final = 0.2
"""Share of x that is left free for what comes."""
AXIS_WIDTH: Final = 56


@dataclass
class _Line:
    """The items of one curve."""

    curve: Curve
    line: Any
    marks: Any


class CurveView(QWidget):
    """Curves over a common axis, with a crosshair and a region.

    Args:
        theme: colours.
    """

    range_changed = pyqtSignal()
    """Somebody has moved or zoomed; :meth:`redraw` is wanted."""
    pointed = pyqtSignal(object)
    """A :class:`gui.widgets.crosshair.Place` that the crosshair points at, or None."""
    region_changed = pyqtSignal()
    """The limits of the region were moved."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.plot = Plot(theme)
        # The crosshair is moved by keys: they come here, and not to the scrolling of the view.
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Plot; arrows move the crosshair")
        # Always as wide, so that two plots below one another have their points below one another.
        self.plot.plotItem.getAxis("left").setWidth(AXIS_WIDTH)
        self._box = self.plot.plotItem.getViewBox()
        self._box.disableAutoRange()
        self._box.sigRangeChangedManually.connect(self._moved)
        self._box.sigRangeChanged.connect(self._ranged)
        self._fitting = False
        self._legend = self.plot.plotItem.addLegend(offset=(-8, 8), labelTextSize="8pt")
        self._lines: list[_Line] = []
        self._logs = (False, False)
        self.auto = True
        self.expected: int | None = None
        """How many points there will be while more may come: room is left for them, so that the axes stand still for
        many frames; None when none come."""
        self._labels: tuple[tuple[str, str], ...] = ()
        self._texts: tuple[str, ...] = ()
        self._region = pyqtgraph.LinearRegionItem(movable=True)
        self._region.setZValue(-10)
        self._region.sigRegionChanged.connect(lambda *_: self.region_changed.emit())
        self._crosshair = Crosshair(self.plot, theme)
        self.plot.scene().sigMouseMoved.connect(self._point)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.plot)
        self.recolour(theme)

    def show_curves(self, curves: Sequence[Curve], x: tuple[str, str], y: tuple[str, str]) -> None:
        """Draw these curves from now on; labels and units of the axes go with them."""
        if [_key(line.curve) for line in self._lines] != [_key(curve) for curve in curves]:
            self._build(curves)
        for line, curve in zip(self._lines, curves, strict=True):
            line.curve = curve
        if (x, y) != self._labels:  # to lay out the axes anew takes longer than to draw a frame
            self._labels = x, y
            self.plot.setLabel("bottom", x[0], units=x[1] or None)
            self.plot.setLabel("left", y[0], units=y[1] or None)

    def show_texts(self, texts: tuple[str, ...]) -> None:
        """Write these at 0, 1, 2, ... of the horizontal axis; none for numbers."""
        if texts != self._texts:
            self._texts = texts
            ticks = [list(enumerate(texts))] if texts else None
            self.plot.plotItem.getAxis("bottom").setTicks(ticks)

    @property
    def logarithmic(self) -> tuple[bool, bool]:
        """Whether the horizontal and the vertical axis are."""
        return self._logs

    def set_logarithmic(self, x: bool, y: bool) -> None:
        """Logarithmic axes, or not; what is not positive is not drawn then."""
        if (x, y) == self._logs:
            return
        self._logs = (x, y)
        self.plot.plotItem.getAxis("bottom").setLogMode(x=x, y=False)
        self.plot.plotItem.getAxis("left").setLogMode(x=False, y=y)
        self.auto = True
        self.redraw()

    def set_grid(self, wanted: bool) -> None:
        """Show the grid, or not."""
        self.plot.plotItem.showGrid(x=wanted, y=wanted, alpha=0.2 if wanted else 0.0)

    def show_region(self, wanted: bool) -> None:
        """Show two limits that can be dragged, at first around the middle half of what is in sight."""
        item = self.plot.plotItem
        if wanted and self._region.scene() is None:
            (low, high), _ = self._box.viewRange()
            quarter = (high - low) / 4
            self._region.setRegion((low + quarter, high - quarter))
            item.addItem(self._region, ignoreBounds=True)
        elif not wanted and self._region.scene() is not None:
            item.removeItem(self._region)

    def region(self) -> tuple[float, float] | None:
        """The limits of the region in units of x; None while it is not shown."""
        if self._region.scene() is None:
            return None
        low, high = self._region.getRegion()
        return self._from_axis(low, 0), self._from_axis(high, 0)

    def redraw(self) -> None:
        """Bring all curves up to date, at most two points a pixel each."""
        if self.auto:
            self._fit()
        (low, high), _ = self._box.viewRange()
        pixels = max(int(self._box.width() * self.devicePixelRatioF()), 50)
        for line in self._lines:
            curve = line.curve
            drawn = thin(
                curve.y,
                curve.x,
                self._from_axis(low, 0),
                self._from_axis(high, 0),
                pixels,
                logarithmic=self._logs[0],
                until=curve.until,
            )
            self._draw(line, drawn)
        self._stand()

    def blank(self) -> None:
        """Draw nothing until there are points: a run that begins draws with the lines of the one before it."""
        for line in self._lines:
            line.line.setData(x=[], y=[])
            line.marks.setData(x=[], y=[])

    def put_away(self) -> None:
        """No crosshair until somebody points again."""
        self._crosshair.hide()
        self.pointed.emit(None)

    def look_at(self, low: float, high: float) -> None:
        """Have this part of x in sight, as if somebody had zoomed."""
        self._box.setXRange(self.to_axis(low, 0), self.to_axis(high, 0), padding=0)
        self._moved()

    def home(self) -> None:
        """Everything in sight, and from now on."""
        self.auto = True
        self.redraw()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self.plot.recolour(theme)
        self._crosshair.recolour(theme)
        accent = QColor(theme.accent)
        accent.setAlpha(40)
        self._region.setBrush(accent)
        for edge in self._region.lines:
            edge.setPen(curve_pen(theme.accent))
        self._legend.setLabelTextColor(QColor(theme.text))
        ground = QColor(theme.surface)
        ground.setAlpha(210)
        self._legend.setBrush(ground)
        self._legend.setPen(QColor(theme.line))
        curves = [line.curve for line in self._lines]
        self._build(curves)
        self.redraw()

    def colour_of(self, curve: Curve) -> str:
        """The first curve has the colour of its origin, the others the next of the series."""
        theme = self._theme
        origin = theme.simulated if curve.simulated else theme.measured
        # Orange last: beside the colour of what is simulated it is hard to tell.
        rest = [*theme.series[2:], theme.series[1]]
        return origin if curve.number == 0 else rest[(curve.number - 1) % len(rest)]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Arrows move the crosshair, with Shift ten points at a time; Home shows everything; Escape puts it away."""
        assert event is not None
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step(far if key == Qt.Key.Key_Right else -far)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self._lines:
            other = self._crosshair.curve + (1 if key == Qt.Key.Key_Down else -1)
            self._crosshair.curve = other % len(self._lines)
            self._step(0)
        elif key == Qt.Key.Key_Home:
            self.home()
        elif key == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def to_axis(self, value: float, axis: int) -> float:
        """A value as the axis counts it, i.e. its logarithm on a logarithmic one."""
        if not self._logs[axis]:
            return value
        return float(np.log10(value)) if value > 0 else float("nan")

    def _from_axis(self, value: float, axis: int) -> float:
        return float(10.0 ** min(max(value, -300.0), 300.0)) if self._logs[axis] else value

    def _build(self, curves: Sequence[Curve]) -> None:
        item = self.plot.plotItem
        for old in self._lines:
            self._legend.removeItem(old.line)
            item.removeItem(old.line)
            item.removeItem(old.marks)
        self._lines = []
        for curve in curves:
            colour = self.colour_of(curve)
            line = pyqtgraph.PlotCurveItem(pen=curve_pen(colour, dashed=curve.overlay), skipFiniteCheck=True)
            marks = pyqtgraph.ScatterPlotItem(size=5, pen=None, brush=QColor(colour), symbol="o", pxMode=True)
            if curve.overlay:
                marks.setSymbol("t")
            line.setZValue(curve.number if curve.overlay else 100 - curve.number)
            item.addItem(line, ignoreBounds=True)
            item.addItem(marks, ignoreBounds=True)
            # The word stands in the heading; here where the runs differ.
            odd = curve.simulated and not all(other.simulated for other in curves)
            self._legend.addItem(line, f"{curve.name} · SIMULATED" if odd else curve.name)
            self._lines.append(_Line(curve, line, marks))
        # A single curve has its name at the axis.
        self._legend.setVisible(len(curves) > 1)

    def _draw(self, line: _Line, drawn: Drawn) -> None:
        x, y = drawn.x, drawn.y
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.log10(x) if self._logs[0] else x
            y = np.log10(y) if self._logs[1] else y
        good = np.isfinite(x) & np.isfinite(y)
        whole = bool(good.all())
        if not drawn.lines:
            connect: Any = "pairs"
        elif whole:
            connect = "all"
        else:  # a line is drawn only between two neighbours that are both known
            connect = np.append(good[:-1] & good[1:], False)[good].astype(np.int32)
        x, y = x[good], y[good]
        scattered = drawn.every and line.curve.x is not None and not line.curve.x.rising
        line.line.setData(x=x, y=y, connect=connect)
        line.line.setVisible(not scattered or not drawn.lines)
        marked = drawn.lines and (len(x) <= MOST_MARKS or scattered)
        if marked or len(line.marks.data):
            line.marks.setData(x=x if marked else [], y=y if marked else [])

    def _fit(self) -> None:
        """Everything in sight."""
        across = [found for line in self._lines if (found := self._extent_x(line.curve)) is not None]
        up = [found for line in self._lines if (found := self._extent_y(line.curve)) is not None]
        wanted = [_joined(found) if found else None for found in (across, up)]
        if self.expected is not None:
            seen = self._box.viewRange()
            rooms = self._room(), (0.0, math.inf)
            wanted = [found and with_room(seen[axis], found, *rooms[axis]) for axis, found in enumerate(wanted)]
        self._fitting = True
        try:
            for limits, show in zip(wanted, (self._box.setXRange, self._box.setYRange), strict=True):
                if limits is not None:
                    show(*limits, padding=PADDING)
        finally:
            self._fitting = False

    def _room(self) -> tuple[float, float]:
        """How much of x may still come, and where it ends: nothing more where all its places are known already."""
        curves = [line.curve for line in self._lines]
        if not any(curve.x is None or len(curve.x) <= len(curve.y) for curve in curves):
            return 0.0, math.inf
        last = max((self.expected or 0) - 1, 0)
        by_index = last and all(curve.x is None for curve in curves)
        return GROWTH, self.to_axis(last, 0) if by_index else math.inf

    def _extent_x(self, curve: Curve) -> tuple[float, float] | None:
        if curve.x is None:
            count = shared(curve.y, None, curve.until)
            found: tuple[float, float] | None = (0.0, float(max(count - 1, 1))) if count else None
        else:
            found = curve.x.extent()
        return self._on_axis(found, curve.x.values if curve.x is not None else np.arange(1.0, 2.0), 0)

    def _extent_y(self, curve: Curve) -> tuple[float, float] | None:
        return self._on_axis(curve.y.extent(0, curve.until), curve.y.values, 1)

    def _on_axis(self, extent: tuple[float, float] | None, values: Numbers, axis: int) -> tuple[float, float] | None:
        if extent is None or not self._logs[axis]:
            return extent
        low, high = extent
        if low <= 0:
            positive = values[values > 0]
            if not len(positive):
                return None
            low = float(positive.min())
        return self.to_axis(low, axis), self.to_axis(max(high, low), axis)

    def _pointed_curve(self) -> Curve | None:
        return self._lines[min(self._crosshair.curve, len(self._lines) - 1)].curve if self._lines else None

    def _point(self, at: QPointF) -> None:
        """Stand on the point that is nearest to the mouse."""
        curve = self._pointed_curve()
        if curve is None or not self._box.sceneBoundingRect().contains(at):
            return
        there = self._box.mapSceneToView(at)
        (left, right), (bottom, top) = [
            [self._from_axis(end, axis) for end in ends] for axis, ends in enumerate(self._box.viewRange())
        ]
        x, y = self._from_axis(there.x(), 0), self._from_axis(there.y(), 1)
        found = nearest(curve, x, y, right - left or 1.0, top - bottom or 1.0)
        if found is not None:
            self._crosshair.index = found
            self._stand()

    def _step(self, steps: int) -> None:
        curve = self._pointed_curve()
        if curve is None:
            return
        if self._crosshair.index is None:  # the middle of what is in sight
            (left, right), _ = self._box.viewRange()
            middle = self._from_axis((left + right) / 2, 0)
            self._crosshair.index = nearest(curve, middle, 0.0, 1.0, float("inf"))
        else:
            self._crosshair.index += steps
        self._stand()

    def _stand(self) -> None:
        """Put the crosshair where its point is now."""
        curve, index = self._pointed_curve(), self._crosshair.index
        place = None if curve is None or index is None else place_of(curve, index)
        if place is None:
            return
        self._crosshair.index = place.index
        self._crosshair.put(self.to_axis(place.x, 0), self.to_axis(place.y, 1))
        self.pointed.emit(place)

    def _ranged(self, *_: object) -> None:
        if not self._fitting:
            self.range_changed.emit()

    def _moved(self, *_: object) -> None:
        self.auto = False
        self.range_changed.emit()


def _key(curve: Curve) -> tuple[object, ...]:
    return (curve.name, curve.number, curve.overlay, curve.simulated)


def _joined(extents: Sequence[tuple[float, float]]) -> tuple[float, float]:
    low, high = min(low for low, _ in extents), max(high for _, high in extents)
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    return low, high
