"""What goes wrong stands in the panel where it happened, as a service of its own process tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from gui.app import Options, open_window
from gui.mishaps import MISHAPS, refused_value, tidy
from gui.places import PLACES
from gui.widgets.notice import Notice
from gui.window import MainWindow
from labctl.service.requests.bench import BOARD, Connect

BENCH = """
name = "small"
runs = "runs"
[board.emulator]
seed = 7
link = "tcp"
physics = ["geometry=16x8"]
"""
SAID = {
    "instruments": "cannot connect to socket://127.0.0.1:9",
    "plot": "no board is connected",
    "calibration": "cannot be read",
    "keyword": "No network is ticked",
    "studies": "there is no study in",
    "builder": "It cannot start like this",
    "queue": "no board is connected",
    "runs": "damaged",
}
PATIENCE_MS = 60_000


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """A window with a service of its own, no board connected."""
    (tmp_path / "bench.toml").write_text(BENCH, encoding="utf-8")
    made, client = open_window(Options(bench=tmp_path / "bench.toml", settings=tmp_path / "desktop.ini"))
    try:
        with qtbot.waitSignal(made.filled, timeout=PATIENCE_MS):
            pass
        qtbot.waitUntil(lambda: made.desk.bench.name == "small", timeout=PATIENCE_MS)
        yield made
        made.close()
        qtbot.waitUntil(lambda: not made.isVisible(), timeout=PATIENCE_MS)
    finally:
        client.close()


def said_in(window: MainWindow, place: str) -> str:
    """What the messages of a panel say."""
    return "\n".join(notice.text for notice in window.panel(place).widget().findChildren(Notice))


def bring_about(qtbot: QtBot, steps: Iterator[None]) -> None:
    qtbot.waitUntil(lambda: next(steps, True) is True, timeout=PATIENCE_MS)


@pytest.mark.timeout(240)
def test_every_panel_shows_what_went_wrong_in_it(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    assert set(MISHAPS) == {place.name for place in PLACES} - {"parameters", "log", "script"}
    for place, mishap in MISHAPS.items():
        bring_about(qtbot, mishap(window))
        qtbot.waitUntil(lambda place=place: SAID[place] in said_in(window, place), timeout=PATIENCE_MS)
        assert not any(said_in(window, other) for other in list(SAID)[list(SAID).index(place) + 1 :])
    assert window.height() <= 720, "what is said makes the window no higher"
    tidy(window)
    assert not any(said_in(window, place) for place in SAID)
    assert not list(tmp_path.glob("runs/*-calibration.h5"))
    window.desk.ask(Connect(BOARD))
    qtbot.waitUntil(lambda: BOARD in window.desk.quantities, timeout=PATIENCE_MS)
    bring_about(qtbot, refused_value(window))
    qtbot.waitUntil(lambda: "was not set to" in said_in(window, "parameters"), timeout=PATIENCE_MS)
