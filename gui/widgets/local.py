"""What parts of the window have in common: keys that work while the focus is there, and the look of lists."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QAbstractItemView, QTreeView, QWidget


def local_action(
    owner: QWidget, text: str, do: Callable[[], object], keys: str = "", tip: str = "", works_in: QWidget | None = None
) -> QAction:
    """An action of a part of the window.

    Args:
        owner: whose it is.
        text: what it says.
        do: what it does.
        keys: its shortcut, which works while the focus is in that part.
        tip: more about it; the text without it. The shortcut is added.
        works_in: that part, where it is not all of the owner.
    """
    action = QAction(text, owner)
    action.setToolTip(f"{tip or text} ({keys})" if keys else tip or text)
    if keys:
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    action.triggered.connect(lambda _checked=False: do())
    (works_in or owner).addAction(action)
    return action


def look_like_a_list(view: QTreeView, name: str) -> None:
    """Rows without branches, of which several can be chosen, in a panel that may be low.

    Args:
        view: that should look so.
        name: what it lists, for those who cannot see it.
    """
    view.setRootIsDecorated(False)
    view.setUniformRowHeights(True)
    view.setAlternatingRowColors(True)
    view.setAllColumnsShowFocus(True)
    view.setIconSize(QSize(14, 14))
    view.setTextElideMode(Qt.TextElideMode.ElideRight)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    view.setAccessibleName(name)
