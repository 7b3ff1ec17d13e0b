"""Pictures of a state are taken in that state, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import gui.screenshots
from gui.desk import Desk
from gui.screenshots import Tour
from gui.window import MainWindow
from labctl.service.messages import BenchStatus, EngineStatus
from labctl.service.requests.bench import Connect
from tests.gui.conftest import FakeClient, close

BENCH = BenchStatus("cold", "x/bench.toml", "runs", ())


@pytest.fixture
def tour(window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tour:
    monkeypatch.setattr(gui.screenshots, "SETTLE_MS", 5)
    monkeypatch.setattr(gui.screenshots, "SIZES", ((640, 480),))
    monkeypatch.setattr(gui.screenshots, "MISHAPS", {})
    return Tour(window, tmp_path)


def test_a_state_that_is_not_reached_has_no_pictures(
    qtbot: QtBot, window: MainWindow, tour: Tour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gui.screenshots, "LONGEST_S", 0.05)
    with qtbot.waitSignal(tour.finished):
        tour.start()
    assert tour.trouble.startswith("there are no pictures of the state empty and of those after it: it was not reached")
    assert not list(tmp_path.glob("*.png"))
    close(qtbot, window)


def test_a_request_that_is_refused_ends_the_tour(
    qtbot: QtBot, window: MainWindow, tour: Tour, client: FakeClient, desk: Desk, tmp_path: Path
) -> None:
    client.tell(BENCH, EngineStatus())
    desk.look()
    with qtbot.waitSignal(tour.finished, timeout=30_000):
        tour.start()
        qtbot.waitUntil(lambda: any(isinstance(request, Connect) for request in client.asked), timeout=25_000)
        client.refuse("the port is taken")
        desk.look()
    assert "of the state connected" in tour.trouble
    assert "the port is taken" in tour.trouble
    assert {path.name.split("-")[0] for path in tmp_path.glob("*.png")} == {"empty", "error"}
    close(qtbot, window)
