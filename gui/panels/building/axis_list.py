"""The dimensions of a scan, in their order: moved by drag, by keys or by menu."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import qtawesome
from PyQt6.QtCore import QMimeData, QPoint, Qt, pyqtSignal
from PyQt6.QtGui import (
    QAction,
    QDrag,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeySequence,
    QMouseEvent,
    QShortcut,
)
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget

from data.axes import Axis, ZipAxes, axes_of
from data.instrument import Quantity
from data.scan import ScanPlan
from gui.models import plan_editing
from gui.panels.building.axis_form import AxisForm
from gui.theme import Theme

MIME: Final = "application/x-labctl-axis"
VERBS: Final = (
    ("up", "Move up: changes less often", "Alt+Up"),
    ("down", "Move down: changes more often", "Alt+Down"),
    ("duplicate", "Duplicate", "Ctrl+D"),
    ("join", "Move together with the next axis", ""),
    ("split", "Take apart", ""),
    ("remove", "Remove", "Ctrl+Del"),
)
"""What can be done with a dimension: name, words, keys."""


class _Handle(QLabel):
    """Where a card is taken to be dragged."""

    def __init__(self, index: int, theme: Theme) -> None:
        super().__init__()
        self._index = index
        self._pressed: QPoint | None = None
        self.setPixmap(qtawesome.icon("mdi6.drag-vertical", color=theme.muted).pixmap(16, 16))
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("Drag to change the order (Alt+Up, Alt+Down); the first axis changes least often")

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Perhaps a drag begins."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.pos()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """A drag begins."""
        if event is None or self._pressed is None or (event.pos() - self._pressed).manhattanLength() < 6:
            return
        self._pressed = None
        data = QMimeData()
        data.setData(MIME, str(self._index).encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        card = self.parentWidget()
        if card is not None:
            drag.setPixmap(card.grab())
        drag.exec(Qt.DropAction.MoveAction)


class LegCard(QFrame):
    """One dimension: an axis, or several that move together.

    Args:
        plan: the scan.
        index: which of its dimensions.
        known: quantities that can be set, by path.
        theme: colours.
    """

    axis_changed = pyqtSignal(int, object, str)
    """Which axis of the dimension, what it should be, and what is new."""
    asked = pyqtSignal(str)
    """What should be done with the dimension."""

    def __init__(self, plan: ScanPlan, index: int, known: Mapping[str, Quantity], theme: Theme) -> None:
        super().__init__()
        leg = plan.axes[index]
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._menu_button = QToolButton()
        self._menu_button.setIcon(qtawesome.icon("mdi6.dots-vertical", color=theme.text))
        self._menu_button.setAutoRaise(True)
        self._actions: dict[str, QAction] = {}
        # Not the button's own menu: the three dots say it, an arrow beside them would say it twice.
        self._menu = self._build_menu()
        self._menu_button.clicked.connect(lambda _=False: self._show_menu())
        self._menu_button.setToolTip("Order, copy, remove")
        self._menu_button.setAccessibleName(f"What can be done with axis {index + 1}")
        self.forms: list[AxisForm] = []
        forms = QVBoxLayout()
        forms.setSpacing(4)
        zipped = isinstance(leg, ZipAxes)
        if zipped:
            forms.addWidget(QLabel("moving together"))
        for place, axis in enumerate(axes_of(leg)):
            form = AxisForm(axis, known, nested=zipped)
            form.changed.connect(partial(self._tell, place))
            self.forms.append(form)
            forms.addWidget(form)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 4, 2, 4)
        row.setSpacing(2)
        row.addWidget(_Handle(index, theme), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(forms, 1)
        row.addWidget(self._menu_button, 0, Qt.AlignmentFlag.AlignTop)
        self.show_possible(plan, index)
        for verb, _, keys in VERBS:
            if not keys:
                continue
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self.asked.emit, verb))

    def _tell(self, place: int, axis: Axis, what: str) -> None:
        self.axis_changed.emit(place, axis, what)

    def show_possible(self, plan: ScanPlan, index: int) -> None:
        """Offer what can be done with the dimension now."""
        possible = {
            "up": index > 0,
            "down": index < len(plan.axes) - 1,
            "join": plan_editing.may_join(plan, index),
            "split": isinstance(plan.axes[index], ZipAxes),
        }
        for verb, action in self._actions.items():
            action.setEnabled(possible.get(verb, True))

    def _show_menu(self) -> None:
        self._menu.popup(self._menu_button.mapToGlobal(self._menu_button.rect().bottomLeft()))

    def _build_menu(self) -> QMenu:
        menu = QMenu(self)
        for verb, words, keys in VERBS:
            action = QAction(words, menu)
            if keys:
                action.setShortcut(QKeySequence(keys))
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # shown here, heard by the card
            action.triggered.connect(partial(self._ask, verb))
            menu.addAction(action)
            self._actions[verb] = action
        return menu

    def _ask(self, verb: str, _checked: bool = False) -> None:
        self.asked.emit(verb)


class AxisList(QWidget):
    """The cards of all dimensions.

    Args:
        theme: colours.
    """

    edited = pyqtSignal(object, str)
    """The plan that is wanted, and what of it is new."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._plan = plan_editing.NOTHING
        self._known: Mapping[str, Quantity] = {}
        self.cards: list[LegCard] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.setAcceptDrops(True)

    def show_plan(self, plan: ScanPlan, known: Mapping[str, Quantity]) -> None:
        """Show the dimensions of a plan, and tell nobody; fields that stay keep the keys."""
        same = [len(axes_of(leg)) for leg in plan.axes] == [len(axes_of(leg)) for leg in self._plan.axes]
        same = same and [leg.kind == "zip" for leg in plan.axes] == [leg.kind == "zip" for leg in self._plan.axes]
        self._plan, self._known = plan, known
        if not same or len(self.cards) != len(plan.axes):
            self._rebuild()
            return
        for index, (card, leg) in enumerate(zip(self.cards, plan.axes, strict=True)):
            card.show_possible(plan, index)
            for form, axis in zip(card.forms, axes_of(leg), strict=True):
                form.show_axis(axis, known)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._rebuild()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """A card may be dropped."""
        if event is not None and _dragged(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:  # noqa: N802
        """Anywhere here."""
        if event is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """A card goes where it was dropped."""
        index = None if event is None else _dragged(event.mimeData())
        if event is None or index is None or index >= len(self.cards):
            return
        height = event.position().y()
        to = sum(card.geometry().center().y() < height for card in self.cards)
        event.acceptProposedAction()
        self.move_leg(index, to - 1 if to > index else to)

    def move_leg(self, index: int, to: int) -> None:
        """Change the order."""
        to = max(0, min(to, len(self._plan.axes) - 1))
        if to != index:
            self.edited.emit(plan_editing.moved(self._plan, index, to), "order of axes")
            self.focus_leg(to)

    def focus_leg(self, index: int) -> None:
        """Give a dimension the keys."""
        if index < len(self.cards):
            self.cards[index].forms[0].focus_first()

    def _rebuild(self) -> None:
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for index in range(len(self._plan.axes)):
            card = LegCard(self._plan, index, self._known, self._theme)
            card.axis_changed.connect(partial(self._axis_changed, index))
            card.asked.connect(partial(self._asked, index))
            self._column.addWidget(card)
            self.cards.append(card)

    def _axis_changed(self, index: int, place: int, axis: Axis, what: str) -> None:
        leg = plan_editing.inner_changed(self._plan.axes[index], place, axis)
        self.edited.emit(plan_editing.with_leg(self._plan, index, leg), what)

    def _asked(self, index: int, verb: str) -> None:
        if verb in ("up", "down"):
            self.move_leg(index, index + (1 if verb == "down" else -1))
            return
        changes = {
            "duplicate": (plan_editing.duplicated, "copy of an axis"),
            "join": (plan_editing.joined, "axes moving together"),
            "split": (plan_editing.taken_apart, "axes taken apart"),
            "remove": (plan_editing.without_leg, "removed axis"),
        }
        change, what = changes[verb]
        self.edited.emit(change(self._plan, index), what)


def _dragged(data: QMimeData | None) -> int | None:
    if data is None or not data.hasFormat(MIME):
        return None
    return int(data.data(MIME).data().decode())
