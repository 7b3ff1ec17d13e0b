"""The controls of the live plot: what is drawn over what, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import qtawesome
from PyQt6.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
    QWidgetAction,
)

from gui.models.plotrun import COLUMN
from gui.offers import Offer, of_action
from gui.theme import Theme

VIEWS: Final = {"curves": "Curves", "grid": "Image", "columns": "Columns"}
NEWEST: Final = -1
_ICON: Final = QSize(18, 18)

_TOGGLES: Final = (
    ("log_x", "Logarithmic x", "mdi6.alpha-x-box-outline", "X"),
    ("log_y", "Logarithmic y", "mdi6.alpha-y-box-outline", "Y"),
    ("auto", "Everything in sight", "mdi6.arrow-expand-all", "A"),
    ("grid", "Grid", "mdi6.grid", "G"),
    ("region", "Region with statistics", "mdi6.arrow-expand-horizontal", "R"),
    ("below", "Difference to the overlay, or row of the image, below", "mdi6.chart-bell-curve", "D"),
    ("pause", "Pause the view, not the data", "mdi6.pause-circle-outline", "Space"),
)


class PlotBar(QWidget):
    """One line of controls; every toggle has a letter while the plot has the keys.

    Args:
        theme: colours.
        owner: the panel in which the letters work.
    """

    x_chosen = pyqtSignal(str)
    up_chosen = pyqtSignal(str)
    y_changed = pyqtSignal(str, bool)
    view_chosen = pyqtSignal(str)
    slice_chosen = pyqtSignal(int)
    toggled = pyqtSignal(str, bool)

    def __init__(self, theme: Theme, owner: QWidget) -> None:
        super().__init__()
        self.toggles: dict[str, QAction] = {}
        self._buttons: list[tuple[QToolButton, QAction, str]] = []
        self.view = _combo("View", "What is drawn: curves, a quantity over two axes, or the outputs of all columns")
        self.across = _combo("Horizontal axis", "What the horizontal axis shows")
        self.upwards = _combo("Vertical axis of the image", "What the vertical axis of the image shows")
        self.quantity = QPushButton()
        self.quantity.setMaximumWidth(170)
        self.quantity.setAccessibleName("Quantities that are drawn")
        self.quantity.setToolTip("Which quantities are drawn")
        self._menu = QMenu(self.quantity)
        self.quantity.setMenu(self._menu)
        self._column = QSpinBox()
        self._column.setPrefix("column ")
        self._column.setAccessibleName("A single column of the board; Return draws it")
        self._column.setToolTip("Return draws this column of the board")
        self._column.lineEdit().returnPressed.connect(self._add_column)  # type: ignore[union-attr]
        self._column_action = QWidgetAction(self)
        self._column_action.setDefaultWidget(self._column)
        self.slice = QSpinBox()
        self.slice.setMinimum(NEWEST)
        self.slice.setSpecialValueText("newest")
        self.slice.setPrefix("slice ")
        self.slice.setAccessibleName("Which setting of the other axes the image shows")
        self.slice.setToolTip("Which setting of the other axes the image shows")
        self._x_label, self._y_label = QLabel("x"), QLabel("y")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        for widget in (self.view, self._x_label, self.across, self._y_label, self.upwards, self.quantity, self.slice):
            row.addWidget(widget)
        row.addStretch(1)
        for name, text, icon, key in _TOGGLES:
            row.addWidget(self._toggle(owner, name, text, icon, key))
        self.export = QToolButton()
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export.setIconSize(_ICON)
        self.export.setAutoRaise(True)
        self.export.setToolTip("Save or copy the figure, save its data")
        self.export.setAccessibleName("Save or copy")
        row.addWidget(self.export)
        self.view.activated.connect(lambda index: self.view_chosen.emit(self.view.itemData(index)))
        self.across.activated.connect(lambda index: self.x_chosen.emit(self.across.itemData(index)))
        self.upwards.activated.connect(lambda index: self.up_chosen.emit(self.upwards.itemData(index)))
        self.slice.valueChanged.connect(self.slice_chosen.emit)
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        for _, action, icon in self._buttons:
            action.setIcon(qtawesome.icon(icon, color=theme.text, color_on=theme.accent))
        self.export.setIcon(qtawesome.icon("mdi6.export-variant", color=theme.text))

    def offers(self) -> Iterable[Offer]:
        """What the toggles and the menu at the end do."""
        menu = self.export.menu()
        yield from map(of_action, self.toggles.values())
        yield from map(of_action, [] if menu is None else menu.actions())

    def fill_export(self, entries: Sequence[tuple[str, str, Callable[[], None]]]) -> None:
        """What the button at the end offers: text, tool tip, and what it does."""
        menu = QMenu(self.export)
        menu.setToolTipsVisible(True)
        for text, tip, do in entries:
            action = QAction(text, menu)
            action.setToolTip(tip)
            action.triggered.connect(partial(_call, do))
            menu.addAction(action)
        self.export.setMenu(menu)

    def show_choices(
        self, views: Sequence[str], view: str, x: tuple[Sequence[str], str], up: tuple[Sequence[str], str]
    ) -> None:
        """What can be chosen and what is."""
        _fill(self.view, [(VIEWS[name], name) for name in views], view)
        _fill(self.across, [(name, name) for name in x[0]], x[1])
        _fill(self.upwards, [(name, name) for name in up[0]], up[1])
        grid = view == "grid"
        self.upwards.setVisible(grid)
        self.across.setVisible(view != "columns")
        self._x_label.setVisible(view != "columns")
        self._y_label.setVisible(view != "columns")
        self.quantity.setVisible(view != "columns")
        for name in ("log_x", "log_y", "region"):
            self.toggles[name].setEnabled(view == "curves")

    def show_quantities(self, choices: Sequence[str], chosen: Sequence[str], columns: int) -> None:
        """Which quantities there are and which are drawn."""
        text = ", ".join(chosen) or "–"
        room = self.quantity.maximumWidth() - 30
        self.quantity.setText(self.quantity.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room))
        self.quantity.setToolTip(f"Drawn: {text}")
        singles = [name for name in chosen if name.startswith(COLUMN)]
        wanted = [*choices, *singles]
        actions = self._menu.actions()
        known = [action.data() for action in actions if action is not self._column_action]
        if known != wanted or (self._column_action in actions) != bool(columns):
            self._fill_menu(wanted, bool(columns))
        self._column.setMaximum(max(columns - 1, 0))
        for action in self._menu.actions():
            if action is not self._column_action:
                action.setChecked(action.data() in chosen)

    def show_slices(self, count: int) -> None:
        """How many settings the other axes have; one needs no control."""
        with QSignalBlocker(self.slice):
            self.slice.setMaximum(max(count - 1, 0))
        self.slice.setVisible(count > 1)

    def check(self, name: str, wanted: bool) -> None:
        """Show a toggle as it is, without a signal."""
        with QSignalBlocker(self.toggles[name]):
            self.toggles[name].setChecked(wanted)
        for button, action, _ in self._buttons:
            if action is self.toggles[name]:
                button.setChecked(wanted)

    def _toggle(self, owner: QWidget, name: str, text: str, icon: str, key: str) -> QToolButton:
        action = QAction(text, owner)
        action.setCheckable(True)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text} ({key})")
        action.toggled.connect(partial(self.toggled.emit, name))
        owner.addAction(action)
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(_ICON)
        button.setAutoRaise(True)
        button.setAccessibleName(text)
        self.toggles[name] = action
        self._buttons.append((button, action, icon))
        return button

    def _fill_menu(self, names: Sequence[str], columns: bool) -> None:
        for old in self._menu.actions():
            self._menu.removeAction(old)
            if old is not self._column_action:
                old.deleteLater()
        for name in names:
            action = QAction(name, self._menu)
            action.setCheckable(True)
            action.setData(name)
            action.triggered.connect(partial(self.y_changed.emit, name))
            self._menu.addAction(action)
        if columns:
            self._menu.addAction(self._column_action)

    def _add_column(self) -> None:
        self._menu.close()
        self.y_changed.emit(f"{COLUMN}{self._column.value()}", True)


def _call(do: Callable[[], None], _checked: bool = False) -> None:
    do()


def _combo(name: str, tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    combo.setMinimumWidth(70)
    combo.setMaximumWidth(190)
    return combo


def _fill(combo: QComboBox, entries: Sequence[tuple[str, str]], chosen: str) -> None:
    if [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())] != list(entries):
        combo.clear()
        for text, name in entries:
            combo.addItem(text, name)
            combo.setItemData(combo.count() - 1, name, Qt.ItemDataRole.ToolTipRole)
    combo.setCurrentIndex(max(combo.findData(chosen), 0))
