"""The queue in a table: what is drawn in its cells, and what can be changed in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QComboBox,
    QSpinBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QWidget,
)

from gui.models.queue_list import (
    COLUMNS,
    NOTE,
    NUMBER,
    ON_FAILURE,
    ON_FAILURE_WORDS,
    PROGRESS,
    ROUNDS,
    STATE,
    TIME,
    WHAT,
    QueueModel,
)
from gui.theme import Theme, figures_font
from gui.widgets.light import light_icon
from labctl.service.messages_queue import QueueList, QueueRow

MIME = "application/x-labctl-queue-entry"
MOST_ROUNDS = 1_000_000
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class QueueTable(QAbstractTableModel):
    """Rows of the queue; what the user changes is wished for, and shown when the queue has changed.

    Args:
        theme: colours.
    """

    rounds_wished = pyqtSignal(int, int)
    """Number of an entry, and its rounds."""
    on_failure_wished = pyqtSignal(int, str)
    place_wished = pyqtSignal(int, int)
    """Number of an entry, and its place among those that wait."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.queue = QueueModel(QueueList(""))
        self._theme = theme
        self._figures = figures_font()

    def show_queue(self, queue: QueueModel) -> None:
        """Take another state of the queue; where the entries are the same ones, the view stays as it is."""
        same = [row.number for row in queue.rows] == [row.number for row in self.queue.rows]
        if same:
            self.queue = queue
            self.touch()
        else:
            self.beginResetModel()
            self.queue = queue
            self.endResetModel()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self.touch()

    def touch(self) -> None:
        """Everything may look different."""
        if self.queue.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.queue.rows) - 1, len(COLUMNS) - 1))

    def row_at(self, index: QModelIndex) -> QueueRow | None:
        """The entry of a cell."""
        return self.queue.rows[index.row()] if 0 <= index.row() < len(self.queue.rows) else None

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """How many entries there are."""
        return 0 if parent is not None and parent.isValid() else len(self.queue.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """How many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What is drawn in a cell."""
        row = self.row_at(index)
        column = index.column()
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.queue.text(row, column)
        if role == Qt.ItemDataRole.EditRole:
            return {ROUNDS: row.rounds, ON_FAILURE: row.on_failure}.get(column)
        if role == Qt.ItemDataRole.DecorationRole and column == STATE:
            return light_icon(self._theme, row.light)
        if role == Qt.ItemDataRole.FontRole and column in (NUMBER, ROUNDS, TIME):
            return self._figures
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (NUMBER, TIME):
            return _RIGHT
        if role == Qt.ItemDataRole.UserRole and column == PROGRESS:
            return self.queue.progress(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row, column)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Wish for a change; the queue decides."""
        row = self.row_at(index)
        if row is None or role != Qt.ItemDataRole.EditRole:
            return False
        if index.column() == ROUNDS and value != row.rounds:
            self.rounds_wished.emit(row.number, int(value))
        if index.column() == ON_FAILURE and value != row.on_failure:
            self.on_failure_wished.emit(row.number, str(value))
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Only what waits can be edited and dragged; anything can be dropped between entries."""
        row = self.row_at(index)
        if row is None:
            return Qt.ItemFlag.ItemIsDropEnabled
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if row.state == "waiting":
            flags |= Qt.ItemFlag.ItemIsDragEnabled
            if index.column() in (ROUNDS, ON_FAILURE):
                flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802
        """Entries are moved."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802
        """Numbers of entries, nothing else."""
        return [MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802
        """The entry that is dragged."""
        data = QMimeData()
        rows = [row for index in indexes if (row := self.row_at(index)) is not None]
        if rows:
            data.setData(MIME, str(rows[0].number).encode())
        return data

    def dropMimeData(  # noqa: N802
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """Wish for another place; the view must not take rows out by itself, so this always says no."""
        if data is not None and data.hasFormat(MIME):
            number = int(data.data(MIME).data())
            before = row if row >= 0 else (parent.row() if parent.isValid() else len(self.queue.rows))
            place = self.queue.dropped(number, before)
            if place is not None:
                self.place_wished.emit(number, place)
        return False


class QueueCells(QStyledItemDelegate):
    """Progress as a bar with its figure; rounds and what follows a failure are edited in place."""

    def createEditor(  # noqa: N802
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget | None:
        """A spin box or a choice."""
        if index.column() == ROUNDS:
            spin = QSpinBox(parent)
            spin.setRange(1, MOST_ROUNDS)
            spin.setAccessibleName("Rounds")
            return spin
        choice = QComboBox(parent)
        for value, words in ON_FAILURE_WORDS.items():
            choice.addItem(words, value)
        choice.setAccessibleName("What the queue does when this entry fails")
        return choice

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:  # noqa: N802
        """What it is now."""
        value = index.data(Qt.ItemDataRole.EditRole)
        if isinstance(editor, QSpinBox):
            editor.setValue(value)
        elif isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(value))

    def setModelData(self, editor: QWidget | None, model: Any, index: QModelIndex) -> None:  # noqa: N802
        """What it should be."""
        if isinstance(editor, QSpinBox):
            editor.interpretText()
            model.setData(index, editor.value())
        elif isinstance(editor, QComboBox):
            model.setData(index, editor.currentData())

    def paint(self, painter: Any, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """A bar for progress, everything else as ever."""
        done = index.data(Qt.ItemDataRole.UserRole) if index.column() == PROGRESS else None
        super().paint(painter, option, index)
        if done is None:
            return
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(2, 3, -2, -3)
        bar.palette = option.palette
        bar.state = option.state | QStyle.StateFlag.State_Horizontal
        bar.minimum, bar.maximum, bar.progress = 0, 1000, round(1000 * done)
        bar.text = index.data()
        bar.textVisible = True
        bar.textAlignment = Qt.AlignmentFlag.AlignCenter
        style = option.widget.style() if option.widget is not None else QApplication.style()
        assert style is not None
        style.drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter, option.widget)


def _tip(row: QueueRow, column: int) -> str:
    if column == TIME:
        if row.seconds is None:
            return "Nobody knows: a fit, or a sweep of a board that is not connected"
        return f"All rounds, about {row.seconds:.3g} s"
    if column in (WHAT, NOTE, STATE):
        times = [
            f"{word} {when}"
            for word, when in (("added", row.added), ("began", row.began), ("ended", row.ended))
            if when
        ]
        return "\n".join([row.title, *([row.message] if row.message else []), *times, *row.files])
    if column in (ROUNDS, ON_FAILURE) and row.state == "waiting":
        return "Double-click, or F2, changes it"
    return ""
