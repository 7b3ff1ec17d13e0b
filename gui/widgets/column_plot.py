"""A value for every column of the array, in a plot in which a column can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent

from gui.plotting import curve_pen
from gui.theme import Theme
from gui.widgets.labelled_plot import LabelledPlot
from gui.widgets.legend import Key, Role, Style, colour_of

Floats = NDArray[np.float64]

_SYMBOLS: dict[Role, str] = {"measured": "o", "ordered": "s", "unordered": "t1", "plain": "o", "muted": "x"}


@dataclass(frozen=True, slots=True)
class Series:
    """Values to draw.

    Attributes:
        name: in the legend; empty for none.
        values: shape (columns,).
        role: whose they are.
        style: points, line, dashed line, or large marks that stress some columns.
        errors: half of an interval, shape (columns,); None draws none.
    """

    name: str
    values: Floats
    role: Role
    style: Style = "points"
    errors: Floats | None = None


class ColumnPlot(LabelledPlot):
    """Values over the columns; a click or the arrow keys choose one.

    Args:
        theme: colours.
        y: what the vertical axis shows; stands above the plot, where there is room for it.
        name: what it is, for those who cannot see it.
        x: label of the horizontal axis.
    """

    column_chosen = pyqtSignal(int)
    """Somebody has chosen this column."""

    def __init__(self, theme: Theme, y: str, name: str, x: str = "column") -> None:
        super().__init__(theme, name, x)
        self._y = y
        self._series: tuple[Series, ...] = ()
        self._order: NDArray[np.intp] = np.arange(0)
        self._column: int | None = None
        self._level: float | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Click a column to choose it; arrow keys go to its neighbours")
        self._marker = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self._marker.hide()
        self._line = pyqtgraph.InfiniteLine(angle=0, movable=False)
        self.plot.scene().sigMouseClicked.connect(self._clicked)

    @property
    def column(self) -> int | None:
        """The column that is chosen."""
        return self._column

    def show_series(
        self,
        series: Sequence[Series],
        order: NDArray[np.intp] | None = None,
        level: float | None = None,
        y: str | None = None,
    ) -> None:
        """Draw these.

        Args:
            series: what.
            order: columns from left to right; None takes them as they are.
            level: draws a line across at this value.
            y: what the vertical axis shows from now on; None as before.
        """
        self._y = self._y if y is None else y
        self._series = tuple(series)
        count = len(series[0].values) if series else 0
        self._order = np.arange(count) if order is None else order
        self._level = level
        self._draw()
        self.plot.plotItem.enableAutoRange()

    def choose(self, column: int | None) -> None:
        """Mark a column; nobody is told."""
        self._column = column
        place = self._place(column)
        self._marker.setVisible(place is not None)
        if place is not None:
            self._marker.setValue(place)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._draw()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Arrow keys, Home and End move to another column."""
        if event is None or not len(self._order):
            super().keyPressEvent(event)
            return
        place = self._place(self._column)
        here, last = 0 if place is None else place, len(self._order) - 1
        moves = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if event.key() in moves:
            self._choose_place(min(max(moves[Qt.Key(event.key())], 0), last))
        else:
            super().keyPressEvent(event)

    def _place(self, column: int | None) -> int | None:
        if column is None:
            return None
        found = np.flatnonzero(self._order == column)
        return int(found[0]) if found.size else None

    def _choose_place(self, place: int) -> None:
        column = int(self._order[place])
        self.choose(column)
        self.column_chosen.emit(column)

    def _clicked(self, event: Any) -> None:
        box = self.plot.plotItem.vb
        if event.button() != Qt.MouseButton.LeftButton or not box.sceneBoundingRect().contains(event.scenePos()):
            return
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        place = round(box.mapSceneToView(event.scenePos()).x())
        if 0 <= place < len(self._order):
            self._choose_place(place)

    def _draw(self) -> None:
        item = self.plot.plotItem
        item.clear()
        for series in self._series:
            self._draw_series(series)
        self._marker.setPen(curve_pen(self.theme.accent))
        self._line.setPen(curve_pen(self.theme.muted, dashed=True))
        item.addItem(self._marker, ignoreBounds=True)
        if self._level is not None:
            self._line.setValue(self._level)
            item.addItem(self._line, ignoreBounds=False)
        keys = [Key(series.name, series.role, series.style) for series in self._series if series.name]
        self.say(self._y, keys)
        self.choose(self._column)

    def _draw_series(self, series: Series) -> None:
        item, colour = self.plot.plotItem, colour_of(series.role, self.theme)
        values = series.values[self._order]
        x = np.arange(len(values), dtype=float)
        known = np.isfinite(values)
        if not known.any():
            return
        if series.errors is not None:
            half = np.where(np.isfinite(series.errors[self._order]), series.errors[self._order], 0.0)[known]
            item.addItem(
                pyqtgraph.ErrorBarItem(x=x[known], y=values[known], height=2 * half, pen=curve_pen(self.theme.muted))
            )
        if series.style in ("line", "dashed"):
            pen = curve_pen(colour, dashed=series.style == "dashed")
            item.plot(x[known], values[known], pen=pen)
            return
        marks = series.style == "marks"
        item.plot(
            x[known],
            values[known],
            pen=None,
            symbol="t" if marks else _SYMBOLS[series.role],
            symbolSize=11 if marks else 5,
            symbolPen=curve_pen(self.theme.warning if marks else colour),
            symbolBrush=None if marks else QColor(colour),
        )
