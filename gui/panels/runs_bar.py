"""What stands above the list of runs: filters, and what can be done with a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import qtawesome
from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from gui.models.run_list import ANY, CROSSED, STARRED, RunList
from gui.theme import Theme
from gui.widgets.local import local_action

ICONS = {
    "show": "mdi6.chart-line",
    "use": "mdi6.tune-vertical",
    "star": "mdi6.star-outline",
    "cross": "mdi6.close",
    "report": "mdi6.file-chart-outline",
    "export": "mdi6.export-variant",
    "more": "mdi6.dots-horizontal",
}
IN_BAR = ("show", "use", "star", "cross", "report", "export")
IN_MORE = ("tick", "verify", "folder", "path", "refresh")


class RunFilters(QWidget):
    """A line of text and three choices.

    Args:
        runs: the list that is filtered.
    """

    changed = pyqtSignal()
    """The list should be filtered anew."""

    def __init__(self, runs: RunList) -> None:
        super().__init__()
        self._runs = runs
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter")
        self.line.setAccessibleName("Filter runs by text")
        self.line.setClearButtonEnabled(True)
        self.line.setMinimumWidth(80)
        self.choices = {field: _choice(field) for field in ("kind", "status", "board")}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        row.addWidget(self.line, 1)
        for box in self.choices.values():
            row.addWidget(box)
            box.currentIndexChanged.connect(self._set)
        self.line.textChanged.connect(self._set)

    def fill(self) -> None:
        """Offer the values that there are."""
        for field, box in self.choices.items():
            values = self._runs.choices(field)
            if field == "status":
                values = [*values, STARRED, CROSSED]
            if [box.itemData(index) for index in range(1, box.count())] == values:
                continue
            current = box.currentData()
            box.blockSignals(True)
            while box.count() > 1:
                box.removeItem(1)
            for value in values:
                box.addItem(value, value)
            box.setCurrentIndex(max(box.findData(current), 0))
            box.blockSignals(False)
            if box.currentData() != current:
                self._set()

    def _set(self) -> None:
        runs = self._runs
        runs.text = self.line.text()
        runs.kind, runs.status, runs.board = (
            self.choices[field].currentData() for field in ("kind", "status", "board")
        )
        self.changed.emit()


class RunActions:
    """What can be done with runs, by name: keys that work in the view, buttons, a menu.

    Args:
        view: where the keys work.
    """

    def __init__(self, view: QWidget) -> None:
        self._view = view
        self._does: dict[str, QAction] = {}
        self._more: QToolButton | None = None

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._does.values())

    def __getitem__(self, name: str) -> QAction:
        return self._does[name]

    def add(self, name: str, text: str, do: Callable[[], object], keys: str, tip: str) -> None:
        """One more."""
        self._does[name] = local_action(self._view, text, do, keys, tip)

    def enable(self, able: bool, *names: str) -> None:
        """Whether some of them can be done now."""
        for name in names:
            self._does[name].setEnabled(able)

    def buttons(self) -> list[QToolButton]:
        """A button for each of the usual ones, and one with a menu of the others."""
        made = []
        for name in IN_BAR:
            button = _button()
            button.setDefaultAction(self._does[name])
            button.setAccessibleName(self._does[name].text())
            made.append(button)
        self._more = _button()
        self._more.setMenu(self.menu(*IN_MORE))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setToolTip("More")
        self._more.setAccessibleName("More")
        return [*made, self._more]

    def menu(self, *names: str) -> QMenu:
        """A menu; an empty name is a line between."""
        menu = QMenu(self._view)
        for name in names:
            menu.addAction(self._does[name]) if name else menu.addSeparator()
        return menu

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        for name, icon in ICONS.items():
            made = qtawesome.icon(icon, color=theme.text, color_disabled=theme.line)
            if name in self._does:
                self._does[name].setIcon(made)
            elif self._more is not None:
                self._more.setIcon(made)


def summary_label() -> QLabel:
    """A label that gives way to what stands beside it."""
    label = QLabel()
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label


def _choice(field: str) -> QComboBox:
    box = QComboBox()
    box.addItem(f"any {field}", ANY)
    box.setAccessibleName(f"Only runs of this {field}")
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def _button() -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setIconSize(QSize(18, 18))
    return button
