"""The calibration panel with a service that the test speaks for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.panels.calibration import CalibrationPanel
from gui.panels.calibration_pages.array import ArrayPage
from gui.panels.calibration_pages.measuring import _FILE
from gui.panels.calibration_pages.parameters import ParametersPage
from gui.panels.calibration_pages.summary import SummaryPage
from gui.theme import DARK, Theme
from labctl.calibrations.values import Probed, SweepEntry
from labctl.service.messages import BenchStatus, Device, FolderChanged, RunBegan, TaskProgress
from labctl.service.messages_calibration import CalibrationInUse
from labctl.service.request import Request
from labctl.service.requests.bench import BOARD
from labctl.service.requests.calibration import (
    ApplyCalibration,
    Calibrate,
    CompareCalibrations,
    ListCalibrations,
    ListSweeps,
    OpenCalibration,
    OpenCalibrationHistory,
    OpenOrderCurves,
    RevertCalibration,
)
from tests.gui.calibrations import BROKEN, NEW, OLD, curves, difference, history, view
from tests.gui.conftest import FakeClient

ON = Device(BOARD, "analog board", "/dev/pts/3", "ok", "connected", simulated=True)
SWEEPS = tuple(
    SweepEntry(
        f"r{index}",
        f"runs/{kind}{'' if suggested else '-before'}.h5",
        kind,
        "2030-11-08T11:00:00Z",
        "B-1",
        True,
        suggested,
    )
    for index, (kind, suggested) in enumerate((("held-out", True), ("random", True), ("random", False)))
)


def number_of(client: FakeClient, kind: type) -> int:
    """Number of the last request of a kind."""
    return max(index + 1 for index, request in enumerate(client.asked) if isinstance(request, kind))


def asked(client: FakeClient, kind: type) -> list[Request]:
    return [request for request in client.asked if isinstance(request, kind)]


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> CalibrationPanel:
    made = CalibrationPanel(desk, theme)
    qtbot.addWidget(made)
    made.resize(640, 420)
    made.show()
    client.tell(BenchStatus("bench", "", "runs", (ON,)))
    desk.look()
    return made


def filled(panel: CalibrationPanel, desk: Desk, client: FakeClient) -> None:
    client.answer((NEW, BROKEN, OLD), number_of(client, ListCalibrations))
    client.answer(SWEEPS, number_of(client, ListSweeps))
    desk.look()
    client.answer(view(), number_of(client, OpenCalibration))
    desk.look()


def test_a_folder_without_calibrations_says_what_to_do(
    panel: CalibrationPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    client.answer((), number_of(client, ListCalibrations))
    desk.look()
    assert panel._stack.currentIndex() == 0
    assert not panel._bar.apply.isEnabled()
    panel.show_page("Measure")
    qtbot.mouseClick(panel._measuring._start, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == Calibrate("quick", 0)


def test_the_newest_is_opened_and_shown_on_every_page(panel: CalibrationPanel, desk: Desk, client: FakeClient) -> None:
    filled(panel, desk, client)
    assert asked(client, OpenCalibration) == [OpenCalibration(NEW.file)]
    summary = panel._pages["Summary"]
    assert isinstance(summary, SummaryPage)
    assert ("leak + rails ✓", "1.050", "0.0000", "0.0000") in summary._models.texts()
    assert ("order, only ordered explains", "1.50") in summary._parts.texts()
    assert not asked(client, OpenOrderCurves), "what no page shows is not asked for"
    panel.show_page("Order")
    assert asked(client, OpenOrderCurves) == [OpenOrderCurves(NEW.file)]
    client.answer(curves())
    desk.look()
    panel.show_page("Residuals")
    panel.show_page("Order")
    assert len(asked(client, OpenOrderCurves)) == 1
    panel.show_page("Compare")
    assert client.asked[-1] == CompareCalibrations(NEW.file, OLD.file)
    client.answer(difference())
    desk.look()
    assert panel._compare._table.texts()[0][2] == "2.50"
    panel.show_page("Drift")
    assert client.asked[-1] == OpenCalibrationHistory("B-1")
    client.answer(history())
    desk.look()
    assert "+2.00 % since the first" in panel._drift._words.text
    panel.recolour(DARK)
    panel._drift.calibration_chosen.emit(OLD.file)
    assert client.asked[-1] == OpenCalibration(OLD.file)


def test_a_column_chosen_on_one_page_is_marked_on_all(
    panel: CalibrationPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    filled(panel, desk, client)
    array, parameters = panel._pages["Array"], panel._pages["Parameters"]
    assert isinstance(array, ArrayPage)
    assert isinstance(parameters, ParametersPage)
    panel.show_page("Array")
    array._map.setFocus()
    qtbot.keyClick(array._map, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert array._map.column == 5
    assert "stuck" in array._words.text
    assert parameters._plot.column == 5
    assert parameters._table.currentIndex().row() == 5
    qtbot.keyClick(array._map, Qt.Key.Key_Left)
    assert parameters._plot.column == 4
    parameters._by_value.setChecked(True)
    parameters._table.selectRow(7)
    assert array._map.column == 2, "the largest value is that of column 2"
    panel.show_page("Parameters")
    qtbot.keyClick(parameters._plot, Qt.Key.Key_Left)
    assert array._map.column == 1, "sorted by value, column 1 is its neighbour"


def test_a_calibration_is_watched_and_stopped(
    panel: CalibrationPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    filled(panel, desk, client)
    panel.show_page("Measure")
    panel._measuring.start()
    number = number_of(client, Calibrate)
    client.tell(RunBegan("r", "sweep", "baseline", "", 3, True), TaskProgress(number, "c", "running", 0.1, "baseline"))
    desk.look()
    watch = panel._measuring._watch
    assert watch.isVisible()
    assert watch._steps.item(0).text() == "baseline: at work"  # type: ignore[union-attr]
    assert watch._bar.value() == 100
    qtbot.mouseClick(watch._stop, Qt.MouseButton.LeftButton)
    assert client.cancelled == [number]
    client.refuse("stopped before the fit; the sweeps are kept", number=number)
    desk.look()
    assert "the sweeps are kept" in panel._notice.text
    assert not watch.isVisible()


def test_sweeps_measured_before_are_fitted_oldest_first(
    panel: CalibrationPanel, desk: Desk, client: FakeClient
) -> None:
    filled(panel, desk, client)
    panel.show_page("Measure")
    panel._measuring._fit.setChecked(True)
    assert panel._measuring._start.text() == "Fit 2 sweeps"
    panel._measuring.start()
    assert client.asked[-1] == Calibrate(runs=("runs/random.h5", "runs/held-out.h5"))
    client.answer(NEW)
    desk.look()
    assert client.asked[-1] == OpenCalibration(NEW.file)
    client.answer(view())
    desk.look()
    assert "is ready" in panel._notice.text
    assert panel._tabs.tabText(panel._tabs.currentIndex()) == "Summary"


def test_sweeps_come_and_go_and_ticks_set_by_hand_stay(panel: CalibrationPanel, desk: Desk, client: FakeClient) -> None:
    filled(panel, desk, client)
    page = panel._measuring
    first, second, third = SWEEPS[:3]
    page.show_sweeps((second, third))
    kept = page._sweeps.topLevelItem(0)
    assert kept is not None
    kept.setCheckState(0, Qt.CheckState.Unchecked if second.suggested else Qt.CheckState.Checked)
    page.show_sweeps((first, second))
    files = [page._sweeps.topLevelItem(place).data(0, _FILE) for place in range(2)]  # type: ignore[union-attr]
    assert files == [first.file, second.file]
    assert page._sweeps.topLevelItemCount() == 2
    assert page._sweeps.topLevelItem(1) is kept, "only what is new is made"
    assert page.ticked() == [item.file for item in (second, first) if item.suggested == (item is first)]


def test_apply_says_what_the_probe_found_and_revert_goes_back(
    panel: CalibrationPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    filled(panel, desk, client)
    assert not panel._bar.revert.isEnabled()
    qtbot.mouseClick(panel._bar.apply, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == ApplyCalibration(NEW.file)
    assert not panel._bar.apply.isEnabled()
    client.tell(CalibrationInUse(NEW.calibration_id, "fresh: gain +0.1 %", "", True))
    client.answer(Probed(NEW, "fresh", "fresh: gain +0.1 %"))
    desk.look()
    assert "The board is fresh: gain +0.1 %" in panel._notice.text
    assert "in use" in panel._bar.list.itemText(0)
    qtbot.mouseClick(panel._bar.revert, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == RevertCalibration()
    client.tell(CalibrationInUse())
    client.answer("latest")
    desk.look()
    assert not panel._bar.revert.isEnabled()


def test_one_that_cannot_be_read_is_refused_in_the_panel(
    panel: CalibrationPanel, desk: Desk, client: FakeClient
) -> None:
    filled(panel, desk, client)
    panel._bar.list.setCurrentIndex(1)
    panel._bar.list.activated.emit(1)
    client.refuse("runs/broken.h5 is cut off; calibrate again")
    desk.look()
    assert "is cut off" in panel._notice.text
    assert not panel._bar.apply.isEnabled()


def test_a_hidden_panel_asks_for_nothing(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    hidden = CalibrationPanel(desk, theme)
    qtbot.addWidget(hidden)
    client.tell(FolderChanged("runs"))
    desk.look()
    assert not client.asked
    hidden.show()
    assert asked(client, ListCalibrations)


def test_the_panels_load_nothing_heavy() -> None:
    code = (
        "import sys, gui.panels.calibration, gui.panels.studies; "
        "print([name for name in ('h5py', 'torch', 'pandas', 'scipy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
