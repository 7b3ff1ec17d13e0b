"""A line of text that takes the room there is: elided where it is too long, with all of it in the tool tip."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction, QFont, QGuiApplication, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget


class ElidedLabel(QWidget):
    """One line of plain text.

    Saying something else moves no neighbour, so that it may be done in every frame. Its context menu copies all of it.

    Args:
        text: what it says first.
        font: of the text; that of the window without it.
        parent: as everywhere in Qt.
    """

    def __init__(self, text: str = "", font: QFont | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        if font is not None:
            self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        copy = QAction("Copy", self)
        copy.triggered.connect(lambda _checked=False: self.copy())
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.say(text)

    @property
    def text(self) -> str:
        """All of it."""
        return self._text

    def say(self, text: str, tip: str = "") -> None:
        """Say something else.

        Args:
            text: one line.
            tip: of the tool tip; without it the same line.
        """
        self.setToolTip(tip or text)
        if text != self._text:
            self._text = text
            self.setAccessibleName(text)
            self.update()

    def copy(self) -> None:
        """Put all of it on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._text)

    def sizeHint(self) -> QSize:  # noqa: N802
        """As high as a line."""
        return QSize(60, self.fontMetrics().height() + 4)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """A few letters."""
        return QSize(20, self.fontMetrics().height() + 4)

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802
        """The text, or as much of it as there is room for."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        shown = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()
