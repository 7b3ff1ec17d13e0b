"""A question in the panel where it arises: no box that stands before a run."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QKeyEvent, QPalette
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from gui.theme import Theme
from gui.widgets.light import LightLabel


class Question(QFrame):
    """One sentence, a button that does it and one that does not; Return and Escape do the same.

    Args:
        theme: colours.
        parent: as everywhere in Qt.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._do: Callable[[], None] | None = None
        self._picture = LightLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._yes = QPushButton()
        self._no = QPushButton("Keep")
        self._yes.clicked.connect(self._answer)
        self._no.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 4, 2)
        row.addWidget(self._picture)
        row.addWidget(self._text, 1)
        row.addWidget(self._yes)
        row.addWidget(self._no)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.hide()
        self.recolour(theme)

    @property
    def text(self) -> str:
        """What it asks, empty when it asks nothing."""
        return self._text.text() if not self.isHidden() else ""

    def ask(self, text: str, button: str, do: Callable[[], None]) -> None:
        """Ask.

        Args:
            text: the question.
            button: what the button says that does it.
            do: what it does.
        """
        self._do = do
        self._text.setText(text)
        self._yes.setText(button)
        self.setAccessibleName(text)
        self.show()
        self._yes.setFocus(Qt.FocusReason.OtherFocusReason)

    def clear(self) -> None:
        """Ask no more."""
        self._do = None
        self.hide()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._picture.show_light(theme, "warning")
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(theme.raised))
        self.setPalette(palette)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Return answers with the button that has the focus, Escape keeps everything."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.clear()
        elif event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._no.click() if self._no.hasFocus() else self._answer()
        else:
            super().keyPressEvent(event)

    def _answer(self) -> None:
        do = self._do
        self.clear()
        if do is not None:
            do()
