"""The running count: accuracy and agreement with their intervals, and the confusion matrix of a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.keyword import LiveSession, share
from gui.plotting import Plot, curve_pen
from gui.theme import Theme, figures_font
from gui.widgets.targets import SYMBOLS, target_colour, target_icon
from labctl.service.messages_keyword import CountView


class TotalsPage(QWidget):
    """Draws the running count of the network that is looked at.

    Args:
        theme: colours.
        session: what is drawn.
    """

    def __init__(self, theme: Theme, session: LiveSession) -> None:
        super().__init__()
        self._theme = theme
        self._session = session
        self._table = QTreeWidget()
        self._table.setHeaderLabels(["on", "accuracy, % [95 %]", "as the board, %"])
        self._table.setRootIsDecorated(False)
        self._table.setAccessibleName("Accuracy and agreement")
        header = self._table.header()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._plot = Plot(theme, "accuracy (%)", "")
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._errors: Any = pyqtgraph.ErrorBarItem(x=np.zeros(0), y=np.zeros(0), left=np.zeros(0), right=np.zeros(0))
        self._values: Any = pyqtgraph.ScatterPlotItem(size=10, pen=None)
        self._plot.addItem(self._errors)
        self._plot.addItem(self._values)
        self._target = QComboBox()
        self._target.setAccessibleName("Target of the confusion matrix")
        self._confusion = _matrix_table()
        self._lay_out()
        self._target.currentIndexChanged.connect(lambda _index: self._show_confusion())
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._plot.recolour(theme)
        self.show_tally()

    def show_tally(self) -> None:
        """Draw the count as it is."""
        counts = self._counts()
        names = list(counts)
        if [self._target.itemText(index) for index in range(self._target.count())] != names:
            self._target.blockSignals(True)
            self._target.clear()
            self._target.addItems(names)
            self._target.blockSignals(False)
        self._table.clear()
        for target, count in counts.items():
            item = QTreeWidgetItem([target, share(count.accuracy), share(count.agreement)])
            item.setIcon(0, target_icon(self._theme, target))
            for column in (1, 2):
                item.setFont(column, figures_font(8))
            self._table.addTopLevelItem(item)
        self._show_intervals({name: count for name, count in counts.items() if count.accuracy.count})
        self._show_confusion()

    def _show_intervals(self, counts: dict[str, CountView]) -> None:
        places = -np.arange(len(counts), dtype=float)
        value, low, high = (
            np.array([100 * getattr(count.accuracy, name) for count in counts.values()], float)
            for name in ("value", "low", "high")
        )
        pen = curve_pen(self._theme.text)
        self._errors.setData(x=value, y=places, left=value - low, right=high - value, beam=0.25, pen=pen)
        self._values.setData(
            x=value,
            y=places,
            symbol=[SYMBOLS.get(name, "o") for name in counts],
            brush=[QColor(target_colour(self._theme, name)) for name in counts],
        )
        self._plot.plotItem.getAxis("left").setTicks([list(zip(places.tolist(), counts, strict=True))])
        self._plot.setYRange(-len(counts) + 0.4, 0.6, padding=0)
        self._plot.setXRange(0, 100, padding=0.02)

    def _show_confusion(self) -> None:
        count = self._counts().get(self._target.currentText())
        tally = self._session.tally
        labels = () if tally is None else tally.labels.get(self._session.network, ())
        matrix = np.zeros((len(labels), len(labels)), int) if count is None else count.confusion
        table = self._confusion
        if table.rowCount() != len(labels):
            table.setRowCount(len(labels))
            table.setColumnCount(len(labels))
            table.setVerticalHeaderLabels(list(labels))
            table.setHorizontalHeaderLabels([label[:3] for label in labels])
            for index, label in enumerate(labels):
                heading = table.horizontalHeaderItem(index)
                if heading is not None:
                    heading.setToolTip(label)
        self._fill(matrix, labels)

    def _fill(self, matrix: NDArray[Any], labels: tuple[str, ...]) -> None:
        whole = np.maximum(matrix.sum(axis=1), 1)
        for row, true in enumerate(labels):
            for column, decided in enumerate(labels):
                item = self._confusion.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                    item.setFont(figures_font(8))
                    self._confusion.setItem(row, column, item)
                number = int(matrix[row, column])
                item.setText(str(number) if number else "")
                item.setToolTip(f"{true} decided as {decided}: {number} of {int(whole[row])}")
                colour = QColor(self._theme.ok if row == column else self._theme.fault)
                colour.setAlphaF(0.55 * number / float(whole[row]))
                item.setBackground(colour)

    def _counts(self) -> dict[str, CountView]:
        tally = self._session.tally
        return {} if tally is None else dict(tally.counts.get(self._session.network, {}))

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.addWidget(self._table, 1)
        left.addWidget(self._plot, 1)
        row = QHBoxLayout()
        row.addWidget(QLabel("Confusion on"))
        row.addWidget(self._target)
        row.addWidget(QLabel("rows: said, columns: decided"))
        row.addStretch(1)
        right = QVBoxLayout()
        right.addLayout(row)
        right.addWidget(self._confusion, 1)
        across = QHBoxLayout(self)
        across.setContentsMargins(2, 4, 2, 2)
        across.addLayout(left, 10)
        across.addLayout(right, 9)


def _matrix_table() -> QTableWidget:
    table = QTableWidget()
    table.setAccessibleName("Confusion matrix; rows are what was said, columns what was decided")
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    for header in (table.horizontalHeader(), table.verticalHeader()):
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(14)
        header.setFont(figures_font(7.5))
    return table
