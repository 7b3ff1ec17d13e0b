"""What order does on the board beside what both models say: position, and permutations."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from gui.models.calibration import INTERVAL
from gui.panels.calibration_pages.page import Page, refill
from gui.plotting import curve_pen
from gui.theme import Theme
from gui.widgets.column_plot import ColumnPlot, Series
from gui.widgets.elided import ElidedLabel
from gui.widgets.empty import EmptyState
from gui.widgets.labelled_plot import LabelledPlot
from gui.widgets.legend import Key, colour_of
from labctl.calibrations.values import CalibrationView, OrderCurves, PositionCurve

_MEAN = -1


class OrderPage(Page):
    """One row moved through the sequence on the left; spread over orders on the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._view: CalibrationView | None = None
        self._curves: OrderCurves | None = None
        self._rows = QComboBox()
        self._rows.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._rows.setAccessibleName("Active row and spacing")
        self._columns = QComboBox()
        self._columns.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._columns.setAccessibleName("Columns")
        self._columns.addItem("mean of the columns", _MEAN)
        self._words = ElidedLabel()
        self._position = LabelledPlot(
            theme, "Signal of one row by its place in the sequence", "events after the active one"
        )
        self._spread = ColumnPlot(
            theme, "spread / codes", "Spread over event orders", "columns, sorted by the board's spread"
        )
        self._missing = QLabel()
        self._missing.setWordWrap(True)
        top = QHBoxLayout()
        top.addWidget(self._rows)
        top.addWidget(self._columns)
        top.addWidget(self._words, 1)
        self._halves = QSplitter(Qt.Orientation.Horizontal)
        self._halves.addWidget(self._position)
        self._halves.addWidget(self._spread)
        self._halves.setChildrenCollapsible(False)
        self._body = QWidget()
        inside = QVBoxLayout(self._body)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(top)
        inside.addWidget(self._halves, 1)
        self._nothing = EmptyState("No order curves", "Its sweeps are read when the calibration is opened.")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._body, 1)
        column.addWidget(self._nothing, 1)
        column.addWidget(self._missing)
        self._rows.currentIndexChanged.connect(lambda _: self._draw_position())
        self._columns.currentIndexChanged.connect(self._column_chosen)
        self._spread.column_chosen.connect(self._chosen)
        self._show_what_there_is("")

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration; its sweeps follow."""
        self._view = view
        if view is not None:
            columns: list[tuple[str, object]] = [("mean of the columns", _MEAN)]
            columns += [(f"column {index}", index) for index in np.flatnonzero(view.passes).tolist()]
            refill(self._columns, columns)

    def show_curves(self, curves: OrderCurves | None, why: str = "") -> None:
        """Show its sweeps."""
        self._curves = curves
        if curves is not None:
            names = [f"row {item.row}, {item.spacing_ns} ns" for item in curves.position]
            # The widest spacing forgets most and shows most.
            order = sorted(range(len(names)), key=lambda index: -curves.position[index].spacing_ns)
            refill(self._rows, [(names[index], index) for index in order])
        self._show_what_there_is(why)
        self._draw_position()
        self._draw_spread()

    def choose(self, column: int) -> None:
        """Show this column."""
        self._spread.choose(column)
        at = self._columns.findData(column)
        if at >= 0 and self._columns.currentData() != _MEAN:
            self._columns.blockSignals(True)
            self._columns.setCurrentIndex(at)
            self._columns.blockSignals(False)
            self._draw_position()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._position.recolour(theme)
        self._spread.recolour(theme)
        self._draw_position()

    def _chosen(self, column: int) -> None:
        at = self._columns.findData(column)
        if at >= 0:
            self._columns.setCurrentIndex(at)
        self.column_chosen.emit(column)

    def _column_chosen(self) -> None:
        self._draw_position()
        column = self._columns.currentData()
        if column is not None and column != _MEAN:
            self._spread.choose(column)
            self.column_chosen.emit(column)

    def _show_what_there_is(self, why: str) -> None:
        curves = self._curves
        something = curves is not None and bool(curves.position or curves.spread)
        self._body.setVisible(something)
        self._nothing.setVisible(not something)
        self._position.setVisible(curves is not None and bool(curves.position))
        self._spread.setVisible(curves is not None and curves.spread is not None)
        missing = () if curves is None else curves.missing
        gone = f"Not in the folder, so not shown: the run files of {', '.join(missing)}." if missing else ""
        self._missing.setText(why or gone)
        self._missing.setVisible(bool(self._missing.text()))

    def _draw_position(self) -> None:
        item = self._position.plot.plotItem
        item.clear()
        at = self._rows.currentData()
        if self._curves is None or at is None or not 0 <= at < len(self._curves.position):
            return
        curve = self._curves.position[at]
        column = self._columns.currentData()
        measured, ordered, unordered = _of_column(curve, _MEAN if column is None else column)
        x = curve.later
        error = curve.error if column in (None, _MEAN) else self._noise(curve)
        muted = curve_pen(self.theme.muted)
        item.addItem(pyqtgraph.ErrorBarItem(x=x, y=measured, height=np.full(len(x), 2 * INTERVAL * error), pen=muted))
        item.plot(x, unordered, pen=curve_pen(colour_of("unordered", self.theme), dashed=True))
        item.plot(x, ordered, pen=curve_pen(colour_of("ordered", self.theme)))
        dot = QColor(colour_of("measured", self.theme))
        item.plot(x, measured, pen=None, symbol="o", symbolSize=5, symbolPen=None, symbolBrush=dot)
        keys = [Key("board", "measured"), Key("ordered", "ordered", "line"), Key("blind", "unordered", "dashed")]
        self._position.say("signal / codes", keys)
        item.enableAutoRange()

    def _noise(self, curve: PositionCurve) -> float:
        """Standard error of one column's mean, from that of the mean over the passing ones."""
        passing = 1 if self._view is None else int(self._view.passes.sum())
        return curve.error * float(np.sqrt(max(passing, 1)))

    def _draw_spread(self) -> None:
        spread = None if self._curves is None else self._curves.spread
        if spread is None or self._view is None:
            return
        order = np.argsort(spread.measured, kind="stable")
        order = order[self._view.passes[order]]
        series = [
            Series("noise", spread.noise, "muted", "dashed"),
            Series("blind", spread.unordered, "unordered", "dashed"),
            Series("board", spread.measured, "measured"),
            Series("ordered", spread.ordered, "ordered", "line"),
        ]
        self._spread.show_series(series, order)
        off = float(np.sqrt(np.mean((spread.measured[order] - spread.ordered[order]) ** 2))) if order.size else 0.0
        self._words.say(f"{spread.orders} orders; ordered model off by {off:.2f} codes rms")


def _of_column(curve: PositionCurve, column: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    """Measured, ordered and order-blind signal of a column, or their mean."""
    if column == _MEAN:
        return tuple(curve.means)
    return curve.measured[:, column], curve.ordered[:, column], curve.unordered[:, column]
