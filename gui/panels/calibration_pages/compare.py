"""A calibration less another one of the same board, e.g. last week's."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout

from gui.models.calibration import age, difference_of, difference_rows, difference_words, local_time
from gui.panels.calibration_pages.page import Page, refill
from gui.theme import Theme
from gui.widgets.column_plot import ColumnPlot, Series
from gui.widgets.table import Table
from labctl.calibrations.values import CalibrationDifference, CalibrationEntry

_PICK = "another calibration…"


class ComparePage(Page):
    """A table of the parameters, and the difference of one of them in every column."""

    other_chosen = pyqtSignal(str)
    """The file of the calibration to compare with; empty for none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._difference: CalibrationDifference | None = None
        self._others = QComboBox()
        self._others.setAccessibleName("Calibration to compare with")
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._table = Table(
            ["parameter", "median change", "change / error", "columns > 3"], "Differences of the parameters"
        )
        self._table.setToolTip(
            "Change / error: typical size of the columns' changes in units of their standard error; about 1 when "
            "nothing has changed. Columns > 3: those that moved by more than three standard errors."
        )
        self._plot = ColumnPlot(theme, "change / standard error", "Change of every column")
        top = QHBoxLayout()
        label = QLabel("Compare &with")
        label.setBuddy(self._others)
        top.addWidget(label)
        top.addWidget(self._others, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self._table)
        halves.addWidget(self._plot)
        halves.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addLayout(top)
        column.addWidget(self._words)
        column.addWidget(halves, 1)
        self._others.currentIndexChanged.connect(lambda _: self._ask())
        self._table.row_chosen.connect(lambda _: self._draw())
        self._plot.column_chosen.connect(self._chosen)

    def offer(self, others: Sequence[CalibrationEntry]) -> None:
        """The calibrations that can be compared with, the likeliest first."""
        now = time.time()
        items: list[tuple[str, object]] = [
            (f"{local_time(item.created)}  ·  {age(item.created, now)}  ·  {item.calibration_id}", item.file)
            for item in others
        ]
        self._others.setEnabled(bool(items))
        refill(self._others, items or [("no other calibration of this board", "")])
        self.show_difference(None)

    @property
    def other(self) -> str:
        """File of the one that is compared with; empty for none."""
        return str(self._others.currentData() or "")

    def show_difference(self, difference: CalibrationDifference | None) -> None:
        """Show what has changed."""
        self._difference = difference
        row = max(self._table.currentIndex().row(), 0)
        self._table.setVisible(difference is not None)
        self._plot.setVisible(difference is not None)
        if difference is None:
            waits = "Calibrate this board again, and the two can be compared here." if not self.other else "…"
            self._words.setText(waits)
            return
        self._words.setText(difference_words(difference))
        stressed = [index for index, item in enumerate(difference.parameters) if item.typical > 2]
        self._table.show_rows(difference_rows(difference), stressed)
        self._table.choose(min(row, len(difference.parameters) - 1))
        self._draw()

    def choose(self, column: int) -> None:
        """Mark a column."""
        self._plot.choose(column)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._plot.recolour(theme)

    def _ask(self) -> None:
        self.show_difference(None)
        self.other_chosen.emit(self.other)

    def _chosen(self, column: int) -> None:
        self.column_chosen.emit(column)

    def _draw(self) -> None:
        row = self._table.currentIndex().row()
        if self._difference is None or not 0 <= row < len(self._difference.parameters):
            return
        item = difference_of(self._difference, self._difference.parameters[row].name)
        if item is None:
            return
        beyond = np.where(np.abs(item.in_errors) > 3, item.in_errors, np.nan)
        series = [Series("columns", item.in_errors, "ordered"), Series("more than 3", beyond, "ordered", "marks")]
        self._plot.show_series(series, level=0.0, y=f"{item.label}: change / standard error")
