"""What a study found: sentences, table, pictures."""

from __future__ import annotations

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt
from PyQt6.QtGui import QPixmap, QResizeEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from gui.theme import figures_font
from labctl.studies.values import StudyResults


class FindingsPage(QWidget):
    """What was found, in sentences, with the way to the whole report."""

    def __init__(self) -> None:
        super().__init__()
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setUndoRedoEnabled(False)
        self._text.setPlaceholderText("No findings yet: they are written when the study ends, or by Write report.")
        self._text.setAccessibleName("Findings")
        self.open = QPushButton("&Open report")
        self.open.setToolTip("The whole page, in the browser")
        self.write = QPushButton("&Write report")
        self.write.setToolTip("Table, pictures and page again, from what is finished")
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(self.write)
        line.addWidget(self.open)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._text, 1)
        column.addLayout(line)

    def show_findings(self, findings: tuple[str, ...], report: str, finished: bool) -> None:
        """Show what was found.

        Args:
            findings: sentences.
            report: the page; empty while there is none.
            finished: whether any point is.
        """
        text = "\n\n".join(findings)
        if text != self._text.toPlainText():
            self._text.setPlainText(text)
        self.open.setEnabled(bool(report))
        self.write.setEnabled(finished)


class TablePage(QWidget):
    """The first lines of the table."""

    def __init__(self) -> None:
        super().__init__()
        self._words = QLabel()
        self._table = QTableView()
        self._table.setAccessibleName("Table of the study")
        self._table.setAlternatingRowColors(True)
        self._table.setFont(figures_font())
        self._table.setWordWrap(False)
        across, down = self._table.horizontalHeader(), self._table.verticalHeader()
        assert across is not None
        assert down is not None
        across.setResizeContentsPrecision(60)
        across.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        down.hide()
        down.setDefaultSectionSize(self._table.fontMetrics().height() + 6)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._words)
        column.addWidget(self._table, 1)

    def show_results(self, results: StudyResults | None) -> None:
        """Show a table; None where there is none."""
        self._table.setModel(_Cells(results) if results is not None and results.rows else None)
        if results is None or not results.rows:
            self._words.setText("No table yet: it is written when the study ends, or by Write report.")
        else:
            shown = len(results.rows)
            more = f", the first {shown} are shown" if results.total > shown else ""
            self._words.setText(f"{results.total} lines{more}; all of them are in table.parquet")


class PicturesPage(QWidget):
    """The pictures of the report, one at a time, as wide as the panel."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: dict[str, QPixmap] = {}
        self._names = QComboBox()
        self._names.setAccessibleName("Picture")
        self._picture = QLabel("No pictures yet: they are drawn when the study ends, or by Write report.")
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._picture.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._names)
        column.addWidget(self._picture, 1)
        self._names.currentIndexChanged.connect(lambda _: self._draw())

    def show_results(self, results: StudyResults | None) -> None:
        """Show pictures; None where there are none."""
        before = self._names.currentText()
        self._pictures.clear()
        for name, png in () if results is None else results.pictures:
            picture = QPixmap()
            picture.loadFromData(png)
            self._pictures[name] = picture
        self._names.blockSignals(True)
        self._names.clear()
        self._names.addItems(list(self._pictures))
        self._names.setCurrentIndex(max(self._names.findText(before), 0 if self._pictures else -1))
        self._names.blockSignals(False)
        self._names.setVisible(bool(self._pictures))
        self._draw()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """As large as there is room."""
        super().resizeEvent(event)
        self._draw()

    def _draw(self) -> None:
        picture = self._pictures.get(self._names.currentText())
        if picture is None or picture.isNull():
            self._picture.setText("No pictures yet: they are drawn when the study ends, or by Write report.")
            return
        ratio = self.devicePixelRatioF()
        room = QSize(max(self._picture.width(), 50), max(self._picture.height(), 50)) * ratio
        fitted = picture.scaled(
            room.boundedTo(picture.size() * ratio),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        fitted.setDevicePixelRatio(ratio)
        self._picture.setPixmap(fitted)
        self._picture.setAccessibleName(self._names.currentText())


class _Cells(QAbstractTableModel):
    """Text cells of a table with any header."""

    def __init__(self, results: StudyResults) -> None:
        super().__init__()
        self._results = results

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return len(self._results.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return len(self._results.header)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._results.header[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._results.rows[index.row()][index.column()]
        return None
