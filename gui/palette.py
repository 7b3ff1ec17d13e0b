"""The command palette: everything that can be done, by some of its letters."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QIcon, QKeyEvent
from PyQt6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from gui.models.fuzzy import best
from gui.offers import Offer


class CommandPalette(QDialog):
    """Type, choose with the arrows, Return.

    Args:
        offers: what there is to choose from, each with where it belongs.
        parent: the window it stands over.
    """

    def __init__(self, offers: Iterable[tuple[str, Offer]], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._known = {f"{place}: {offer.text}": offer for place, offer in offers if offer.able}
        self._line = QLineEdit()
        self._line.setPlaceholderText("Type a command")
        self._line.setAccessibleName("Command")
        self._list = QListWidget()
        self._list.setUniformItemSizes(True)
        column = QVBoxLayout(self)
        column.addWidget(self._line)
        column.addWidget(self._list)
        self._line.textChanged.connect(self._filter)
        self._line.installEventFilter(self)
        self._list.itemActivated.connect(self._run)
        self._filter("")
        self.resize(520, 360)
        self.move(parent.mapToGlobal(parent.rect().topLeft()).x() + (parent.width() - 520) // 2, parent.y() + 90)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Arrows move in the list while the focus stays in the line."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                step = 1 if key == Qt.Key.Key_Down else -1
                self._list.setCurrentRow((self._list.currentRow() + step) % max(self._list.count(), 1))
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self._list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _filter(self, wanted: str) -> None:
        self._list.clear()
        for label in best(wanted, self._known):
            offer = self._known[label]
            item = QListWidgetItem(offer.icon or QIcon(), f"{label}    {offer.keys}" if offer.keys else label)
            item.setData(Qt.ItemDataRole.UserRole, label)
            self._list.addItem(item)
        self._list.setCurrentRow(0)

    def _run(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        offer = self._known[item.data(Qt.ItemDataRole.UserRole)]
        self.close()
        offer.do()
