"""How far both models are from what they were not fitted to: by column and by schedule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from gui.models.calibration import column_words
from gui.panels.calibration_pages.page import Page, halves, refill
from gui.plotting import curve_pen
from gui.theme import Theme
from gui.widgets.column_plot import ColumnPlot, Series
from gui.widgets.elided import ElidedLabel
from gui.widgets.labelled_plot import LabelledPlot
from gui.widgets.legend import Key, Role, colour_of
from labctl.calibrations.values import CalibrationView, OrderCurves, ScheduleResiduals

_RECORDED = "working schedule, as recorded"


class ResidualsPage(Page):
    """Columns above, schedules below; ordered and order-blind model side by side."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._view: CalibrationView | None = None
        self._residuals: ScheduleResiduals | None = None
        self._schedules = QComboBox()
        self._schedules.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._schedules.setAccessibleName("Schedule")
        self._schedules.addItem(_RECORDED, -1)
        self._words = ElidedLabel()
        self._plot = ColumnPlot(theme, "residual / trial noise", "Residual of every column")
        self._below = LabelledPlot(theme, "Residual by schedule")
        self._below.setMinimumHeight(140)
        self._below.plot.plotItem.setMouseEnabled(x=False, y=False)
        self._missing = QLabel()
        self._missing.setWordWrap(True)
        self._missing.hide()
        top = QHBoxLayout()
        top.addWidget(self._schedules)
        top.addWidget(self._words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addLayout(top)
        column.addWidget(halves(self._plot, self._below), 1)
        column.addWidget(self._missing)
        self._schedules.currentIndexChanged.connect(lambda _: self._draw())
        self._plot.column_chosen.connect(self._chosen)

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration."""
        self._view = view
        self._draw()

    def show_curves(self, curves: OrderCurves | None, why: str = "") -> None:
        """Show its held-out sweep."""
        self._residuals = None if curves is None else curves.residuals
        names = () if self._residuals is None else self._residuals.schedules
        refill(self._schedules, [(_RECORDED, -1), *((name, index) for index, name in enumerate(names))])
        self._missing.setVisible(self._residuals is None)
        self._below.setVisible(self._residuals is not None)
        self._missing.setText(
            why or "The run file of its held-out sweep is not in the folder: no residuals by schedule."
        )
        self._draw()
        self._draw_schedules()

    def choose(self, column: int) -> None:
        """Mark a column."""
        self._plot.choose(column)
        if self._view is not None and column < len(self._view.passes):
            self._words.say(column_words(self._view, column))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._plot.recolour(theme)
        self._below.recolour(theme)
        self._draw_schedules()

    def _chosen(self, column: int) -> None:
        self.choose(column)
        self.column_chosen.emit(column)

    def _draw(self) -> None:
        view = self._view
        if view is None:
            return
        ordered, unordered = view.held_out.ordered, view.held_out.unordered
        at = self._schedules.currentData()
        if self._residuals is not None and at is not None and at >= 0:
            ordered, unordered = self._residuals.ordered[at], self._residuals.unordered[at]
        series = [
            Series("order-blind", np.where(view.passes, unordered, np.nan), "unordered"),
            Series("ordered", np.where(view.passes, ordered, np.nan), "ordered"),
        ]
        self._plot.show_series(series, level=1.0)

    def _draw_schedules(self) -> None:
        item = self._below.plot.plotItem
        item.clear()
        view, residuals = self._view, self._residuals
        if view is None or residuals is None or not view.passes.any():
            return
        count = len(residuals.schedules)
        item.getAxis("left").setTicks([[(count - 1 - index, name) for index, name in enumerate(residuals.schedules)]])
        models: tuple[tuple[Role, NDArray[np.float64], float], ...] = (
            ("ordered", residuals.ordered, 0.12),
            ("unordered", residuals.unordered, -0.12),
        )
        for role, values, shift in models:
            low, median, high = np.quantile(values[:, view.passes], [0.25, 0.5, 0.75], axis=1)
            colour = colour_of(role, self.theme)
            at = count - 1 - np.arange(count) + shift
            for index in range(count):
                item.plot([low[index], high[index]], [at[index]] * 2, pen=curve_pen(colour))
            symbol = "s" if role == "ordered" else "t1"
            item.plot(median, at, pen=None, symbol=symbol, symbolSize=8, symbolPen=None, symbolBrush=QColor(colour))
        item.plot([1.0, 1.0], [-0.5, count - 0.5], pen=curve_pen(self.theme.muted, dashed=True))
        keys = [Key("ordered", "ordered"), Key("order-blind", "unordered")]
        lead = "residual / trial noise by schedule, median and quartiles"
        self._below.say(lead, keys)
        item.setYRange(-0.5, count - 0.5, padding=0.02)
