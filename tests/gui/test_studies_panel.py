"""The panel of studies with a service that the test speaks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PyQt6.QtCore import QBuffer, QIODevice, Qt
from PyQt6.QtGui import QPixmap
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.models.studies import count_words, state_words
from gui.panels.studies import StudiesPanel
from gui.theme import DARK, Theme
from labctl.service.messages import FolderChanged
from labctl.service.messages_studies import StudyProgress
from labctl.service.requests.studies import ListStudies, OpenStudy, OpenStudyResults, ReportStudy, ResumeStudy, RunStudy
from labctl.studies.asking import Asked
from labctl.studies.values import PointLine, StudyEntry, StudyKind, StudyResults, StudyView
from tests.gui.conftest import FakeClient

KINDS = (
    StudyKind("ordering", "What order costs", (("quick", "minutes"), ("full", "hours")), False),
    StudyKind("calibration", "How well calibrations predict", (("quick", "minutes"),), True),
)
ENTRY = StudyEntry("runs/s", "ordering", "What order costs", "quick", 1, points=4, done=1, failed=1, changed=1.0)
POINTS = (
    PointLine("a", "done"),
    PointLine("b", "failed", "the link broke"),
    PointLine("c", "blocked", "needs b"),
    PointLine("d", "waiting"),
)
VIEW = StudyView(ENTRY, POINTS, (), "")


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> StudiesPanel:
    made = StudiesPanel(desk, theme)
    qtbot.addWidget(made)
    made.resize(640, 420)
    made.show()
    return made


def say(desk: Desk, client: FakeClient, value: object, kind: type) -> None:
    """Answer the last request of a kind."""
    number = max(index + 1 for index, request in enumerate(client.asked) if isinstance(request, kind))
    client.answer(value, number)
    desk.look()


def filled(desk: Desk, client: FakeClient, view: StudyView = VIEW) -> None:
    say(desk, client, (KINDS, (view.entry,)), ListStudies)
    say(desk, client, view, OpenStudy)


def test_the_form_asks_for_what_a_study_declares(
    panel: StudiesPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    say(desk, client, (KINDS, ()), ListStudies)
    assert panel._stack.currentIndex() == 0, "no study yet"
    panel.show_page("New")
    form = panel._asking
    assert not form._geometry.isEnabled(), "this study has a geometry of its own"
    form._study.setCurrentIndex(1)
    form._geometry.setText("64x16")
    form._seed.setValue(3)
    form._workers.setValue(2)
    assert Asked("calibration", "quick", 3, "64x16").folder_name in form._folder.placeholderText()
    qtbot.mouseClick(form.begin, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == RunStudy("calibration", "quick", 3, "64x16", "", 2)
    number = len(client.asked)
    client.tell(StudyProgress(number, "runs/s", 0, 4, "0 of 4 points"))
    desk.look()
    assert client.asked[-1] == OpenStudy("runs/s")


def test_points_say_why_they_failed_and_the_study_goes_on(
    panel: StudiesPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    filled(desk, client)
    panel.show_page("Points")
    assert panel._points.texts()[0] == ("b", "failed", "the link broke")
    assert count_words(VIEW) == "1 of 4 points done, 1 failed, 1 blocked, 1 waiting"
    qtbot.mouseClick(panel._points._resume, Qt.MouseButton.LeftButton)
    resumed = client.asked[-1]
    assert isinstance(resumed, ResumeStudy)
    assert resumed.folder == "runs/s"
    number = len(client.asked)
    client.tell(StudyProgress(number, "runs/s", 2, 4, "2 of 4 points", 90.0))
    desk.look()
    assert panel._points._words.text.startswith("2 of 4 points, 1:30 left")
    assert not panel._points._resume.isEnabled()
    qtbot.mouseClick(panel._points._stop, Qt.MouseButton.LeftButton)
    assert client.cancelled == [number]
    client.tell(StudyProgress(number, "runs/s", 2, 4, over=True))
    client.refuse("stopped; 2 of 4 points are finished and kept, Resume goes on with the others", number=number)
    desk.look()
    assert "Resume goes on" in panel._notice.text
    assert not panel._points._stop.isEnabled()
    panel.recolour(DARK)


def test_a_study_of_another_process_can_only_be_watched(panel: StudiesPanel, desk: Desk, client: FakeClient) -> None:
    filled(desk, client, replace(VIEW, entry=replace(ENTRY, running=True)))
    assert "another process" in panel._points._words.text
    assert not panel._points._stop.isEnabled()
    assert not panel._points._resume.isEnabled()


def test_results_are_asked_for_once_and_shown(
    panel: StudiesPanel, qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    found = replace(VIEW, findings=("Order matters.", "A lot."), report="runs/s/report.html")
    filled(desk, client, found)
    assert panel._tabs.tabText(panel._tabs.currentIndex()) == "Findings"
    assert panel._findings._text.toPlainText() == "Order matters.\n\nA lot."
    panel.show_page("Table")
    panel.show_page("Pictures")
    assert sum(isinstance(request, OpenStudyResults) for request in client.asked) == 1
    rows = (("a", "1.5"), ("b", ""))
    say(desk, client, StudyResults("runs/s", ("point", "value"), rows, 2, (("curve", png()),)), OpenStudyResults)
    model = panel._table._table.model()
    assert model is not None
    assert model.data(model.index(0, 1)) == "1.5"
    assert not panel._pictures._picture.pixmap().isNull()
    panel.show_page("Findings")
    qtbot.mouseClick(panel._findings.write, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == ReportStudy("runs/s")


def test_many_changes_make_one_look_at_a_time(panel: StudiesPanel, desk: Desk, client: FakeClient) -> None:
    for _ in range(20):
        panel.refresh()
    client.tell(FolderChanged("studies"))
    desk.look()
    assert client.asked == [ListStudies()]
    say(desk, client, (KINDS, (ENTRY,)), ListStudies)
    assert sum(isinstance(request, ListStudies) for request in client.asked) == 2, "once more, for what has changed"


def test_a_state_is_a_light_and_a_word() -> None:
    assert state_words(replace(ENTRY, running=True)) == ("busy", "running")
    assert state_words(ENTRY) == ("warning", "1 failed")
    assert state_words(replace(ENTRY, done=4, failed=0)) == ("ok", "complete")
    assert state_words(replace(ENTRY, problem="damaged")) == ("fault", "cannot be read")


def png() -> bytes:
    picture = QPixmap(40, 20)
    picture.fill(Qt.GlobalColor.red)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    return bytes(buffer.data().data())
