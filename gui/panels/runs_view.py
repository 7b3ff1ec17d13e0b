"""The view of the list of runs: what is chosen and where it was scrolled to outlives every change of the list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PyQt6.QtCore import QItemSelectionModel, QModelIndex, Qt, pyqtSignal
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from gui.models.run_list import (
    BOARD,
    CALIBRATION,
    KIND,
    MARK,
    NOTE,
    ORIGIN,
    SIZE,
    STARTED,
    STATUS,
    TICK,
    TITLE,
)
from gui.panels.runs_table import RunCells, RunsTable
from gui.widgets.local import look_like_a_list
from labctl.service.messages_runs import RunRow

LOWEST_PX = 56
"""A head and two rows: a message above the list must not make the window higher."""
UNREADABLE = "unreadable"
_WIDTHS = {
    TICK: 28,
    MARK: 26,
    STARTED: 152,
    KIND: 92,
    TITLE: 170,
    STATUS: 92,
    BOARD: 96,
    ORIGIN: 80,
    CALIBRATION: 150,
    SIZE: 64,
    NOTE: 120,
}


class RunsView(QTreeView):
    """A list of runs.

    Args:
        table: its model.
    """

    chosen_changed = pyqtSignal()
    """Another run is the current one, or the selection is another."""
    run_activated = pyqtSignal()
    """A run was double-clicked, or Return was pressed on it."""
    tick_wished = pyqtSignal(str, bool)
    """A run file that should be ticked, or no longer."""

    def __init__(self, table: RunsTable) -> None:
        super().__init__()
        self._table = table
        self._keeping = False
        self.setModel(table)
        self.setItemDelegate(RunCells(self))
        look_like_a_list(self, "Runs")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(LOWEST_PX)
        header = self.header()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(20)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        header.setSortIndicator(table.runs.column, Qt.SortOrder.DescendingOrder)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        header.sortIndicatorChanged.connect(self._sort)
        selection = self.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(lambda *_: self._changed())
        selection.currentChanged.connect(lambda *_: self._changed())
        self.activated.connect(self._activated)
        self.clicked.connect(self._clicked)

    @property
    def chosen(self) -> RunRow | None:
        """The run of the current row."""
        return self._table.row_at(self.currentIndex())

    @property
    def selected(self) -> list[RunRow]:
        """The runs that are selected, from above."""
        selection = self.selectionModel()
        assert selection is not None
        places = sorted(index.row() for index in selection.selectedRows())
        return [self._table.runs.shown[place] for place in places]

    def choose(self, file: str) -> bool:
        """Make a run the current one; false where it is not shown."""
        place = self._table.runs.place(file)
        if place is not None:
            self.setCurrentIndex(self._table.index(place, 0))
        return place is not None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever happens to the list meanwhile: the same runs stay selected, the same place stays in sight."""
        chosen, files = self.chosen, [row.file for row in self.selected]
        bar = self.verticalScrollBar()
        assert bar is not None
        at = bar.value()
        self._keeping = True
        self.setAutoScroll(False)
        try:
            yield
            self._select(files, chosen)
            bar.setValue(at)
        finally:
            self.setAutoScroll(True)
            self._keeping = False
        self.chosen_changed.emit()

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        with self.kept():
            self._table.sort(column, order)
        self.scrollTo(self.currentIndex())

    def _select(self, files: list[str], chosen: RunRow | None) -> None:
        selection = self.selectionModel()
        assert selection is not None
        flags = QItemSelectionModel.SelectionFlag
        for file in files:
            place = self._table.runs.place(file)
            if place is not None:
                selection.select(self._table.index(place, 0), flags.Select | flags.Rows)
        place = None if chosen is None else self._table.runs.place(chosen.file)
        if place is not None:
            selection.setCurrentIndex(self._table.index(place, 0), flags.NoUpdate)

    def _changed(self) -> None:
        if not self._keeping:
            self.chosen_changed.emit()

    def _activated(self, index: QModelIndex) -> None:
        if index.column() != TICK:
            self.run_activated.emit()

    def _clicked(self, index: QModelIndex) -> None:
        row = self._table.row_at(index)
        if index.column() == TICK and row is not None and row.status != UNREADABLE:
            self.tick_wished.emit(row.file, row.file not in self._table.runs.ticked)
