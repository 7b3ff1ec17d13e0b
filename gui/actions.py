"""What can be done from menus, keys and the command palette: one list, so that none of them lacks anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QIcon, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QMenu


class Actions:
    """The actions of a window, by menu.

    Args:
        window: whose menu bar they go to.
    """

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._menus: dict[str, QMenu] = {}
        self._all: list[tuple[str, QAction]] = []

    def menu(self, title: str) -> QMenu:
        """A menu of the menu bar, made when it is first asked for."""
        if title not in self._menus:
            bar = self._window.menuBar()
            assert bar is not None
            menu = bar.addMenu(title)
            assert menu is not None
            self._menus[title] = menu
        return self._menus[title]

    def add(
        self,
        menu: str,
        text: str,
        do: Callable[[], object],
        *,
        keys: str | QKeySequence.StandardKey = "",
        icon: QIcon | None = None,
        tip: str = "",
    ) -> QAction:
        """One more action.

        Args:
            menu: where it stands.
            text: what it says, with ``&`` before the letter that chooses it.
            do: what it does.
            keys: its shortcut, which works wherever the focus is.
            icon: its picture.
            tip: more about it.
        """
        action = QAction(text, self._window)
        if icon is not None:
            action.setIcon(icon)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        if tip:
            action.setToolTip(tip)
            action.setStatusTip(tip)
        action.triggered.connect(lambda _checked=False: do())
        self.menu(menu).addAction(action)
        self._all.append((menu, action))
        return action

    def separator(self, menu: str) -> None:
        """A line between actions."""
        self.menu(menu).addSeparator()

    def __iter__(self) -> Iterator[tuple[str, QAction]]:
        return iter(self._all)
