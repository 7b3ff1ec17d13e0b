"""A table of words and figures that is only looked at: elided with tool tips, copied with Ctrl+C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QFont, QGuiApplication, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from gui.theme import figures_font

Row = Sequence[str]


class _Rows(QAbstractTableModel):
    """Text cells; the first column to the left, all others to the right unless they are long."""

    def __init__(self, header: Row, text_columns: frozenset[int]) -> None:
        super().__init__()
        self._header = tuple(header)
        self._text_columns = text_columns
        self._rows: list[tuple[str, ...]] = []
        self._stressed: frozenset[int] = frozenset()
        self._figures = figures_font()
        self._bold = QFont()
        self._bold.setBold(True)

    def fill(self, rows: Sequence[Row], stressed: frozenset[int]) -> None:
        self.beginResetModel()
        self._rows = [tuple(row) for row in rows]
        self._stressed = stressed
        self.endResetModel()

    def row(self, index: int) -> tuple[str, ...]:
        return self._rows[index]

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return len(self._header)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._header[section] if orientation == Qt.Orientation.Horizontal else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        text = self._rows[index.row()][index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.FontRole:
            if index.row() in self._stressed:
                return self._bold
            return None if index.column() in self._text_columns else self._figures
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if index.column() in self._text_columns else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None


class Table(QTableView):
    """Rows of text.

    Args:
        header: of the columns.
        name: what it is, for those who cannot see it.
        text: columns that hold words and not figures.
        wide: the column that takes the room that is left.
        parent: as everywhere in Qt.
    """

    row_chosen = pyqtSignal(int)
    """Somebody has moved to this row."""

    def __init__(
        self, header: Row, name: str, *, text: Sequence[int] = (0,), wide: int = 0, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._rows = _Rows(header, frozenset(text))
        self._quiet = False
        self.setModel(self._rows)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        vertical, across = self.verticalHeader(), self.horizontalHeader()
        assert vertical is not None
        assert across is not None
        vertical.hide()
        vertical.setDefaultSectionSize(self.fontMetrics().height() + 6)
        across.setHighlightSections(False)
        across.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in range(len(header)):
            how = QHeaderView.ResizeMode.Stretch if column == wide else QHeaderView.ResizeMode.ResizeToContents
            across.setSectionResizeMode(column, how)
        across.setResizeContentsPrecision(40)
        chosen = self.selectionModel()
        assert chosen is not None
        chosen.currentRowChanged.connect(self._moved)

    def show_rows(self, rows: Sequence[Row], stressed: Sequence[int] = ()) -> None:
        """Show these rows.

        Args:
            rows: a text for each column.
            stressed: rows in bold.
        """
        self._quiet = True
        self._rows.fill(rows, frozenset(stressed))
        self._quiet = False

    def choose(self, row: int) -> None:
        """Mark a row and bring it into sight; nobody is told."""
        if 0 <= row < self._rows.rowCount():
            self._quiet = True
            self.selectRow(row)
            self.scrollTo(self._rows.index(row, 0))
            self._quiet = False

    def texts(self) -> list[tuple[str, ...]]:
        """What it shows."""
        return [self._rows.row(index) for index in range(self._rows.rowCount())]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Ctrl+C copies all of it, columns parted by tabs."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            clipboard = QGuiApplication.clipboard()
            if clipboard is not None:
                clipboard.setText("\n".join("\t".join(row) for row in self.texts()))
            return
        super().keyPressEvent(event)

    def _moved(self, now: QModelIndex, _before: QModelIndex) -> None:
        if not self._quiet and now.isValid():
            self.row_chosen.emit(now.row())
