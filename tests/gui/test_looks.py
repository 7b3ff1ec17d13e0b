"""Small things that panels share: looks one at a time, keys that work in one place."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.models.looks import Looks
from gui.widgets.local import local_action


def test_what_changes_during_a_look_is_seen_by_one_more() -> None:
    looks = Looks()
    assert looks.begin()
    assert looks.looking
    assert not looks.begin()
    assert not looks.begin()
    assert looks.end()
    assert not looks.looking
    assert looks.begin()
    assert not looks.end()


def test_a_key_works_where_it_belongs_and_nowhere_else(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    here, there = QLineEdit(), QLineEdit()
    column.addWidget(here)
    column.addWidget(there)
    done: list[str] = []
    action = local_action(window, "Do it", lambda: done.append("done"), "Ctrl+D", works_in=here)
    assert action.toolTip() == "Do it (Ctrl+D)"
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    there.setFocus()
    qtbot.keyClick(there, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert not done
    here.setFocus()
    qtbot.keyClick(here, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert done == ["done"]
