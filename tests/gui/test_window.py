"""The window around the panels: controls, palette, layouts, closing, mistakes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from PyQt6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QApplication, QListWidget, QMessageBox, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.guard import Guard
from gui.models.farewell import Recall
from gui.palette import CommandPalette
from gui.places import PLACES
from gui.settings import Settings
from gui.window import MainWindow
from labctl.service.messages import (
    Answered,
    BenchStatus,
    Device,
    EngineStatus,
    Failed,
    RunBegan,
    RunEnded,
    ServiceGone,
    TaskProgress,
    Trouble,
)
from labctl.service.requests.bench import BOARD, Connect, Disconnect, UseBench
from labctl.service.requests.engine import Steer
from labctl.service.requests.runs import OpenRun, RunSweeps
from tests.gui.conftest import FakeClient, Make, close

RUNNING = EngineStatus("running", title="sweep position", done=3, total=10, elapsed_s=61.0, left_s=5.0, file="a/b.h5")


def test_every_place_has_its_panel_and_its_key(qtbot: QtBot, window: MainWindow) -> None:
    assert set(window.docks.panels) == {place.name for place in PLACES}
    keys = [place.keys for place in PLACES]
    assert len(set(keys)) == len(keys)
    for place in PLACES:
        window.docks.show(place.name)
        assert window.docks[place.name].isVisible()
    close(qtbot, window)


def test_pause_stop_and_abort_are_never_disabled_and_have_keys(
    qtbot: QtBot, window: MainWindow, client: FakeClient, desk: Desk
) -> None:
    asked = len(client.asked)
    for key in (Qt.Key.Key_F6, Qt.Key.Key_F7, Qt.Key.Key_F8):
        qtbot.keyClick(window, key)
    assert client.asked[asked:] == [Steer("pause"), Steer("stop"), Steer("abort")]
    client.tell(EngineStatus("paused", title="sweep", total=5))
    desk.look()
    assert all(action.isEnabled() for menu, action in window.actions_ if menu == "&Run")
    qtbot.keyClick(window, Qt.Key.Key_F6)
    assert client.asked[-1] == Steer("resume")
    client.tell(EngineStatus())
    desk.look()
    close(qtbot, window)


def test_what_runs_and_what_is_simulated_is_in_sight(
    qtbot: QtBot, window: MainWindow, client: FakeClient, desk: Desk
) -> None:
    board = Device(BOARD, "analog board", "/dev/pts/1", "ok", "connected", "EMU", "1", True)
    client.tell(RUNNING, BenchStatus("cold", "x/bench.toml", "runs", (board,)))
    desk.look()
    controls = window._controls
    assert "running" in controls._state.text()
    assert "sweep position" in controls._state.text()
    assert controls._counts.text() == "3 of 10  1:01, 0:05 left"
    assert controls._badge.isVisible()
    assert window.windowTitle() == "labctl · cold (SIMULATED)"
    client.tell(EngineStatus(), TaskProgress(7, "calibrate", "running", 0.4, "fit: columns"))
    desk.look()
    assert "fit: columns" in controls._state.text()
    client.tell(TaskProgress(7, "calibrate", "done", 1.0))
    desk.look()
    assert "idle" in controls._state.text()
    close(qtbot, window)


def test_the_palette_finds_commands_by_some_letters(qtbot: QtBot, window: MainWindow, client: FakeClient) -> None:
    qtbot.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    palette = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, CommandPalette))
    qtbot.keyClicks(palette._line, "abrt")
    found = palette.findChild(QListWidget)
    assert found is not None
    first = found.item(0)
    assert first is not None
    assert first.text().startswith("Run: Abort")
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)
    assert client.asked[-1] == Steer("abort")
    close(qtbot, window)


def test_a_layout_is_kept_and_a_damaged_one_does_no_harm(qtbot: QtBot, make: Make, settings: Settings) -> None:
    window = make()
    window.docks["log"].hide()
    close(qtbot, window)
    again = make()
    assert again.docks["log"].isHidden()
    again.docks.arrange()
    assert not again.docks["log"].isHidden()
    again.docks.save(settings, "mine")
    close(qtbot, again)
    assert settings.layouts() == ["mine"]
    damaged = settings.layout("mine")
    assert damaged is not None
    settings.keep_layout("current", damaged[0], damaged[1][:20])
    third = make()
    assert not any(third.docks[place.name].isHidden() for place in PLACES)
    close(qtbot, third)


def test_light_and_dark_reach_every_panel(qtbot: QtBot, window: MainWindow) -> None:
    window.recolour("dark")
    assert window.theme.name == "dark"
    window.recolour("light")
    close(qtbot, window)


def test_a_run_is_not_left_without_asking(
    qtbot: QtBot, window: MainWindow, client: FakeClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.tell(RUNNING)
    desk.look()

    def press(text: str) -> None:
        def find() -> None:
            box = QApplication.activeModalWidget()
            if not isinstance(box, QMessageBox):
                QTimer.singleShot(50, find)
                return
            next(button for button in box.buttons() if button.text() == text).click()

        QTimer.singleShot(50, find)

    press("Stay")
    window.close()
    assert window.isVisible()
    press("Abort and close")
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)


def test_the_service_is_closed_before_the_window(qtbot: QtBot, desk: Desk, settings: Settings) -> None:
    seen: list[tuple[bool, str]] = []
    window = MainWindow(desk, settings, lambda: seen.append((window.isVisible(), threading.current_thread().name)))
    window.show()
    close(qtbot, window)
    assert seen == [(True, "labctl-closing")]


def test_a_mistake_is_shown_the_bench_made_safe_and_the_window_lives_on(
    qtbot: QtBot, window: MainWindow, client: FakeClient
) -> None:
    guard = Guard(window.show_mistake)
    guard.install()
    try:
        sys.excepthook(ValueError, ValueError("broken"), None)
        threading.excepthook(threading.ExceptHookArgs((KeyError, KeyError("x"), None, None)))
    finally:
        guard.remove()
    assert client.asked[-2:] == [Steer("abort"), Steer("abort")]
    assert "KeyError" in window._strip._message.text()
    assert window.isVisible()
    close(qtbot, window)


def test_what_no_panel_takes_care_of_stands_in_the_strip(
    qtbot: QtBot, window: MainWindow, client: FakeClient, desk: Desk
) -> None:
    number = desk.ask(Steer("pause"))
    client.tell(Failed(number, Trouble("input", "the engine is idle; there is nothing to pause")))
    desk.look()
    assert "nothing to pause" in window._strip._message.text()
    client.tell(ServiceGone("the bench service has ended"))
    desk.look()
    assert "has ended" in window._strip._message.text()
    close(qtbot, window)


def test_a_service_that_has_ended_can_be_started_again(
    qtbot: QtBot, window: MainWindow, client: FakeClient, desk: Desk
) -> None:
    again = next(item for item in window.findChildren(QPushButton) if item.text() == "Start again")
    (action,) = (action for _, action in window.actions_ if "service" in action.text())
    assert not again.isVisible()
    assert not action.isEnabled()
    board = Device(BOARD, "analog board", "/dev/pts/1", "ok", "connected", "EMU", "1", True)
    use, connect, supply = UseBench("x/bench.toml"), Connect(BOARD, "emulated"), Connect("psu")
    for request in (use, connect, supply, Disconnect("psu")):
        client.tell(Answered(desk.ask(request), None))
    client.tell(BenchStatus("cold", "x/bench.toml", "runs", (board,), frozenset({BOARD})), RUNNING)
    client.tell(RunBegan("20261122-214000-0abc", "sweep position", "position", "a/b.h5", 10, True))
    unanswered = desk.ask(RunSweeps())
    client.tell(TaskProgress(unanswered, "measure", "running", 0.3))
    desk.look()
    ended: list[RunEnded] = []
    desk.on(RunEnded, ended.append)

    client.tell(ServiceGone("the bench service has ended"))
    desk.look()
    assert again.isVisible()
    assert action.isEnabled()
    assert not desk.engine.active
    assert not any(device.connected for device in desk.bench.devices)
    assert desk.bench.in_use == frozenset()
    assert [(run.status, run.message) for run in ended] == [("interrupted", "the bench service has ended")]
    assert "idle" in window._controls._state.text()
    assert not window._controls._badge.isVisible()

    asked = len(client.asked)
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    assert not again.isVisible()
    assert client.asked[asked:] == [use], "the bench first"
    client.answer(None)
    desk.look()
    assert client.asked[asked + 1 :] == [connect], "then what was connected when it ended"
    close(qtbot, window)


def test_what_was_asked_while_the_service_ended_is_refused_once(client: FakeClient, desk: Desk) -> None:
    refused: list[Trouble] = []
    number = desk.ask(Steer("pause"), failed=refused.append)
    client.tell(ServiceGone("the bench service has ended"), Failed(number, Trouble("failed", "it is gone")))
    desk.look()
    assert [trouble.sentence for trouble in refused] == ["the bench service has ended"]


def test_starting_again_brings_back_the_last_bench_only() -> None:
    recall = Recall()
    assert (recall.bench, recall.devices) == (None, ())
    for request in (UseBench("a.toml"), Connect(BOARD), UseBench(demo=True), Connect("psu"), Connect("psu")):
        recall.hear(request)
    assert (recall.bench, recall.devices) == (UseBench(demo=True), (Connect("psu"),))


@pytest.mark.parametrize(
    ("name", "wanted"), [("bench.toml", UseBench), ("20261122-144700-3f2a-position.h5", OpenRun), ("notes.txt", None)]
)
def test_files_are_dropped_anywhere(
    qtbot: QtBot, window: MainWindow, client: FakeClient, tmp_path: Path, name: str, wanted: type | None
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
    drop = QDropEvent(
        QPointF(300, 300),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(
        QPoint(300, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    asked = len(client.asked)
    QApplication.sendEvent(window, enter)
    QApplication.sendEvent(window, drop)
    if wanted is None:
        assert len(client.asked) == asked
        assert "neither" in window._strip._message.text()
    else:
        assert isinstance(client.asked[-1], wanted)
    close(qtbot, window)


def test_building_the_panels_shows_no_window_but_this_one(
    qtbot: QtBot, desk: Desk, client: FakeClient, settings: Settings, qapp: QApplication
) -> None:
    class Shown(QObject):
        names: ClassVar[list[str]] = []

        def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
            if isinstance(watched, QWidget) and event is not None and event.type() == QEvent.Type.Show:
                self.names += [type(watched).__name__] if watched.isWindow() else []
            return False

    shown = Shown()
    qapp.installEventFilter(shown)
    window = MainWindow(desk, settings, client.close)
    window.show()
    with qtbot.waitSignal(window.filled, timeout=20_000):
        window.fill()
    qapp.removeEventFilter(shown)
    assert shown.names == ["MainWindow"]
    close(qtbot, window)


def test_texts_that_cannot_be_typed_in_remember_no_changes(window: MainWindow) -> None:
    texts = [text for text in window.findChildren(QPlainTextEdit) if text.isReadOnly()]
    assert len(texts) >= 3
    assert not [text.accessibleName() for text in texts if text.isUndoRedoEnabled()], "each line would cost kilobytes"
