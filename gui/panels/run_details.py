"""What a run file says, and how ticked runs differ."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFont, QGuiApplication, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.run_list import compared
from gui.theme import figures_font
from labctl.service.messages_runs import RunFacts, RunRow

ROW_PX = 20


class FactsTable(QTableWidget):
    """Labels and values; Ctrl+C copies what is selected."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(ROW_PX)
        rows = self.verticalHeader()
        assert rows is not None
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        rows.hide()
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy)

    def fill(self, header: Sequence[str], rows: Sequence[tuple[str, Sequence[str], bool]]) -> None:
        """Show rows of a label, its values, and whether they stand out."""
        self.clear()
        self.setColumnCount(len(header))
        self.setHorizontalHeaderLabels(list(header))
        self.setRowCount(len(rows))
        bold = QFont(figures_font())
        bold.setBold(True)
        for place, (label, values, stands_out) in enumerate(rows):
            self.setItem(place, 0, QTableWidgetItem(label))
            for column, value in enumerate(values, 1):
                item = QTableWidgetItem(value)
                item.setToolTip(value)
                item.setFont(bold if stands_out else figures_font())
                self.setItem(place, column, item)
        columns = self.horizontalHeader()
        assert columns is not None
        columns.setVisible(len(header) > 2)
        columns.setStretchLastSection(True)
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, min(self.columnWidth(0), 150))

    def copy(self) -> None:
        """What is selected, as tab-separated text."""
        lines: dict[int, list[str]] = {}
        for index in sorted(self.selectedIndexes(), key=lambda index: (index.row(), index.column())):
            lines.setdefault(index.row(), []).append(str(index.data()))
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText("\n".join("\t".join(line) for line in lines.values()))


class FactsView(QWidget):
    """The facts of one run, and a line to note something about it."""

    noted = pyqtSignal(str, str)
    """Run id, and what was noted."""

    def __init__(self) -> None:
        super().__init__()
        self._run: RunRow | None = None
        self._table = FactsTable("Facts of the run")
        self._note = QLineEdit()
        self._note.setPlaceholderText("Note about this run")
        self._note.setAccessibleName("Note about this run")
        self._note.setToolTip("Kept beside the run files; the run's own file stays as it was sealed")
        self._note.editingFinished.connect(self._edited)
        self._stack = _hint_or(self, "Choose a run to see what its file says.", self._table, self._note)

    def show_run(self, row: RunRow | None, facts: RunFacts | None) -> None:
        """Show a run; what its file says may come later."""
        other = row is None or self._run is None or row.file != self._run.file
        self._run = row
        self._stack.setCurrentIndex(0 if row is None else 1)
        if row is None:
            return
        if other or not self._note.hasFocus():
            self._note.setText(row.note)
        if facts is not None:
            self._table.fill(("", ""), [(label, (value,), False) for label, value in facts.facts])
        elif other:
            self._table.fill(("", ""), [("run", (row.run_id,), False), ("message", (row.message,), False)])

    def _edited(self) -> None:
        if self._run is not None and self._note.text().strip() != self._run.note:
            self.noted.emit(self._run.run_id, self._note.text())


class CompareView(QWidget):
    """Ticked runs side by side; what differs is bold."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunFacts] = []
        self._only = QCheckBox("Only differences")
        self._only.setChecked(True)
        self._only.toggled.connect(self._fill)
        self._table = FactsTable("Comparison of the ticked runs")
        self._stack = _hint_or(
            self, "Tick two runs or more (Space) to compare what their files say.", self._table, self._only
        )

    def show_runs(self, runs: list[RunFacts]) -> None:
        """Show these runs."""
        self._runs = runs
        self._fill()

    def _fill(self) -> None:
        self._stack.setCurrentIndex(1 if len(self._runs) > 1 else 0)
        if len(self._runs) < 2:
            return
        rows = compared((run.facts for run in self._runs), only_differences=self._only.isChecked())
        names = [dict(run.facts).get("run", "") for run in self._runs]
        self._table.fill(("", *names), rows)
        for column in range(1, len(names) + 1):
            self._table.setColumnWidth(column, 170)


def _hint_or(owner: QWidget, words: str, table: QWidget, below: QWidget) -> QStackedLayout:
    """What to do while there is nothing to show; then a table, and something below it."""
    hint = QLabel(words)
    hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
    hint.setWordWrap(True)
    shown = QWidget()
    column = QVBoxLayout(shown)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    column.addWidget(table, 1)
    column.addWidget(below)
    stack = QStackedLayout(owner)
    stack.addWidget(hint)
    stack.addWidget(shown)
    return stack
