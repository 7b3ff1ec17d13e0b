from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QObject, QPointF, Qt, QUrl
from PyQt6.QtGui import QDropEvent, QGuiApplication
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from data.axes import LinearAxis, ListAxis
from data.instrument import Quantity
from data.scan import Adaptive, BoardSweep, ScanPlan
from data.scantext import scan_plan_as_json
from gui.desk import Desk
from gui.models import plan_editing
from gui.panels.builder import BuilderPanel
from gui.panels.building.axis_list import MIME
from gui.theme import DARK, Theme
from labctl.service.messages import BenchStatus, Device, EngineStatus, Quantities
from labctl.service.messages_plans import DrawnAxis, PlanCheck, PlanPath, SweepCost
from labctl.service.request import Request
from labctl.service.requests.bench import BOARD, Connect
from labctl.service.requests.plans import CheckPlan, OpenPlan, PriceSweeps, SavePlan, TakePlan
from labctl.service.requests.queue import AddToQueue, EditEntry
from labctl.service.requests.runs import RunScan, RunSweeps
from tests.gui.conftest import FakeClient
from tests.gui.looking import look

BOARD_ON = Device(BOARD, "analog board", "/dev/pts/3", "ok", "connected", "labctl EmulatedBoard", "1.0.0", True)
PSU = Device("psu", "scpi-supply", "simulated", "ok", "connected", "labctl supply", "1", True)
QUANTITIES = Quantities(
    "psu",
    {
        "voltage": Quantity("voltage", "voltage setting", "V", settable=True, low=0, high=5),
        "current": Quantity("current", "measured current", "A"),
    },
)
PLAN = ScanPlan(axes=(LinearAxis(set="psu.voltage", start=0, stop=4, points=5),), read=("psu.current",))
PATH = PlanPath("steps", (DrawnAxis("psu.voltage", "V", np.arange(5.0)),), np.arange(5))


def shown(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> BuilderPanel:
    panel = BuilderPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(330, 440)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)  # keys go to the active window
    client.tell(BenchStatus("bench", "", "runs", (BOARD_ON, PSU)), QUANTITIES)
    look(desk)
    return panel


def scanning(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> BuilderPanel:
    panel = shown(qtbot, desk, theme, client)
    panel.tabs.setCurrentWidget(panel.scan)
    panel.scan.add_axis("psu.voltage")
    panel.scan.take_quantity("psu.current", "reading")
    return panel


def last(client: FakeClient, kind: type[Request]) -> tuple[int, Request]:
    return [(number, item) for number, item in enumerate(client.asked, 1) if isinstance(item, kind)][-1]


def checked(qtbot: QtBot, desk: Desk, client: FakeClient, panel: BuilderPanel, check: PlanCheck) -> None:
    """Wait until the newest plan is looked at, and answer."""
    qtbot.waitUntil(lambda: CheckPlan(panel.scan.plan) in client.asked)
    client.answer(check, last(client, CheckPlan)[0])
    look(desk)


def test_a_new_user_gets_a_sweep_with_one_press(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    qtbot.mouseClick(panel._run, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == RunSweeps((), "quick", 0)
    assert not panel._run.isEnabled()
    client.answer(("a.h5",))
    look(desk)
    assert panel._run.isEnabled()


def test_sweeps_are_ticked_and_priced(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    assert PriceSweeps("quick") in client.asked
    costs = tuple(SweepCost(kind, 10, 20, 30.0, 2_000_000) for kind in ("random", "timing", "new-kind"))
    client.answer(costs, last(client, PriceSweeps)[0])
    look(desk)
    assert "30 points · about 1:30 · 6 MB" in panel._cost.text()
    panel.standard.tick(("random",))
    assert panel.standard.request == RunSweeps(("random",), "quick", 0)
    assert "10 points · about 30 s · 2 MB" in panel._cost.text()
    panel.standard._budget.setCurrentText("full")
    assert last(client, PriceSweeps)[1] == PriceSweeps("full")
    panel.add_to_queue()
    assert json.loads(last(client, AddToQueue)[1].job_json) == {  # type: ignore[attr-defined]
        "job": "sweep",
        "kinds": ["random"],
        "budget": "full",
        "seed": 0,
    }
    panel.standard.tick(("none of them",))
    panel.run_now()
    assert "Tick at least one" in panel._notice.text


def test_without_a_board_one_can_be_simulated_from_here(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    assert not panel._simulate.isVisible()
    client.tell(BenchStatus("bench", "", "runs", (replace(BOARD_ON, light="off"),)))
    look(desk)
    qtbot.mouseClick(panel._simulate, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == Connect(BOARD, "emulated")


def test_a_scan_is_built_axis_by_axis_looked_at_and_run(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = scanning(qtbot, desk, theme, client)
    form = panel.scan._axes.cards[0].forms[0]
    form._fields["stop"].setValue(4.0)
    form._fields["points"].setValue(5)
    assert panel.scan.plan == PLAN
    checked(qtbot, desk, client, panel, PlanCheck(settings=5, seconds=12.0, bytes=4000, path=PATH))
    assert panel._cost.text() == "5 settings · about 12 s · 4 kB"
    QTest.keyClick(panel, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert client.asked[-1] == RunScan(scan_plan_as_json(panel.scan.plan), "scan")
    client.refuse("the plan: no", "first reason", "second reason")
    look(desk)
    assert "second reason" in panel._notice.text
    mods = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(panel, Qt.Key.Key_Return, mods)
    assert json.loads(last(client, AddToQueue)[1].job_json)["plan"] == json.loads(scan_plan_as_json(PLAN))  # type: ignore[attr-defined]


def test_every_problem_is_listed_and_keeps_it_from_starting(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = scanning(qtbot, desk, theme, client)
    check = PlanCheck(problems=("first is wrong", "second is wrong"), notes=("worth knowing",))
    checked(qtbot, desk, client, panel, check)
    assert panel.scan.preview.problems.sentences == (*check.problems, *check.notes)
    assert panel.scan.preview.problems.isVisible()
    panel.run_now()
    assert not any(isinstance(item, RunScan) for item in client.asked)
    assert "cannot start" in panel._notice.text
    panel.recolour(DARK)
    assert panel.scan.preview.problems.sentences == (*check.problems, *check.notes)


def test_a_plan_is_looked_at_when_it_rests_and_one_at_a_time(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = scanning(qtbot, desk, theme, client)
    qtbot.waitUntil(lambda: CheckPlan(panel.scan.plan) in client.asked)
    number, _ = last(client, CheckPlan)
    panel.scan.take(replace(panel.scan.plan, snake=True), "snake")
    qtbot.wait(250)
    assert last(client, CheckPlan)[0] == number, "the first has not been answered yet"
    client.answer(PlanCheck(problems=("of the plan before",)), number)
    look(desk)
    qtbot.waitUntil(lambda: last(client, CheckPlan)[0] > number)
    assert last(client, CheckPlan)[1] == CheckPlan(panel.scan.plan)
    assert panel.scan.check == PlanCheck(), "an answer about another plan says nothing"


def test_undo_and_redo_by_keys_even_in_a_field(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = scanning(qtbot, desk, theme, client)
    before = panel.scan.plan
    field = panel.scan._axes.cards[0].forms[0]._fields["stop"]
    qtbot.waitUntil(field.isVisible)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "3")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert panel.scan.plan.values["psu.voltage"][-1] == 3.0
    qtbot.waitUntil(lambda: field.isVisible() and field.hasFocus())
    QTest.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert panel.scan.plan == before
    assert field.value() == 5.0
    QTest.keyClick(field, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert panel.scan.plan.values["psu.voltage"][-1] == 3.0
    while panel.scan.history.undoable:
        panel.scan.undo()
    assert panel.scan.plan == plan_editing.NOTHING
    assert panel.scan.check == PlanCheck()
    assert not panel.scan.busy, "there is nothing to look at"
    assert panel.scan._empty.isVisible()


def test_axes_are_moved_by_keys_joined_by_menu_and_change_their_sort(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = scanning(qtbot, desk, theme, client)
    panel.scan.add_axis("schedule.sends")
    assert panel.scan.plan.sweep is not None
    kind = panel.scan._axes.cards[1].forms[0]._kind
    qtbot.waitUntil(kind.isVisible)  # what is not in sight yet hears no shortcuts
    kind.setFocus()
    qtbot.waitUntil(kind.hasFocus)
    QTest.keyClick(kind, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert panel.scan.plan.targets == ("schedule.sends", "psu.voltage")
    panel.scan._axes.move_leg(0, 1)
    assert panel.scan.plan.targets == ("psu.voltage", "schedule.sends")
    panel.scan._axes.cards[0]._actions["join"].trigger()
    assert panel.scan.plan.shape[:1] == (11,)
    assert len(panel.scan._axes.cards) == 1
    panel.scan._axes.cards[0]._actions["split"].trigger()
    assert len(panel.scan._axes.cards) == 2
    form = panel.scan._axes.cards[0].forms[0]
    form._take_kind(form._kind.findData("range"))
    assert panel.scan.plan.adaptive == Adaptive(goal="psu.current", most=50)
    assert not panel.scan._axes.cards[0]._actions["join"].isEnabled()
    assert panel.scan._options._adaptive.isVisibleTo(panel.scan._options)
    panel.scan._show_check(panel.scan.plan, PlanCheck(strategies=("learner", "halves")))
    chooser = panel.scan._options._strategy
    assert [chooser.itemText(index) for index in range(chooser.count())] == ["learner", "halves"]
    assert chooser.currentText() == "learner"
    chooser.setCurrentIndex(1)
    chooser.activated.emit(1)
    assert panel.scan.plan.adaptive == Adaptive(goal="psu.current", most=50, strategy="halves")
    panel.scan.take(replace(panel.scan.plan, adaptive=replace(panel.scan.plan.adaptive, strategy="gone")), "a plan")
    assert chooser.currentText() == "gone", "what the plan names is shown, whether it is there or not"
    panel.scan._axes.cards[1]._actions["remove"].trigger()
    assert panel.scan.plan.targets == ("psu.voltage",)


def test_an_axis_is_dragged_and_dropped(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = scanning(qtbot, desk, theme, client)
    for path in ("schedule.sends", "schedule.settle_ns"):
        panel.scan.add_axis(path)
    axes = panel.scan._axes
    qtbot.waitUntil(lambda: axes.cards[2].y() > axes.cards[1].y())

    def drop(index: int, height: float) -> tuple[str, ...]:
        data = QMimeData()
        data.setData(MIME, str(index).encode())
        left, copy = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        axes.dropEvent(QDropEvent(QPointF(9, height), Qt.DropAction.MoveAction, data, left, copy))
        return panel.scan.plan.targets

    assert drop(0, axes.height()) == ("schedule.sends", "schedule.settle_ns", "psu.voltage")
    assert drop(2, 1) == ("psu.voltage", "schedule.sends", "schedule.settle_ns")
    between = (axes.cards[1].geometry().bottom() + axes.cards[2].y()) / 2
    assert drop(0, between) == ("schedule.sends", "psu.voltage", "schedule.settle_ns")
    assert drop(1, axes.cards[1].geometry().center().y()) == ("schedule.sends", "psu.voltage", "schedule.settle_ns")


def test_the_file_of_a_plan_is_dropped(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/plans/bias.toml")])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    panel.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, left, none))
    assert client.asked[-1] == OpenPlan("/plans/bias.toml")
    assert panel.tabs.currentWidget() is panel.scan


def test_a_list_is_typed_and_another_quantity_brings_its_own_numbers(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = scanning(qtbot, desk, theme, client)
    form = panel.scan._axes.cards[0].forms[0]
    form._path.setEditText("schedule.sends")
    form._path._tell()
    (leg,) = panel.scan.plan.axes
    assert leg == ListAxis(set="schedule.sends", values=(1, 2, 4, 8))
    line = panel.scan._axes.cards[0].forms[0]._values
    assert isinstance(line, QLineEdit)
    line.setText("3, 1, 2")
    line.editingFinished.emit()
    assert panel.scan.plan.values["schedule.sends"] == (3, 1, 2)


def test_the_sweep_of_the_board_and_the_needs(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = scanning(qtbot, desk, theme, client)
    measure, options = panel.scan._measure, panel.scan._options
    measure._sweep.setChecked(True)
    measure._most.setValue(12)
    measure._seed.setValue(3)
    assert panel.scan.plan.sweep == BoardSweep(kind="random", seed=3, most_points=12)
    assert not options._board.isVisible()
    options.more.button.click()
    qtbot.waitUntil(options._board.isVisible)
    options._board.setText("B-7")
    options._board.editingFinished.emit()
    options._age.setValue(24)
    assert panel.scan.plan.needs.board == "B-7"
    assert panel.scan.plan.needs.calibration_age_h == 24
    measure._sweep.setChecked(False)
    assert panel.scan.plan.sweep is None


def test_the_plan_of_a_run_and_of_an_entry_of_the_queue(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    text = scan_plan_as_json(PLAN)
    desk.plan_offered.emit(text)
    desk.entry_offered.emit(4)
    number, asked = last(client, TakePlan)
    assert asked == TakePlan(text)
    client.answer(PLAN, number)
    look(desk)
    assert panel.scan.plan == PLAN
    assert panel.tabs.currentWidget() is panel.scan
    assert panel._queue.text() == "Save entry 4"
    panel.add_to_queue()
    entry = client.asked[-1]
    assert isinstance(entry, EditEntry)
    assert (entry.number, json.loads(entry.job_json or "")["plan"]) == (4, json.loads(text))
    client.answer(None)
    look(desk)
    assert "entry 4" in panel._notice.text
    assert panel._queue.text() == "Add to queue"


@pytest.mark.parametrize("how", ["a file", "a new scan", "a plan that is none"])
def test_an_entry_is_edited_no_longer_when_another_plan_is_opened(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient, how: str
) -> None:
    panel = shown(qtbot, desk, theme, client)
    desk.plan_offered.emit(scan_plan_as_json(PLAN))
    desk.entry_offered.emit(4)
    number, _ = last(client, TakePlan)
    if how == "a plan that is none":
        client.refuse("there is no such axis", number=number)
        look(desk)
    else:
        client.answer(PLAN, number)
        look(desk)
        assert panel._queue.text() == "Save entry 4"
    if how == "a file":
        panel.scan.open_file("other.toml")
        number, _ = last(client, OpenPlan)
        client.answer(replace(PLAN, title="another"), number)
        look(desk)
    elif how == "a new scan":
        panel.scan._actions["new"].trigger()
    assert panel._queue.text() == "Add to queue"


def test_files_and_script(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient, tmp_path: Path) -> None:
    panel = scanning(qtbot, desk, theme, client)
    panel.scan.save_file(str(tmp_path / "bias"))
    assert client.asked[-1] == SavePlan(panel.scan.plan, str(tmp_path / "bias.toml"))
    client.answer(str(tmp_path / "bias.toml"))
    look(desk)
    assert "bias.toml" in panel._notice.text
    panel.scan.open_file(str(tmp_path / "bias.toml"))
    assert client.asked[-1] == OpenPlan(str(tmp_path / "bias.toml"))
    client.refuse("it is wrong", "axes: missing", "read: missing")
    look(desk)
    assert "read: missing" in panel._notice.text
    panel.scan.copy_script()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert 'LinearAxis(set="psu.voltage", start=0, stop=5, points=11)' in clipboard.text()
    assert "labctl.scan(bench, plan)" in clipboard.text()
    compile(clipboard.text(), "script", "exec")


def test_while_a_run_goes_on_the_queue_is_offered(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    client.tell(EngineStatus(state="running", title="another"))
    look(desk)
    panel.run_now()
    assert "Add this to the queue" in panel._notice.text
    assert not any(isinstance(item, RunSweeps) for item in client.asked)


def test_edits_without_end_leave_no_widget_behind(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = scanning(qtbot, desk, theme, client)

    def edit() -> int:
        for _ in range(2):
            panel.scan.add_axis("schedule.sends")
            panel.scan.take_quantity("board.temperature", "reading")
            form = panel.scan._axes.cards[0].forms[0]
            form._take_kind(form._kind.findData("log"))
            panel.scan.undo()
            panel.scan.undo()
            panel.scan.undo()
        QApplication.sendPostedEvents(None, 52)  # QEvent.Type.DeferredDelete
        return len(panel.findChildren(QObject))

    edit()
    assert edit() == edit()
