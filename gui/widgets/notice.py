"""What went wrong, in the panel where it happened; stays until it is put away or the next try succeeds."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from gui.theme import Theme
from gui.widgets.light import LightLabel
from labctl.service.messages import Light, Trouble


class Notice(QFrame):
    """One sentence, or a list of them, with a light and a button that puts it away.

    Args:
        theme: colours.
        parent: as everywhere in Qt.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._light: Light = "fault"
        self._picture = LightLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        # A label asks for the height that its text has in a narrow column: a message would make the window higher.
        self._text.setMinimumHeight(self.fontMetrics().height())
        close = QToolButton()
        close.setText("×")
        close.setAutoRaise(True)
        close.setToolTip("Put away")
        close.setAccessibleName("Put the message away")
        close.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 4, 6)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.hide()

    @property
    def text(self) -> str:
        """What it says, empty when it is put away."""
        return self._text.text() if not self.isHidden() else ""

    def show_trouble(self, trouble: Trouble) -> None:
        """Say why something did not work; being stopped is no fault."""
        if len(trouble.problems) > 1:
            lines = "\n".join(f"• {problem}" for problem in trouble.problems)
            self.say(lines, "fault")
        else:
            self.say(trouble.sentence, "warning" if trouble.kind == "stopped" else "fault")

    def say(self, text: str, light: Light = "warning") -> None:
        """Say something."""
        self._light = light
        self._text.setText(text)
        self._text.setAccessibleName(f"{light}: {text}")
        self._colour()
        self.show()

    def clear(self) -> None:
        """Put it away."""
        self._text.clear()
        self.hide()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._colour()

    def _colour(self) -> None:
        self._picture.show_light(self._theme, self._light)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(self._theme.raised))
        self.setPalette(palette)
