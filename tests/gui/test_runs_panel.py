from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PyQt6.QtCore import QModelIndex, Qt, QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.models.run_list import STARTED, TICK, cell
from gui.panels import runs_table
from gui.panels.runs import RunsPanel
from gui.theme import DARK, LIGHT, Theme
from labctl.service.messages import BenchStatus, FolderChanged, Points, RunBegan, RunData
from labctl.service.messages_runs import (
    ExportFormat,
    ExportFormats,
    ExportPiece,
    RunFacts,
    RunRow,
    RunsChanged,
    Verified,
)
from labctl.service.requests.export import ExportRuns, ListFormats, PreviewExport
from labctl.service.requests.library import ListRuns, NoteRun, ReadFacts, StampRuns, VerifyRun, WriteReport
from labctl.service.requests.runs import OpenRun, RunSweeps
from tests.gui.conftest import FakeClient

A = RunRow("/runs/a.h5", "20261122-100000-000a", "timing", "complete", "spacing", started="2026-11-22T10:00:00Z")
B = RunRow("/runs/b.h5", "20261122-110000-000b", "random", "failed", board="EMU-1", simulated=True, stamp="star")
BROKEN = RunRow("/runs/c.h5", "c", "", "unreadable", message="it is damaged")


def data(row: RunRow) -> RunData:
    began = RunBegan(row.run_id, row.title, row.kind, row.file, 2, row.simulated)
    return RunData(began, Points(row.run_id, 0, {"y": np.zeros(2)}), row.status, "")


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> RunsPanel:
    client.tell(BenchStatus("bench", "", "runs", ()))
    desk.look()
    made = RunsPanel(desk, theme)
    qtbot.addWidget(made)
    made.resize(960, 170)
    with qtbot.waitActive(made):
        made.show()
        made.activateWindow()
    assert client.asked == [ListRuns(anew=True)]
    client.tell(RunsChanged("/runs", (BROKEN, B, A), anew=True))
    client.answer(3)
    desk.look()
    return made


@pytest.fixture
def say(desk: Desk, client: FakeClient) -> Callable[..., None]:
    """Answer what was asked last, or every request of a kind."""

    def answer(value: object, kind: type | None = None) -> None:
        numbers = [number for number, item in enumerate(client.asked, 1) if kind is None or isinstance(item, kind)]
        client.answer(value, numbers[-1])
        desk.look()

    return answer


def choose(panel: RunsPanel, row: RunRow) -> None:
    place = panel._runs.place(row.file)
    assert place is not None
    panel._view.clearSelection()
    panel._view.setCurrentIndex(panel._table.index(place, STARTED))
    panel._view.setFocus()


def test_an_empty_folder_offers_a_first_sweep(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = RunsPanel(desk, theme)
    qtbot.addWidget(panel)
    assert client.asked == [], "nobody has said yet which folder it is"
    client.tell(FolderChanged("runs"))
    desk.look()
    assert panel._stack.currentWidget() is panel._reading
    client.answer(0)
    desk.look()
    assert panel._stack.currentWidget() is panel._empty
    panel._first_run()
    assert client.asked[-1] == RunSweeps(("random",))


def test_return_shows_a_run_in_the_plot(
    qtbot: QtBot, panel: RunsPanel, desk: Desk, client: FakeClient, say: Callable[..., None]
) -> None:
    choose(panel, A)
    qtbot.keyClick(panel._view, Qt.Key.Key_Return)
    assert client.asked[-1] == OpenRun(A.file)
    with qtbot.waitSignals([desk.run_chosen, desk.panel_wanted], order="strict"):
        say(data(A))
    choose(panel, BROKEN)
    asked = len(client.asked)
    qtbot.keyClick(panel._view, Qt.Key.Key_Return)
    assert len(client.asked) == asked, "a damaged file cannot be shown"


def test_space_ticks_and_unticks(
    qtbot: QtBot, panel: RunsPanel, desk: Desk, client: FakeClient, say: Callable[..., None]
) -> None:
    drawn: list[tuple[str, bool]] = []
    desk.overlay_changed.connect(lambda run, on: drawn.append((run.began.run_id, on)))
    choose(panel, A)
    qtbot.keyClick(panel._view, Qt.Key.Key_Space)
    assert OpenRun(A.file) in client.asked
    say(data(A), OpenRun)
    assert drawn == [(A.run_id, True)]
    assert "1 ticked" in panel._summary.text()
    qtbot.keyClick(panel._view, Qt.Key.Key_Space)
    assert drawn[1:] == [(A.run_id, False)]


def test_a_tick_by_the_mouse_and_an_overlay_that_comes_too_late(
    qtbot: QtBot, panel: RunsPanel, desk: Desk, client: FakeClient, say: Callable[..., None]
) -> None:
    drawn: list[bool] = []
    desk.overlay_changed.connect(lambda run, on: drawn.append(on))
    place = panel._runs.place(A.file)
    assert place is not None
    where = panel._view.visualRect(panel._table.index(place, TICK)).center()
    qtbot.mouseClick(panel._view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert A.file in panel._runs.ticked
    panel.tick(A.file, False)
    say(data(A), OpenRun)
    assert drawn == [], "it was unticked before its file was read"


def test_a_tick_has_the_colour_of_the_curve(panel: RunsPanel, desk: Desk) -> None:
    def box() -> str:
        place = panel._runs.place(A.file)
        assert place is not None
        icon = panel._table.data(panel._table.index(place, TICK), Qt.ItemDataRole.DecorationRole)
        return str(icon.pixmap(16, 16).toImage().pixelColor(13, 4).name())

    panel.tick(A.file, True)
    assert box() == LIGHT.series[0]
    desk.overlays_coloured.emit({A.run_id: "#123456"})
    assert box() == "#123456"


def test_a_run_whose_file_is_gone_is_drawn_no_longer(
    panel: RunsPanel, desk: Desk, client: FakeClient, say: Callable[..., None]
) -> None:
    drawn: list[bool] = []
    desk.overlay_changed.connect(lambda run, on: drawn.append(on))
    panel.tick(A.file, True)
    say(data(A), OpenRun)
    client.tell(RunsChanged("/runs", (), (A.file,)))
    desk.look()
    assert drawn == [True, False]
    assert panel._drawn == {}


def test_stars_and_crosses_by_keys(qtbot: QtBot, panel: RunsPanel, client: FakeClient) -> None:
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    choose(panel, A)
    qtbot.keyClick(panel._view, Qt.Key.Key_S, both)
    assert client.asked[-1] == StampRuns((A.run_id,), "star")
    qtbot.keyClick(panel._view, Qt.Key.Key_X, both)
    assert client.asked[-1] == StampRuns((A.run_id,), "cross")
    choose(panel, B)
    qtbot.keyClick(panel._view, Qt.Key.Key_S, both)
    assert client.asked[-1] == StampRuns((B.run_id,), ""), "a second star takes it away"


def test_facts_and_a_note(qtbot: QtBot, panel: RunsPanel, client: FakeClient, say: Callable[..., None]) -> None:
    choose(panel, A)
    qtbot.waitUntil(lambda: ReadFacts(A.file) in client.asked)
    assert not panel._does["use"].isEnabled()
    say(RunFacts(A.file, (("run", A.run_id), ("comment", "warm")), '{"axes": []}'), ReadFacts)
    item = panel._facts_view._table.item(1, 1)
    assert item is not None
    assert item.text() == "warm"
    assert panel._does["use"].isEnabled()
    with qtbot.waitSignal(panel._desk.plan_offered) as offered:
        panel._does["use"].trigger()
    assert offered.args == ['{"axes": []}']
    panel._facts_view._note.setText("bad contact")
    panel._facts_view._note.editingFinished.emit()
    assert client.asked[-1] == NoteRun(A.run_id, "bad contact")


def test_differences_are_bold(panel: RunsPanel, say: Callable[..., None]) -> None:
    for row, value in ((A, "1 V"), (B, "2 V")):
        panel.tick(row.file, True)
        say(RunFacts(row.file, (("run", row.run_id), ("bias", value), ("same", "x"))), ReadFacts)
    panel._switches.button(1).click()  # type: ignore[union-attr]
    table = panel._compare_view._table
    assert table.rowCount() == 2
    assert table.item(1, 2).text() == "2 V"  # type: ignore[union-attr]
    assert table.item(1, 2).font().bold()  # type: ignore[union-attr]
    panel._compare_view._only.setChecked(False)
    assert not table.item(2, 2).font().bold()  # type: ignore[union-attr]


def test_new_runs_leave_what_is_chosen(panel: RunsPanel, desk: Desk, client: FakeClient) -> None:
    choose(panel, A)
    newer = RunRow("/runs/d.h5", "20261123-100000-000d", "random", "complete")
    client.tell(RunsChanged("/runs", (newer,)))
    desk.look()
    assert panel.chosen == A
    assert [row.run_id for row in panel._view.selected] == [A.run_id]
    panel._filters.line.setText("nothing")
    assert panel.chosen is None
    panel._filters.line.clear()
    panel.recolour(DARK)
    assert panel._table.rowCount(QModelIndex()) == 4


def test_of_five_thousand_runs_only_those_in_sight_are_drawn(
    qtbot: QtBot, panel: RunsPanel, desk: Desk, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[str] = set()

    def counted(row: RunRow, column: int) -> str:
        drawn.add(row.file)
        return cell(row, column)

    monkeypatch.setattr(runs_table, "cell", counted)
    rows = [RunRow(f"/runs/{number}.h5", f"20261121-{number:06d}-0000", "random", "complete") for number in range(5000)]
    for start in range(0, 5000, 400):
        client.tell(RunsChanged("/runs", tuple(rows[start : start + 400])))
        desk.look()
    choose(panel, rows[2500])
    panel._view.grab()
    assert "5003 runs" in panel._summary.text()
    assert rows[2500].file in drawn
    assert len(drawn) < 100


def test_verify_report_path(
    qtbot: QtBot, panel: RunsPanel, client: FakeClient, say: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    choose(panel, A)
    panel._does["verify"].trigger()
    assert client.asked[-1] == VerifyRun(A.file)
    say(Verified(A.file, "fault", "a.h5: damaged"))
    assert "damaged" in panel._notice.text
    panel._does["report"].trigger()
    assert client.asked[-1] == WriteReport(A.file)
    say("/runs/a.html")
    assert opened == [QUrl.fromLocalFile("/runs/a.html")]
    panel._does["path"].trigger()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == A.file


def test_export_shows_what_it_will_write(
    qtbot: QtBot, panel: RunsPanel, client: FakeClient, say: Callable[..., None]
) -> None:
    choose(panel, A)
    panel._does["export"].trigger()
    dialog = panel._export
    assert dialog is not None
    assert not dialog.isModal()
    assert client.asked[-1] == ListFormats()
    say(ExportFormats((ExportFormat("netcdf", ".nc", "one file"), ExportFormat("csv", ".csv", "tables"))))
    dialog._format.setCurrentIndex(1)
    qtbot.waitUntil(lambda: PreviewExport(A.file, "csv", "a.csv") in client.asked)
    piece = ExportPiece("a.csv", "2 lines", ("point", "bias"), ("1", "V"), (("0", "0.5"), ("1", "0.7")))
    say((piece,), PreviewExport)
    header = dialog._table.horizontalHeaderItem(1)
    assert header is not None
    assert header.text() == "bias [V]"
    dialog._folder.setText("/elsewhere")
    dialog._name.setText("mine.csv")
    qtbot.mouseClick(dialog._export, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == ExportRuns((A.file,), ("/elsewhere/mine.csv",), "csv")
    client.refuse("/elsewhere/mine.csv exists already")
    panel._desk.look()
    assert "exists already" in dialog._notice.text
    dialog.close()
