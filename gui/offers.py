"""What can be done just now: the same for menus, buttons and keys, so that the list of commands lacks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from PyQt6.QtGui import QAction, QIcon, QKeySequence
from PyQt6.QtWidgets import QAbstractButton, QTabWidget


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be done, as it is when somebody looks.

    Attributes:
        text: what it does.
        do: does it.
        keys: its shortcut, as people write it; empty for none.
        able: whether it can be done now.
        icon: its picture.
    """

    text: str
    do: Callable[[], object]
    keys: str = ""
    able: bool = True
    icon: QIcon | None = None

    def after(self, first: Callable[[], object]) -> Offer:
        """The same with something done before it."""

        def both() -> None:
            first()
            self.do()

        return replace(self, do=both)


def of_action(action: QAction, text: str = "") -> Offer:
    """What an action does.

    Args:
        action: the action.
        text: in place of its own, where that says too little outside of its menu.
    """
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    words = text or plain(action.text())
    return Offer(words, action.trigger, keys, action.isEnabled() and action.isVisible(), action.icon())


def of_button(button: QAbstractButton, text: str = "", keys: str = "") -> Offer:
    """What a button does.

    Args:
        button: the button; one that is hidden cannot be pressed.
        text: in place of its own, where that says too little elsewhere.
        keys: its shortcut.
    """
    return Offer(text or plain(button.text()), button.click, keys, button.isEnabled() and not button.isHidden())


def of_tabs(tabs: QTabWidget) -> Iterable[Offer]:
    """To bring each page to the front."""
    for index in range(tabs.count()):
        yield Offer(f"page {plain(tabs.tabText(index))}", _turn(tabs, index), able=tabs.isTabEnabled(index))


def plain(text: str) -> str:
    """Words of a button or an action without their marks."""
    return text.replace("&", "")


def _turn(tabs: QTabWidget, index: int) -> Callable[[], object]:
    return lambda: tabs.setCurrentIndex(index)
