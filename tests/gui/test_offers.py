"""The list of commands: whatever a button or a key does, it does as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication, QListWidget, QPushButton, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.offers import Offer, of_button, of_tabs, plain
from gui.palette import CommandPalette
from gui.places import PLACES
from gui.settings import Settings
from gui.widgets.empty import EmptyState
from gui.widgets.question import Question
from gui.window import MainWindow
from labctl.service.messages import BenchStatus, Device
from labctl.service.requests.bench import BOARD, Connect, Discover
from labctl.service.requests.queue import AddToQueue
from labctl.service.requests.runs import RunSweeps
from tests.gui.conftest import FakeClient

ELSEWHERE = {
    "Add axis": "each quantity has a line of its own",
    "…": "chooses a file for the field beside it",
    "Files…": "chooses what is spotted, in the form",
    "Folder…": "chooses what is spotted, in the form",
    "Hold to talk": "has to be held",
    "Next that fails": "moves in a picture",
    "Untick all": "belongs to the boxes beside it",
}
"""Buttons that are no commands."""


@pytest.fixture
def window(qtbot: QtBot, desk: Desk, client: FakeClient, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(desk, Settings(tmp_path / "desktop.ini"), client.close)
    made.show()
    with qtbot.waitSignal(made.filled, timeout=20_000):
        made.fill()
    board = Device(BOARD, "analog board", "emulated")
    client.tell(BenchStatus("cold", "x/bench.toml", "runs", (board,)))
    desk.look()
    yield made
    made.close()
    qtbot.waitUntil(lambda: not made.isVisible(), timeout=5000)


def choose(qtbot: QtBot, window: MainWindow, letters: str) -> str:
    """Type into the list of commands, press Return; what was chosen."""
    window._show_palette()
    palette = next(
        item for item in QApplication.topLevelWidgets() if isinstance(item, CommandPalette) and item.isVisible()
    )
    qtbot.keyClicks(palette._line, letters)
    found = palette.findChild(QListWidget)
    assert found is not None
    first = found.item(0)
    assert first is not None
    text = first.text()
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)
    palette.close()
    return text


def belongs_to_the_panel(button: QPushButton) -> bool:
    """Whether it stands there always, not in place of what is missing nor in a question."""
    owner: QWidget | None = button
    while owner is not None:
        if isinstance(owner, EmptyState | Question):
            return False
        owner = owner.parentWidget()
    return True


def test_every_button_of_every_panel_is_a_command(window: MainWindow) -> None:
    for place in PLACES:
        panel = window.panel(place.name)
        offered = " / ".join(offer.text.lower() for offer in panel.offers())
        assert offered, place.name
        for button in filter(belongs_to_the_panel, panel.widget().findChildren(QPushButton)):
            text = plain(button.text())
            if text and button.menu() is None and text not in ELSEWHERE:
                words = text.lower().removesuffix("…").split()
                assert any(all(word in offer for word in words) for offer in offered.split(" / ")), (place.name, text)


def test_a_command_of_a_panel_brings_it_to_the_front(qtbot: QtBot, window: MainWindow, client: FakeClient) -> None:
    window.docks.show("parameters")
    assert choose(qtbot, window, "look for boards").startswith("Instruments: Look for boards")
    assert client.asked[-1] == Discover()
    choose(qtbot, window, "buildrun now")
    assert isinstance(client.asked[-1], RunSweeps)
    window.docks.show("log")
    assert choose(qtbot, window, "queueadd calibration quick").startswith("Queue: Add: Calibration, quick")
    assert isinstance(client.asked[-1], AddToQueue)
    assert not window.docks["queue"].visibleRegion().isEmpty()


def test_keys_are_shown_and_what_cannot_be_done_is_left_out(window: MainWindow, client: FakeClient, desk: Desk) -> None:
    offers = {f"{place}: {offer.text}": offer for place, offer in window.offers()}
    assert offers["Sweep builder: Run now"].keys == "Ctrl+Return"
    assert offers["Live plot: Pause the view, not the data"].keys == "Space"
    assert offers["Run: Abort"].keys == "F8"
    assert not offers["Calibration: Apply"].able
    assert not offers["Runs: Export…"].able
    assert offers["Runs: Export…"].keys == "Ctrl+E"
    assert offers["Instruments: Connect board"].able
    board = Device(BOARD, "analog board", "emulated", "ok", "connected", "EMU", "1", True)
    client.tell(BenchStatus("cold", "x/bench.toml", "runs", (board,)))
    desk.look()
    now = {f"{place}: {offer.text}": offer for place, offer in window.offers()}
    assert "Instruments: Connect board" not in now
    now["Instruments: Reconnect board"].do()
    assert client.asked[-1] == Connect(BOARD)
    assert not now["Instruments: Simulate a board"].able


def test_an_offer_is_as_able_as_its_button(qtbot: QtBot) -> None:
    done: list[str] = []
    button = QPushButton("&Do it")
    qtbot.addWidget(button)
    button.show()
    button.clicked.connect(lambda _=False: done.append("done"))
    offer = of_button(button, keys="D").after(lambda: done.append("first"))
    assert (offer.text, offer.keys, offer.able) == ("Do it", "D", True)
    offer.do()
    assert done == ["first", "done"]
    button.hide()
    assert not of_button(button).able
    button.setEnabled(False)
    of_button(button).do()
    assert done == ["first", "done"]


def test_pages_can_be_turned(qtbot: QtBot) -> None:
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    for title in ("One", "&Two"):
        tabs.addTab(QWidget(), title)
    tabs.setTabEnabled(0, False)
    first, second = of_tabs(tabs)
    assert isinstance(first, Offer)
    assert not first.able
    assert second.text == "page Two"
    second.do()
    assert tabs.currentIndex() == 1
