"""A window without a service of its own: what would be asked is kept, what would be told is said by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QDialog, QMainWindow
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.settings import Settings
from gui.theme import LIGHT, Theme, apply
from gui.window import MainWindow
from labctl.service.messages import Answered, EngineStatus, Failed, Message, Trouble
from labctl.service.request import Request

Make = Callable[[], MainWindow]


class FakeClient:
    """Keeps what is asked, and tells what the test says."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.cancelled: list[int] = []
        self._told: list[Message] = []

    def start(self) -> None:
        """Nothing to start."""

    def ask(self, request: Request) -> int:
        """Keep it."""
        self.asked.append(request)
        return len(self.asked)

    def cancel(self, number: int) -> None:
        """Keep it."""
        self.cancelled.append(number)

    def take(self, timeout_s: float | None = 0.0) -> tuple[Message, ...]:
        """What the test has said."""
        told, self._told = tuple(self._told), []
        return told

    def close(self) -> None:
        """Nothing to close."""

    def tell(self, *messages: Message) -> None:
        """Say something at the next look."""
        self._told.extend(messages)

    def answer(self, value: object, number: int | None = None) -> None:
        """Answer a request, the last one by default."""
        self.tell(Answered(number or len(self.asked), value))

    def refuse(self, sentence: str, *problems: str, number: int | None = None) -> None:
        """Refuse a request, the last one by default."""
        self.tell(Failed(number or len(self.asked), Trouble("input", sentence, problems)))


@pytest.fixture
def client() -> FakeClient:
    """What the desk speaks to."""
    return FakeClient()


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """Colours, applied."""
    apply(qapp, LIGHT)
    return LIGHT


@pytest.fixture
def desk(qapp: QApplication, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk that listens to the fake client; call ``desk.look()`` or wait for its timer."""
    # On a busy machine a single message can take longer than a look may.
    monkeypatch.setattr("gui.desk.BUDGET_S", 30.0)
    made = Desk(client)
    made.start()
    yield made
    made.stop()
    made.engine = EngineStatus()  # what is still open may be closed without asking


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What is remembered, in a file of its own."""
    return Settings(tmp_path / "desktop.ini")


@pytest.fixture
def make(qtbot: QtBot, desk: Desk, client: FakeClient, settings: Settings) -> Make:
    """Opens windows, filled and active."""

    def made() -> MainWindow:
        window = MainWindow(desk, settings, client.close)
        window.show()
        with qtbot.waitSignal(window.filled, timeout=20_000):
            window.fill()
        window.activateWindow()  # keys go to the active window, and panels that are built may take that from it
        qtbot.waitUntil(window.isActiveWindow)
        return window

    return made


@pytest.fixture
def window(make: Make) -> MainWindow:
    """A window with all its panels."""
    return make()


def close(qtbot: QtBot, window: MainWindow) -> None:
    """Close a window and wait until it is."""
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication, tmp_path: Path) -> Iterator[None]:
    """No window and no running timer stays behind."""
    yield
    # Menus and forms belong to somebody, in pyqtgraph to Python: deleting them a second time ends the process.
    for widget in qapp.topLevelWidgets():
        if widget.parent() is None and (widget.isVisible() or isinstance(widget, QMainWindow | QDialog)):
            widget.close()
            widget.deleteLater()
    qapp.sendPostedEvents(None, 52)  # QEvent.Type.DeferredDelete
    qapp.processEvents()
    left = [widget for widget in qapp.topLevelWidgets() if widget.isVisible()]
    timers = [timer for timer in qapp.findChildren(QTimer) if timer.isActive()]
    assert not left, f"windows stay open: {left}"
    assert not timers, f"timers go on: {timers}"
