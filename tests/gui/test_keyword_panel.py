"""The panel for live keyword spotting, with a service that says what the test says."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPixmap
from PyQt6.QtWidgets import QTreeWidget
from pytestqt.qtbot import QtBot

from gui.desk import Desk
from gui.panels.keyword import KeywordPanel
from gui.theme import DARK, Theme
from labctl.service.messages import EngineStatus, FolderChanged, TaskProgress
from labctl.service.messages_keyword import ComparedRow, EpochTold, Loudness, NetworkRow, TrainedRow
from labctl.service.requests.engine import Steer
from labctl.service.requests.keyword import ListMicrophones, ListNetworks, PushToTalk, SpotWords
from labctl.service.requests.training import CompareNetworks, TrainNetworks
from labctl.statistics import proportion
from tests.gui.conftest import FakeClient
from tests.gui.keywords import TARGETS, began, tally, utterance

ROWS = (
    NetworkRow("runs/one.safetensors", "one.safetensors", "ordered", 0.9, 1, "a board", 2.0),
    NetworkRow("runs/two.safetensors", "two.safetensors", "ideal", 0.8, 2, "a board", 1.0),
)


@pytest.fixture
def panel(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> KeywordPanel:
    """The panel, as large as in a small window, with two networks."""
    made = KeywordPanel(desk, theme)
    qtbot.addWidget(made)
    made.resize(640, 450)
    made.show()
    assert client.asked == [ListNetworks()]
    client.answer(ROWS)
    desk.look()
    return made


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)  # type: ignore[arg-type]


def texts(tree: QTreeWidget) -> list[str]:
    items = [tree.topLevelItem(index) for index in range(tree.topLevelItemCount())]
    return [" ".join(item.text(column) for column in range(tree.columnCount())) for item in items if item is not None]


def run(panel: KeywordPanel, desk: Desk, client: FakeClient, count: int = 3) -> None:
    """Some utterances of a session."""
    panel.start()
    client.tell(began())
    for number in range(1, count + 1):
        client.tell(utterance(number), tally(number))
    desk.look()
    panel._draw()


def test_without_networks_it_says_how_to_get_one(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = KeywordPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.show()
    client.answer(())
    desk.look()
    assert panel._choices._stack.currentWidget() is panel._choices._empty
    click(qtbot, panel._start)
    assert "No network is ticked" in panel._notice.text
    assert client.asked == [ListNetworks()]
    client.tell(FolderChanged("runs"))
    desk.look()
    client.answer(ROWS)
    desk.look()
    assert panel._notice.text == "", "what was missing is there"
    panel._show_training()
    assert panel._tabs.currentWidget() is panel._training


def test_what_is_ticked_is_what_is_asked(qtbot: QtBot, panel: KeywordPanel, client: FakeClient) -> None:
    item = panel._choices._tree.topLevelItem(1)
    assert item is not None
    item.setCheckState(0, Qt.CheckState.Checked)
    panel._choices._models["ideal"].setChecked(False)
    panel._choices._record.setChecked(True)
    panel._choices.source._kind.setCurrentText("Typed words")
    panel._choices.source._text.setText("yes no")
    click(qtbot, panel._start)
    asked = client.asked[-1]
    assert isinstance(asked, SpotWords)
    assert asked.networks == ("runs/one.safetensors", "runs/two.safetensors")
    assert (asked.models, asked.record) == (("ordered", "unordered"), True)
    assert (asked.source.kind, asked.source.text) == ("words", "yes no")
    assert not panel._start.isEnabled()


def test_utterances_are_listed_and_the_newest_is_drawn(
    qtbot: QtBot, panel: KeywordPanel, desk: Desk, client: FakeClient
) -> None:
    run(panel, desk, client)
    live = panel._live
    assert panel._tabs.currentIndex() == 1
    assert texts(live._list)[-1].split() == ["3", "yes", "✓", "yes", "✓", "yes", "✗", "no", "✗", "no"]
    assert [line.split()[0] for line in texts(live._decisions)] == list(TARGETS)
    assert "3:" in live._title.text()
    assert set(live._bars) == set(TARGETS)
    live._list.setCurrentItem(live._list.topLevelItem(0))
    assert "1:" in live._title.text()
    client.tell(utterance(4), tally(4))
    desk.look()
    panel._draw()
    assert "1:" in live._title.text(), "whoever looks at one is not disturbed"
    panel.recolour(DARK)
    current = live._list.currentItem()
    assert current is not None
    assert current.text(0) == "1"
    assert live._list.topLevelItemCount() == 4


def test_layers_and_totals_are_drawn(panel: KeywordPanel, desk: Desk, client: FakeClient) -> None:
    run(panel, desk, client)
    panel._tabs.setCurrentIndex(2)
    layers = panel._layers
    assert len(layers._points["ordered"].data) == 300
    assert "ordered 1.0" in layers._figures.text() or "ordered 0.9" in layers._figures.text()
    layers._models["ideal"].setChecked(False)
    assert not len(layers._points["ideal"].data)
    assert layers._block.count() == 2
    layers._block.setCurrentIndex(1)
    assert len(layers._sent.opts["height"]) == 5
    panel._tabs.setCurrentIndex(3)
    assert "100.0" in texts(panel._totals._table)[0]
    cell = panel._totals._confusion.item(0, 0)
    assert cell is not None
    assert cell.text() == "3"


def test_it_is_paused_and_stopped_where_everything_is(
    qtbot: QtBot, panel: KeywordPanel, desk: Desk, client: FakeClient
) -> None:
    run(panel, desk, client)
    click(qtbot, panel._pause)
    assert client.asked[-1] == Steer("pause")
    client.tell(EngineStatus("paused"))
    desk.look()
    assert "Resume" in panel._pause.text()
    click(qtbot, panel._pause)
    assert client.asked[-1] == Steer("resume")
    click(qtbot, panel._stop)
    assert client.asked[-1] == Steer("stop")
    number = next(index for index, item in enumerate(client.asked, 1) if isinstance(item, SpotWords))
    client.answer(("runs/x-comparison.h5",), number)
    desk.look()
    assert "x-comparison.h5" in panel._notice.text
    assert panel._start.isEnabled()


def test_why_it_failed_stands_in_the_panel(panel: KeywordPanel, desk: Desk, client: FakeClient) -> None:
    panel.start()
    client.refuse("no board is connected; connect one, or choose Simulate, in the panel Instruments")
    desk.look()
    assert "no board is connected" in panel._notice.text
    assert panel._start.isEnabled()


def test_a_missing_microphone_is_said(qtbot: QtBot, panel: KeywordPanel, desk: Desk, client: FakeClient) -> None:
    form = panel._choices.source
    form._kind.setCurrentText("Microphone")
    assert client.asked[-1] == ListMicrophones()
    client.refuse("microphones need the package sounddevice")
    desk.look()
    assert "sounddevice" in form._said.text()
    form._kind.setCurrentText("Test set")
    form._kind.setCurrentText("Microphone")
    client.answer(("headset",))
    client.tell(Loudness(-20.0))
    desk.look()
    assert form._said.isHidden()
    assert form._device.count() == 2
    assert form._level.value() == -20
    form._trigger.setCurrentIndex(1)
    qtbot.mousePress(form._talk, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == PushToTalk(True)
    qtbot.mouseRelease(form._talk, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == PushToTalk(False)


def test_dropped_files_find_their_place(panel: KeywordPanel, desk: Desk, client: FakeClient) -> None:
    desk.files_offered.emit((Path("yes_1.wav"), Path("recordings"), Path("other.safetensors")))
    assert panel._choices.source.choice.paths == ("yes_1.wav", "recordings")
    assert panel._choices.source.choice.kind == "files"
    assert client.asked[-1] == ListNetworks(("other.safetensors",))
    client.tell(FolderChanged("runs"))
    desk.look()
    assert client.asked[-1] == ListNetworks(("other.safetensors",))


def test_a_training_draws_its_curves_and_lists_its_files(
    qtbot: QtBot, panel: KeywordPanel, desk: Desk, client: FakeClient
) -> None:
    panel._tabs.setCurrentIndex(4)
    page = panel._training
    page._arms["ideal"].setChecked(True)
    page._arms["board"].setChecked(True)
    page._epochs.setValue(3)
    click(qtbot, page._train)
    number = len(client.asked)
    assert client.asked[-1] == TrainNetworks(("ideal", "unordered", "ordered", "board"), epochs=3)
    client.tell(EpochTold("ideal", 1, 2.0, 0.3), EpochTold("ideal", 2, 1.0, 0.6))
    client.tell(TaskProgress(number, "train", "running", 0.5, "ideal arm, epoch 2 of 3"))
    desk.look()
    assert page._curves["loss", "ideal"].getData()[1].tolist() == [2.0, 1.0]
    assert page._says.text() == "ideal arm, epoch 2 of 3"
    click(qtbot, page._stop)
    assert client.cancelled == [number]
    client.answer((TrainedRow("ideal", 0.75, "runs/new.safetensors"),), number)
    desk.look()
    assert "75.0" in texts(page._results)[0]


def test_a_comparison_lists_every_target(qtbot: QtBot, panel: KeywordPanel, desk: Desk, client: FakeClient) -> None:
    panel._tabs.setCurrentIndex(4)
    page = panel._training
    click(qtbot, page._compare)
    assert client.asked[-1] == CompareNetworks(("runs/one.safetensors",))
    shares = {target: proportion(9, 10) for target in TARGETS}
    client.answer((ComparedRow("one.safetensors", "ordered", 10, shares, shares, "runs/c.h5"),))
    desk.look()
    head = page._results.topLevelItem(0)
    assert head is not None
    assert head.childCount() == len(TARGETS)


def test_another_theme_recolours_everything(panel: KeywordPanel, desk: Desk, client: FakeClient, theme: Theme) -> None:
    run(panel, desk, client)
    for index in range(panel._tabs.count()):
        panel.recolour(theme)
        panel._tabs.setCurrentIndex(index)
        before: QPixmap = panel.grab()
        panel.recolour(DARK)
        assert panel.grab().toImage() != before.toImage()


def test_the_panel_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, gui.panels.keyword; print([m for m in ('h5py', 'torch', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
