from __future__ import annotations

from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.panels.instruments import InstrumentsPanel
from gui.theme import DARK, Theme
from labctl.bench import EMULATED
from labctl.service.messages import BenchStatus, Device
from labctl.service.requests.bench import BOARD, Connect, Disconnect, Discover
from tests.gui.conftest import FakeClient

OFF = Device(BOARD, "analog board", "/dev/ttyUSB0")
ON = Device(BOARD, "analog board", "/dev/pts/3", "ok", "connected", "labctl EmulatedBoard EMU-000001", "1.0.0", True)
FAILED = Device(
    "psu", "scpi-supply", "visa://x", "fault", "failed", reason="nobody answers at visa://x; check the cable"
)


def status(*devices: Device, in_use: frozenset[str] = frozenset()) -> BenchStatus:
    return BenchStatus("bench", "", "runs", devices, in_use)


def shown(qtbot: QtBot, desk: Desk, theme: Theme) -> InstrumentsPanel:
    panel = InstrumentsPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def texts(panel: InstrumentsPanel) -> str:
    found = []
    for index in range(panel._tree.topLevelItemCount()):
        item = panel._tree.topLevelItem(index)
        assert item is not None
        found.append(f"{item.text(0)} {item.text(1)}")
        found += [child.text(0) for child in (item.child(i) for i in range(item.childCount())) if child]
    return "\n".join(found)


def test_a_device_is_connected_and_disconnected_by_one_button(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme)
    client.tell(status(OFF))
    desk.look()
    qtbot.mouseClick(panel._connect, Qt.MouseButton.LeftButton)
    assert client.asked == [Connect(BOARD)]
    client.tell(status(ON))
    desk.look()
    assert panel._connect.text() == "Disconnect"
    assert "SIMULATED" in texts(panel)
    qtbot.mouseClick(panel._connect, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == Disconnect(BOARD)


def test_a_simulated_board_is_reconnected_as_one(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme)
    client.tell(status(OFF))
    desk.look()
    qtbot.mouseClick(panel._simulate, Qt.MouseButton.LeftButton)
    assert client.asked == [Connect(BOARD, EMULATED)]
    client.answer(None)
    client.tell(status(ON))
    desk.look()
    offers = {offer.text: offer for offer in panel.offers()}
    offers[f"Reconnect {BOARD}"].do()
    assert client.asked[-1] == Connect(BOARD, EMULATED), "not the hardware of the bench file"


def test_why_the_last_attempt_failed_stands_in_the_row(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme)
    client.tell(status(OFF, FAILED))
    desk.look()
    assert "psu failed" in texts(panel)
    assert FAILED.reason in texts(panel)
    panel.recolour(DARK)
    assert FAILED.reason in texts(panel)


def test_a_reason_that_no_row_shows_is_shown_above(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme)
    client.tell(status(ON))
    desk.look()
    qtbot.mouseClick(panel._connect, Qt.MouseButton.LeftButton)
    client.refuse("board is used by the run that is going on; it can be set when that is over")
    desk.look()
    assert "used by the run" in panel._notice.text


def test_looking_for_boards_says_what_was_found(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme)
    client.tell(status(OFF))
    desk.look()
    qtbot.mouseClick(panel._discover, Qt.MouseButton.LeftButton)
    assert client.asked == [Discover()]
    assert not panel._discover.isEnabled()
    client.answer(())
    desk.look()
    assert panel._discover.isEnabled()
    assert "choose Simulate" in panel._notice.text
