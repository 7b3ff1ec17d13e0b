"""One parameter of the ordered model over the columns, with its intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QVBoxLayout

from gui.models.calibration import INTERVAL, column_order, parameter, parameter_rows, parameter_words
from gui.panels.calibration_pages.page import Page, halves, refill
from gui.theme import Theme
from gui.widgets.column_plot import ColumnPlot, Series
from gui.widgets.elided import ElidedLabel
from gui.widgets.table import Table
from labctl.calibrations.values import CalibrationView, ColumnParameter


class ParametersPage(Page):
    """A plot and a row for every column; a column chosen in one is marked in the other."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._view: CalibrationView | None = None
        self._order: NDArray[np.intp] = np.arange(0)
        self._names = QComboBox()
        self._names.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._names.setAccessibleName("Parameter")
        self._by_value = QCheckBox("Sort by &value")
        self._by_value.setToolTip("Columns from the smallest to the largest value, instead of from left to right")
        self._words = ElidedLabel()
        self._plot = ColumnPlot(theme, "", "Parameter over the columns")
        self._table = Table(["column", "value ± 90 %", "mark"], "Parameter of every column", text=(2,), wide=2)
        top = QHBoxLayout()
        top.addWidget(self._names)
        top.addWidget(self._by_value)
        top.addWidget(self._words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addLayout(top)
        column.addWidget(halves(self._plot, self._table), 1)
        self._names.currentIndexChanged.connect(lambda _: self._draw())
        self._by_value.toggled.connect(lambda _: self._draw())
        self._plot.column_chosen.connect(self._from_plot)
        self._table.row_chosen.connect(self._from_table)

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration."""
        self._view = view
        if view is not None:
            refill(self._names, [(item.label, item.name) for item in view.parameters])
            self._draw()

    def choose(self, column: int) -> None:
        """Mark a column in plot and table."""
        self._plot.choose(column)
        found = np.flatnonzero(self._order == column)
        if found.size:
            self._table.choose(int(found[0]))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._plot.recolour(theme)

    def _draw(self) -> None:
        view = self._view
        item = None if view is None else parameter(view, str(self._names.currentData()))
        if view is None or item is None:
            return
        self._order = column_order(item, self._by_value.isChecked())
        self._plot.plot.setLabel("bottom", "columns, sorted by value" if self._by_value.isChecked() else "column")
        y = f"{item.label} / {item.unit}" if item.unit else item.label
        self._plot.show_series(_series(view, item), self._order, y=y)
        self._table.show_rows(parameter_rows(view, item, self._order))
        self._words.say(parameter_words(item, int(view.passes.sum())))
        if self._plot.column is not None:
            self.choose(self._plot.column)

    def _from_plot(self, column: int) -> None:
        self.choose(column)
        self.column_chosen.emit(column)

    def _from_table(self, row: int) -> None:
        column = int(self._order[row])
        self._plot.choose(column)
        self.column_chosen.emit(column)


def _series(view: CalibrationView, item: ColumnParameter) -> list[Series]:
    def where(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        picked: NDArray[np.float64] = np.where(mask, item.values, np.nan)
        return picked

    usual = view.passes & ~item.outliers
    found = [Series("passes, 90 % interval", where(view.passes), "ordered", errors=INTERVAL * item.errors)]
    if item.outliers.any():
        found.append(Series("outlier", where(item.outliers & view.passes), "ordered", "marks"))
    # A column that fails may have any value; those far off would press all others flat.
    low, high = (item.median - 8 * item.spread, item.median + 8 * item.spread) if usual.any() else (0.0, 0.0)
    failing = ~view.passes & (item.values >= low) & (item.values <= high)
    if failing.any():
        found.append(Series("fails", where(failing), "muted"))
    return found
