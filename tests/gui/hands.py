"""A mouse and a keyboard: those of Qt's test library, or the X server's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QApplication, QWidget

PATIENCE_S = 120.0


class Hands(Protocol):
    """What a person at the bench does."""

    def click(self, widget: QWidget, where: QPoint | None = None) -> None:
        """Press the left button in the middle of a widget, or somewhere in it."""

    def press(self, keys: str) -> None:
        """Press a key such as ``F6``, ``Alt+4`` or ``Ctrl+P``, wherever the focus is."""


class QtHands:
    """Events made by Qt."""

    def click(self, widget: QWidget, where: QPoint | None = None) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=where or widget.rect().center())

    def press(self, keys: str) -> None:
        window = QApplication.activeWindow() or QApplication.topLevelWidgets()[0]
        QTest.keySequence(window, keys)


class XHands:
    """Events that the X server makes, as from hardware (XTEST)."""

    def __init__(self) -> None:
        from Xlib.display import Display

        self._display: Any = Display()

    def click(self, widget: QWidget, where: QPoint | None = None) -> None:
        from Xlib import X

        QTest.qWait(200)  # a person looks first: what has just changed moves its neighbours
        point = widget.mapToGlobal(where or widget.rect().center())
        self._fake(X.MotionNotify, x=point.x(), y=point.y())
        QTest.qWait(20)
        self._fake(X.ButtonPress, 1)
        self._fake(X.ButtonRelease, 1)
        QTest.qWait(50)

    def press(self, keys: str) -> None:
        from Xlib import XK, X

        names = {"Ctrl": "Control_L", "Alt": "Alt_L", "Shift": "Shift_L", "Return": "Return", "Space": "space"}
        codes = [
            self._display.keysym_to_keycode(XK.string_to_keysym(names.get(key, key if len(key) > 1 else key.lower())))
            for key in keys.split("+")
        ]
        for code in codes:
            self._fake(X.KeyPress, code)
        for code in reversed(codes):
            self._fake(X.KeyRelease, code)
        QTest.qWait(50)

    def _fake(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
        from Xlib.ext import xtest

        xtest.fake_input(self._display, kind, detail, x=x, y=y)
        self._display.sync()


def until(found: Callable[[], Any], what: str) -> Any:
    """Let the window live until something is so."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        value = found()
        if value:
            return value
        QTest.qWait(20)
    raise AssertionError(f"it did not happen: {what}")


def button(panel: QWidget, text: str) -> QAbstractButton:
    """The button in sight that says so."""

    def find() -> QAbstractButton | None:
        for item in panel.findChildren(QAbstractButton):
            said = item.text().replace("&", "") or item.accessibleName()
            if item.isVisible() and item.isEnabled() and said == text:
                return item
        return None

    found: QAbstractButton = until(find, f"a button {text!r} in {type(panel).__name__}")
    return found
