"""What a panel shows while it has nothing to show: what to do next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class EmptyState(QWidget):
    """A heading, a sentence, and at most two buttons.

    Args:
        heading: what is missing.
        sentence: what to do about it.
        button: what the button says; empty for none.
        pressed: what the button does.
        other: what a second button says; empty for none.
        other_pressed: what that does.
        parent: as everywhere in Qt.
    """

    def __init__(
        self,
        heading: str,
        sentence: str,
        button: str = "",
        pressed: Callable[[], None] | None = None,
        other: str = "",
        other_pressed: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        head = QLabel(heading)
        font = head.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setBold(True)
        head.setFont(font)
        head.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        head.setWordWrap(True)
        text = QLabel(sentence)
        text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        text.setWordWrap(True)
        column = QVBoxLayout(self)
        column.addStretch(2)
        column.addWidget(head)
        column.addWidget(text)
        column.addSpacing(8)
        for said, do in ((button, pressed), (other, other_pressed)):
            if said and do is not None:
                press = QPushButton(said)
                press.clicked.connect(partial(_press, do))
                column.addWidget(press, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)


def _press(do: Callable[[], None], _checked: bool = False) -> None:
    do()
