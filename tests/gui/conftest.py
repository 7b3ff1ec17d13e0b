"""A window without a service of its own: what would be asked is kept, what would be told is said by the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QDialog, QMainWindow

from gui.desk import Desk
from gui.theme import LIGHT, Theme, apply
from labctl.service.messages import Answered, EngineStatus, Failed, Message, Trouble
from labctl.service.request import Request


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
