"""The log: what labctl says of what it does."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QTextCharFormat, QTextCursor
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from gui.desk import Desk
from gui.models.log_lines import CAP, LogLines, as_text, light_of
from gui.offers import Offer, of_button
from gui.theme import Theme, figures_font
from labctl.service.messages import LogLine

_LEVELS = {"everything": logging.INFO, "warnings": logging.WARNING, "errors": logging.ERROR}
_BATCH_MS = 100


class LogPanel(QWidget):
    """Lines with a filter; written in batches, so that a flood of lines cannot hold the window up.

    Args:
        desk: the service.
        theme: colours.
    """

    warned = pyqtSignal()
    """A warning or worse has come."""

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._lines = LogLines()
        self._fresh: list[LogLine] = []
        self._level = QComboBox()
        self._level.addItems(list(_LEVELS))
        self._level.setAccessibleName("Least level shown")
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("Filter")
        self._filter.setClearButtonEnabled(True)
        self._wipe = QPushButton("Clear")
        self._view = QPlainTextEdit()
        self._view.setReadOnly(True)
        self._view.setFont(figures_font())
        self._view.setMaximumBlockCount(CAP)
        self._view.setPlaceholderText("Nothing has been said yet.")
        self._view.setAccessibleName("Log")
        row = QHBoxLayout()
        row.addWidget(self._level)
        row.addWidget(self._filter, 1)
        row.addWidget(self._wipe)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(row)
        column.addWidget(self._view, 1)
        self._level.currentTextChanged.connect(self._refilter)
        self._filter.textChanged.connect(self._refilter)
        self._wipe.clicked.connect(self._clear)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_BATCH_MS)
        self._timer.timeout.connect(self._write)
        desk.on(LogLine, self._hear)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield of_button(self._wipe, "Clear the log")
        yield Offer("Filter the log", self._filter.setFocus)
        for index in range(self._level.count()):
            yield Offer(f"Show {self._level.itemText(index)}", partial(self._level.setCurrentIndex, index))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._refilter()

    def _hear(self, line: LogLine) -> None:
        if self._lines.add(line):
            self._fresh.append(line)
            if not self._timer.isActive():
                self._timer.start()
        if line.level >= logging.WARNING:
            self.warned.emit()

    def _write(self) -> None:
        bar = self._view.verticalScrollBar()
        assert bar is not None
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self._view.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        for line in self._fresh[-CAP:]:
            how = QTextCharFormat()
            light = light_of(line)
            how.setForeground(QColor(self._theme.text if light == "off" else self._theme.light(light)))
            if not self._view.document().isEmpty():  # type: ignore[union-attr]
                cursor.insertBlock()
            cursor.insertText(as_text(line), how)
        cursor.endEditBlock()
        self._fresh.clear()
        if at_end:
            bar.setValue(bar.maximum())

    def _refilter(self) -> None:
        self._lines.level = _LEVELS[self._level.currentText()]
        self._lines.text = self._filter.text()
        self._view.clear()
        self._fresh = list(self._lines.shown())
        self._write()

    def _clear(self) -> None:
        self._lines = LogLines()
        self._refilter()
