"""What keeps the event loop free: nothing is drawn or laid out anew that looks the same."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.models.ranges import with_room
from gui.panels.plot import PlotPanel
from gui.theme import DARK, Theme
from gui.widgets.elided import ElidedLabel
from gui.widgets.light import LightLabel
from gui.widgets.progress import ProgressLine
from labctl.service.messages import Message
from tests.gui.conftest import FakeClient
from tests.gui.plots import points, sweep_began


class Events(QObject):
    """Counts the events of one kind that reach a widget."""

    def __init__(self, widget: QWidget, kind: QEvent.Type) -> None:
        super().__init__()
        self.count = 0
        self._kind = kind
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if event is not None and event.type() == self._kind:
            self.count += 1
        return False


def test_a_range_that_holds_what_came_stays() -> None:
    assert with_room((-4.0, 120.0), (0.0, 100.0), 0.2) is None
    assert with_room((-4.0, 120.0), (0.0, 121.0), 0.2) == (0.0, pytest.approx(145.2))
    assert with_room((0.0, 120.0), (0.0, 100.0)) == (0.0, 100.0), "the first number does not stand on the edge"


def test_a_range_that_is_mostly_empty_is_drawn_closer() -> None:
    assert with_room((-9.0, 1000.0), (0.0, 10.0)) == (0.0, 10.0)


def test_no_room_is_left_beyond_the_last_point_and_nothing_is_cut_off() -> None:
    assert with_room((0.0, 1.0), (0.0, 95.0), 0.2, end=99.0) == (0.0, 99.0)
    assert with_room((0.0, 1.0), (0.0, 95.0), 0.2, end=50.0) == (0.0, 95.0)


def test_axes_stand_still_while_points_come(qtbot: QtBot, desk: Desk, client: FakeClient, theme: Theme) -> None:
    panel = PlotPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(700, 420)
    panel.show()
    values = np.sin(np.arange(100.0))
    client.tell(sweep_began(), points(0, values[:40]))
    ranges = set()
    for first in range(40, 100, 2):
        client.tell(points(first, values[first : first + 2]))
        desk.look()
        panel.refresh()
        (left, right), (bottom, top) = panel.pages.curves._box.viewRange()
        assert left <= 0
        assert right >= first + 1
        assert bottom <= values[: first + 2].min()
        assert top >= values[: first + 2].max()
        ranges.add((left, right, bottom, top))
    assert len(ranges) < 10


def test_a_run_that_begins_draws_with_the_lines_of_the_one_before(
    qtbot: QtBot, desk: Desk, client: FakeClient, theme: Theme
) -> None:
    panel = PlotPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(700, 420)
    panel.show()

    def told(*messages: Message) -> list[float]:
        client.tell(*messages)
        desk.look()
        panel.refresh()
        found: list[float] = panel.pages.curves._lines[0].line.getData()[1].tolist()
        return found

    assert told(sweep_began(), points(0, np.arange(5.0))) == [0, 1, 2, 3, 4]
    line = panel.pages.curves._lines[0].line
    assert told(sweep_began(run_id="20261122-214001-0abc")) == [], "nothing of the run before"
    assert told(points(0, np.arange(3.0), "20261122-214001-0abc")) == [0, 1, 2]
    assert panel.pages.curves._lines[0].line is line


def test_progress_is_painted_with_the_next_frame_and_not_at_once(qtbot: QtBot, qapp: QApplication) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    bar, other = ProgressLine(), ElidedLabel("what else is in the window")
    row.addWidget(bar)
    row.addWidget(other, 1)
    window.resize(400, 60)
    window.show()
    qtbot.waitExposed(window)
    qapp.processEvents()
    paints, elsewhere = Events(bar, QEvent.Type.Paint), Events(other, QEvent.Type.Paint)
    other.say("something else")
    for step in range(5):
        bar.show_fraction(step / 4)
    assert (paints.count, elsewhere.count) == (0, 0)
    qtbot.waitUntil(lambda: paints.count > 0 and elsewhere.count > 0)
    assert bar.fraction == 1.0
    bar.show_fraction(7.0)
    assert bar.fraction == 1.0


def test_a_light_is_drawn_when_it_changes(qtbot: QtBot, theme: Theme) -> None:
    light = LightLabel()
    qtbot.addWidget(light)
    light.show_light(theme, "ok")
    first = light.pixmap().cacheKey()
    light.show_light(theme, "ok")
    assert light.pixmap().cacheKey() == first
    light.show_light(DARK, "ok")
    dark = light.pixmap().cacheKey()
    light.show_light(DARK, "fault")
    assert len({first, dark, light.pixmap().cacheKey()}) == 3


def test_a_line_of_text_moves_no_neighbour_and_can_be_copied(qtbot: QtBot, qapp: QApplication) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    QHBoxLayout(window).addWidget(label := ElidedLabel("short"))
    window.show()
    qtbot.waitExposed(window)
    qapp.processEvents()
    layouts = Events(window, QEvent.Type.LayoutRequest)
    label.say("a line that is longer than there is room for " * 5, "all of it")
    qapp.processEvents()
    assert layouts.count == 0
    assert label.toolTip() == "all of it"
    label.actions()[0].trigger()
    clipboard = qapp.clipboard()
    assert clipboard is not None
    assert clipboard.text() == label.text
