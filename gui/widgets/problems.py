"""A list of sentences, as high as it has to be and no higher than it may be."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from gui.theme import Theme
from gui.widgets.light import light_icon
from labctl.service.messages import Light

_WORDS: dict[Light, str] = {"fault": "problem", "warning": "warning", "off": "note"}


class ProblemList(QListWidget):
    """Sentences, each with a light; hidden while there are none.

    Args:
        theme: colours.
        most: pixels beyond which it scrolls.
        parent: as everywhere in Qt.
    """

    def __init__(self, theme: Theme, most: int = 92, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._most = most
        self._said: tuple[tuple[Light, str], ...] = ()
        self.setWordWrap(True)
        self.setIconSize(QSize(14, 14))
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.hide()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says."""
        return tuple(sentence for _, sentence in self._said)

    def say(self, said: Iterable[tuple[Light, str]]) -> None:
        """Say something else."""
        self._said = tuple(said)
        self.clear()
        for light, sentence in self._said:
            item = QListWidgetItem(light_icon(self._theme, light), sentence)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{_WORDS.get(light, light)}: {sentence}")
            item.setToolTip(sentence)
            self.addItem(item)
        self.setVisible(bool(self._said))
        self._fit()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self.say(self._said)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Sentences break elsewhere."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # The view's own hint knows nothing of lines that are broken; what was laid out does.
        items = (self.item(row) for row in range(self.count()))
        wanted = sum(self.visualItemRect(item).height() for item in items) + 2 * self.frameWidth() + 2
        self.setFixedHeight(min(wanted, self._most))
