"""A field for the name of a quantity: known ones to choose from, any other may be typed."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QComboBox, QCompleter, QSizePolicy, QWidget

from data.instrument import Quantity
from gui.models.figures import limits_text


class Choice(QComboBox):
    """A list of choices that the wheel scrolls past, and that may be narrower than its longest line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Only in the field that has the keys."""
        if event is not None and not self.hasFocus():
            event.ignore()
            return
        super().wheelEvent(event)


class QuantityChoice(Choice):
    """Chooses a quantity by its path.

    Args:
        parent: as everywhere in Qt.
    """

    picked = pyqtSignal(str)
    """A path, when it has been chosen or typed to its end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.lineEdit()
        assert line is not None
        line.setPlaceholderText("device.quantity")
        completer = self.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self._shown = ""
        self.activated.connect(lambda _: self._tell())
        line.editingFinished.connect(self._tell)

    def offer(self, known: Mapping[str, Quantity]) -> None:
        """What there is to choose from; what is chosen stays."""
        with QSignalBlocker(self):
            self.clear()
            for path, quantity in known.items():
                self.addItem(path)
                tip = f"{quantity.label}: {limits_text(quantity)}" if quantity.settable else quantity.label
                self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.show_path(self._shown)

    def show_path(self, path: str) -> None:
        """Show a path, and tell nobody."""
        self._shown = path
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findText(path))
            self.setEditText(path)
        self.setToolTip(path or "The quantity that is set")
        line = self.lineEdit()
        if line is not None:
            line.setCursorPosition(0)

    def _tell(self) -> None:
        path = self.currentText().strip()
        if path != self._shown:
            self._shown = path
            self.picked.emit(path)
