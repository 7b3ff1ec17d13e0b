from __future__ import annotations

import json

from PyQt6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.models.queue_list import ON_FAILURE, ROUNDS, STATE
from gui.panels.queue import QueuePanel
from gui.theme import DARK, Theme
from labctl.service.messages import BenchStatus, FolderChanged, TaskProgress
from labctl.service.messages_queue import QueueList, QueueRow
from labctl.service.requests.queue import (
    AddToQueue,
    DuplicateEntry,
    EditEntry,
    HaltQueue,
    ListQueue,
    MoveEntry,
    PlanOfEntry,
    RemoveEntries,
    RunQueue,
)
from tests.gui.conftest import FakeClient

ROWS = (
    QueueRow(1, "sweep random", "sweep", "done", rounds_done=1),
    QueueRow(2, "scan bias", "scan", "waiting", seconds=60),
    QueueRow(3, "calibrate (quick)", "calibrate", "waiting", rounds=3),
    QueueRow(4, "sweep timing", "sweep", "waiting"),
)


def shown(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient, rows: tuple[QueueRow, ...] = ROWS) -> QueuePanel:
    client.tell(BenchStatus("bench", "", "runs", ()))
    desk.look()
    panel = QueuePanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(960, 160)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    assert client.asked == [ListQueue()]
    client.answer(QueueList("q", rows))
    desk.look()
    return panel


def choose(panel: QueuePanel, number: int) -> None:
    row = panel._table.queue.row_of(number)
    assert row is not None
    panel._view.setCurrentIndex(panel._table.index(row, 0))


def test_an_empty_queue_says_what_to_do(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client, ())
    assert panel._empty.isVisible()
    with qtbot.waitSignal(desk.panel_wanted) as wanted:
        panel._empty.findChildren(type(panel._question._yes))[0].click()
    assert wanted.args == ["builder"]
    client.tell(FolderChanged("queue"))
    desk.look()
    client.answer(QueueList("q", ROWS))
    desk.look()
    assert panel._view.isVisible()


def test_entries_are_moved_by_keys_and_stay_chosen(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    choose(panel, 3)
    panel._view.setFocus()
    qtbot.keyClick(panel._view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert client.asked[-1] == MoveEntry(3, 1)
    client.tell(FolderChanged("queue"))
    desk.look()
    client.answer(QueueList("q", (ROWS[0], ROWS[2], ROWS[1], ROWS[3])))
    desk.look()
    assert panel.chosen is not None
    assert panel.chosen.number == 3
    assert not panel._does["up"].isEnabled()


def test_an_entry_is_moved_by_dropping_it(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    table = panel._table
    data = table.mimeData([table.index(3, 0)])
    assert not table.dropMimeData(data, Qt.DropAction.MoveAction, 1, 0, QModelIndex()), "the view takes no row out"
    assert client.asked[-1] == MoveEntry(4, 1)
    assert not table.flags(table.index(0, 0)) & Qt.ItemFlag.ItemIsDragEnabled


def test_rounds_and_failure_are_changed_in_the_table(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    table = panel._table
    table.setData(table.index(1, ROUNDS), 5)
    assert client.asked[-1] == EditEntry(2, rounds=5)
    table.setData(table.index(1, ON_FAILURE), "go-on")
    assert client.asked[-1] == EditEntry(2, on_failure="go-on")
    assert not table.flags(table.index(0, ROUNDS)) & Qt.ItemFlag.ItemIsEditable
    client.refuse("entry 2 is running; only one that waits can be edited")
    desk.look()
    assert "only one that waits" in panel._notice.text
    assert client.asked[-1] == ListQueue(), "what is shown may be old"


def test_an_entry_is_removed_only_after_a_question(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    choose(panel, 4)
    panel._view.setFocus()
    qtbot.keyClick(panel._view, Qt.Key.Key_Delete)
    assert "Remove entry 4" in panel._question.text
    assert client.asked == [ListQueue()]
    qtbot.keyClick(panel._question, Qt.Key.Key_Escape)
    assert panel._question.text == ""
    qtbot.keyClick(panel._view, Qt.Key.Key_Delete)
    qtbot.keyClick(panel._question._yes, Qt.Key.Key_Return)
    assert client.asked[-1] == RemoveEntries((4,))


def test_a_scan_that_waits_goes_to_the_builder_and_a_sweep_does_not(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    choose(panel, 4)
    assert not panel._does["edit"].isEnabled()
    choose(panel, 2)
    panel._does["edit"].trigger()
    assert client.asked[-1] == PlanOfEntry(2)
    with qtbot.waitSignals([desk.plan_offered, desk.entry_offered], order="strict"):
        client.answer('{"axes": []}')
        desk.look()


def test_running_and_stopping_the_queue(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    assert not panel._buttons["halt"].isEnabled()
    panel._does["run"].trigger()
    number = len(client.asked)
    assert client.asked[-1] == RunQueue()
    running = (ROWS[0], QueueRow(2, "scan bias", "scan", "running", seconds=60), *ROWS[2:])
    client.tell(FolderChanged("queue"))
    desk.look()
    client.answer(QueueList("q", running, runner=7, here=True))
    client.tell(TaskProgress(number, "run the queue", "running", 0.5))
    desk.look()
    assert "entry 2 runs here" in panel._summary.text()
    assert panel._table.queue.fraction == 0.5
    assert not panel._does["run"].isEnabled()
    panel._does["halt"].trigger()
    assert client.asked[-1] == HaltQueue("after")
    failed = QueueRow(2, "scan bias", "scan", "failed", message="the supply does not answer")
    client.answer((failed,), number)
    desk.look()
    assert "the supply does not answer" in panel._notice.text
    panel.recolour(DARK)
    assert panel._table.data(panel._table.index(0, STATE), Qt.ItemDataRole.DecorationRole) is not None


def test_no_board_is_said_in_the_panel(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    panel._does["run"].trigger()
    client.refuse("no board is connected; connect one, or choose Simulate, in the panel Instruments")
    desk.look()
    assert "no board is connected" in panel._notice.text
    assert panel._does["run"].isEnabled()


def test_standard_jobs_and_duplicates(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    menu = panel._buttons["add"].menu()
    assert menu is not None
    menu.actions()[-1].trigger()
    asked = client.asked[-1]
    assert isinstance(asked, AddToQueue)
    assert json.loads(asked.job_json) == {"job": "calibrate", "budget": "full", "seed": 0}
    choose(panel, 1)
    panel._does["duplicate"].trigger()
    assert client.asked[-1] == DuplicateEntry(1)
