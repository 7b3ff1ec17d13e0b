from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from data.errors import LabctlError
from gui.desk import Desk
from gui.panels.plot import PlotPanel
from gui.theme import DARK, LIGHT, Theme
from gui.widgets.figure import Source, save_figure
from labctl.service.messages import MEAN_OUTPUT, Points, RunBegan, RunEnded
from labctl.service.requests.runs import RunSweeps
from tests.gui.conftest import FakeClient
from tests.gui.plots import RUN, SPACINGS, VOLTAGES, finished, points, scan_began, sweep_began


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk, theme: Theme) -> PlotPanel:
    made = PlotPanel(desk, theme)
    qtbot.addWidget(made)
    made.resize(660, 420)
    made.show()
    return made


def told(panel: PlotPanel, desk: Desk, client: FakeClient, *messages: RunBegan | Points | RunEnded) -> None:
    client.tell(*messages)
    desk.look()
    panel.refresh()


def drawn(panel: PlotPanel, number: int = 0) -> tuple[list[float], list[float]]:
    x, y = panel.pages.curves._lines[number].line.getData()
    return x.tolist(), y.tolist()


def test_an_empty_plot_offers_to_measure(panel: PlotPanel, client: FakeClient, qtbot: QtBot, desk: Desk) -> None:
    button = next(item for item in panel.findChildren(QPushButton) if item.text() == "Measure random vectors")
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert client.asked == [RunSweeps(("random",))]
    client.refuse("no board is connected; connect one, or choose Simulate, in the panel Instruments")
    desk.look()
    assert "no board" in panel._notice.text


def test_a_run_is_followed_as_it_comes(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.arange(20.0)))
    assert drawn(panel) == (list(map(float, range(20))), list(map(float, range(20))))
    assert "SIMULATED" in panel._title.text
    assert "20 of 100 points" in panel._title.text
    told(panel, desk, client, points(20, np.arange(30.0)), RunEnded(RUN, "", "complete", "", "x.h5"))
    assert len(drawn(panel)[0]) == 50
    assert "complete" in panel._title.text


def test_frames_keep_their_distance_and_end_with_the_news(
    panel: PlotPanel, desk: Desk, client: FakeClient, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gui.panels.plot.time.monotonic", lambda: 100.0)
        told(panel, desk, client, sweep_began(), points(0, np.arange(20.0)))
        client.tell(points(20, np.zeros(2)), points(22, np.zeros(2)))
        desk.look()
        assert (panel._timer.interval(), len(drawn(panel)[0])) == (40, 20), "the next frame is due in 40 ms"
    qtbot.waitUntil(lambda: len(drawn(panel)[0]) == 24)
    assert not panel._timer.isActive(), "nothing new, no timer"


def test_the_view_stands_still_and_says_so(panel: PlotPanel, desk: Desk, client: FakeClient, qtbot: QtBot) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.arange(20.0)))
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    panel.pages.curves.setFocus()
    qtbot.keyClick(panel.pages.curves, Qt.Key.Key_Space)
    told(panel, desk, client, points(20, np.arange(30.0)))
    assert len(drawn(panel)[0]) == 20
    assert "VIEW PAUSED, 30 points behind" in panel._badge.text()
    panel.bar.toggles["pause"].setChecked(False)
    panel.refresh()
    assert len(drawn(panel)[0]) == 50
    assert not panel._badge.text()


def test_arrows_move_the_crosshair(panel: PlotPanel, desk: Desk, client: FakeClient, qtbot: QtBot) -> None:
    told(panel, desk, client, sweep_began(), points(0, 2 * np.arange(21.0)))
    view = panel.pages.curves
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert panel._readout.text.split() == ["point", "3", "index", "3", "mean", "output", "6"]
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert not panel._readout.text


def test_a_region_has_statistics(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, 2 * np.arange(21.0)))
    panel.bar.toggles["region"].setChecked(True)
    panel.pages.curves._region.setRegion((4.5, 8.5))
    panel.refresh()
    assert panel._figures.text.startswith("n 4  mean 13  sd 2.582  min 10  max 16  slope 2")


def test_logarithmic_axes_leave_out_what_is_not_positive(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.array([-1.0, 0.0, 10.0, 100.0, np.nan, 1000.0])))
    panel.bar.toggles["log_y"].setChecked(True)
    panel.refresh()
    assert drawn(panel) == ([2, 3, 5], [1, 2, 3])


def test_an_overlay_is_dashed_named_and_compared(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, 2 * np.arange(21.0)))
    other = finished("20261101-101010-ffff", np.arange(21.0))
    desk.overlay_changed.emit(other, True)
    panel.bar.toggles["below"].setChecked(True)
    panel.refresh()
    line = panel.pages.curves._lines[1].line
    assert line.opts["pen"].style() == Qt.PenStyle.DashLine
    assert "20261101-101010-ffff" in panel.pages.curves._legend.items[1][1].text
    assert panel.pages.below.isVisible()
    assert panel.pages.below._lines[0].line.getData()[1].tolist() == list(range(21))
    desk.overlay_changed.emit(other, False)
    panel.refresh()
    assert len(panel.pages.curves._lines) == 1
    assert not panel.pages.below.isVisible()


def test_a_scan_over_two_axes_is_an_image(panel: PlotPanel, desk: Desk, client: FakeClient, qtbot: QtBot) -> None:
    values = 1e-3 * (10 * VOLTAGES + SPACINGS)
    told(panel, desk, client, scan_began(), points(0, values[:6], name="meter.current"))
    image = panel.pages.image
    assert image.isVisible()
    assert np.isnan(image.values).sum() == 6
    assert image._axes["bottom"].words == ("8", "16", "32", "64")
    qtbot.keyClick(image, Qt.Key.Key_Left)
    qtbot.keyClick(image, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert panel._readout.text.split()[-2:] == ["16.000", "mA"]
    panel.bar.toggles["below"].setChecked(True)
    assert image._slice_curve.getData()[1] == pytest.approx(values[:4])
    panel.recolour(DARK)


def test_the_outputs_of_all_columns_and_of_one(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.arange(10.0), columns=5))
    panel._choose_view("columns")
    panel.refresh()
    assert panel.pages.image.values.shape == (10, 5)
    panel._choose_view("curves")
    panel._choose_y("column 3", True)
    panel._choose_y(MEAN_OUTPUT, False)
    panel.refresh()
    assert drawn(panel)[1] == [3.0 * value for value in range(10)]


def test_zooming_ends_following_until_everything_is_wanted(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.arange(40.0)))
    box = panel.pages.curves._box
    box.setXRange(5, 10, padding=0)
    box.sigRangeChangedManually.emit([True, True])
    panel.refresh()
    assert not panel.bar.toggles["auto"].isChecked()
    assert box.viewRange()[0] == [5, 10]
    panel.bar.toggles["auto"].setChecked(True)
    panel.refresh()
    assert box.viewRange()[0][1] > 39


def test_a_figure_knows_its_run(panel: PlotPanel, desk: Desk, client: FakeClient, tmp_path: Path) -> None:
    told(panel, desk, client, scan_began(), points(0, VOLTAGES, name="meter.current"))
    source = panel._source()
    assert source == Source("scan grid", RUN, "B-7", "2026-11-22", "measured")
    for name in ("figure.png", "figure.svg"):
        save_figure(panel.pages.figure(), tmp_path / name, source, LIGHT)
    picture = QImage(str(tmp_path / "figure.png"))
    assert (picture.text("run_id"), picture.text("board")) == (RUN, "B-7")
    drawing = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert f"run_id: {RUN}" in drawing
    assert RUN in drawing.split("</desc>")[1], "printed too"
    assert drawing.count("<path") + drawing.count("<polyline") > 5, "drawn, not a photograph"
    with pytest.raises(LabctlError, match=r"\.png or \.svg"):
        save_figure(panel.pages.figure(), tmp_path / "figure.bmp", source, LIGHT)
    with pytest.raises(LabctlError, match="cannot be written"):
        save_figure(panel.pages.figure(), tmp_path / "nowhere" / "figure.png", source, LIGHT)


def test_a_million_points_are_drawn_at_two_a_pixel(panel: PlotPanel, desk: Desk) -> None:
    desk.run_chosen.emit(finished("big", np.sin(np.arange(1e6) / 1e4)))
    panel.refresh()
    assert len(drawn(panel)[0]) <= 2 * (panel.width() * panel.devicePixelRatioF() + 2)
    assert max(drawn(panel)[1]) > 0.9999


def test_many_runs_leave_no_items(panel: PlotPanel, desk: Desk) -> None:
    for number in range(20):
        desk.run_chosen.emit(finished(f"run{number}", np.arange(50.0)))
        desk.overlay_changed.emit(finished("other", np.arange(50.0)), number % 2 == 0)
        panel.refresh()
    assert len(panel.pages.curves.plot.plotItem.items) <= 8
    assert len(panel.pages.curves._legend.items) <= 2


def test_the_colour_of_an_overlay_is_told(panel: PlotPanel, desk: Desk) -> None:
    told: list[dict[str, str]] = []
    desk.overlays_coloured.connect(told.append)
    desk.run_chosen.emit(finished("shown", np.arange(9.0)))
    for name in ("one", "two"):
        desk.overlay_changed.emit(finished(name, np.arange(9.0)), True)
    panel.refresh()
    drawn = {curve.run: panel.pages.curves.colour_of(curve) for curve in panel.state.curves() if curve.overlay}
    assert told == [drawn]
    assert len(set(drawn.values())) == 2
    desk.overlay_changed.emit(finished("one", np.arange(9.0)), False)
    panel.refresh()
    assert list(told[-1]) == ["two"]


def test_live_has_a_key(panel: PlotPanel, desk: Desk, client: FakeClient, qtbot: QtBot) -> None:
    told(panel, desk, client, sweep_began(), points(0, np.arange(20.0)))
    desk.run_chosen.emit(finished("old", np.arange(5.0)))
    panel.refresh()
    assert "another run goes on" in panel._badge.text()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    panel.pages.curves.setFocus()
    qtbot.keyClick(panel.pages.curves, Qt.Key.Key_L)
    panel.refresh()
    assert len(drawn(panel)[0]) == 20
    assert panel._live.isChecked()


def test_a_ticked_run_is_shown_where_nothing_else_is(panel: PlotPanel, desk: Desk, client: FakeClient) -> None:
    desk.overlay_changed.emit(finished("old", np.arange(5.0)), True)
    panel.refresh()
    assert len(drawn(panel)[0]) == 5
    told(panel, desk, client, sweep_began(), points(0, np.arange(20.0)))
    assert len(drawn(panel)[0]) == 20


def test_a_quantity_of_another_unit_takes_the_axis_and_says_so(
    panel: PlotPanel, desk: Desk, client: FakeClient
) -> None:
    began = scan_began()
    told(panel, desk, client, began, points(0, np.arange(12.0), name="meter.current"))
    panel._choose_view("curves")
    panel.bar.y_changed.emit("meter.power", True)
    assert "meter.power has another unit than meter.current" in panel._notice.text
    panel.bar.y_changed.emit("meter.current", True)
    assert panel.state.ys == ("meter.current",)
