"""The pass mask as an image of the array, with the reasons."""

from __future__ import annotations

from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from gui.models.calibration import column_words, failing_rows
from gui.panels.calibration_pages.page import Page
from gui.theme import Theme
from gui.widgets.array_map import SPAN, ArrayMap
from gui.widgets.elided import ElidedLabel
from gui.widgets.table import Table
from labctl.calibrations.values import CalibrationView


class ArrayPage(Page):
    """The array above; the columns that fail below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._view: CalibrationView | None = None
        self._map = ArrayMap(theme)
        self._words = ElidedLabel()
        self._legend = QLabel(
            f"Rows down, columns across. Shade: gain of the synapse against the median, ±{100 * SPAN:.0f} %. "
            "Hatched: the column fails."
        )
        self._legend.setWordWrap(True)
        self._next = QPushButton("&Next that fails")
        self._next.setToolTip("Go to the next column that fails (Ctrl+Right in the image)")
        self._table = Table(["column", "why it fails"], "Columns that fail", text=(1,), wide=1)
        self._table.setMaximumHeight(130)
        line = QHBoxLayout()
        line.addWidget(self._words, 1)
        line.addWidget(self._next)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._legend)
        column.addWidget(self._map, 1)
        column.addLayout(line)
        column.addWidget(self._table)
        self._map.column_chosen.connect(self._chosen)
        self._table.row_chosen.connect(self._from_table)
        self._next.clicked.connect(self._to_next)

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration."""
        self._view = view
        if view is None:
            return
        self._map.show_array(view.array, view.reasons)
        rows = failing_rows(view)
        self._table.show_rows(rows)
        self._table.setVisible(bool(rows))
        self._next.setEnabled(bool(rows))
        self._words.say("Choose a column by a click or the arrow keys." if rows else "All columns pass.")

    def choose(self, column: int) -> None:
        """Mark a column."""
        self._map.choose(column)
        view = self._view
        if view is None or column >= len(view.passes):
            return
        self._words.say(column_words(view, column))
        failing = [int(row[0]) for row in failing_rows(view)]
        if column in failing:
            self._table.choose(failing.index(column))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._map.recolour(theme)

    def _chosen(self, column: int) -> None:
        self.choose(column)
        self.column_chosen.emit(column)

    def _from_table(self, row: int) -> None:
        self._chosen(int(self._table.texts()[row][0]))

    def _to_next(self) -> None:
        if self._view is None:
            return
        failing = [int(row[0]) for row in failing_rows(self._view)]
        here = -1 if self._map.column is None else self._map.column
        self._chosen(next((column for column in failing if column > here), failing[0]))
