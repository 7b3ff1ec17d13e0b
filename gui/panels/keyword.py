"""Keyword spotting, live: the board beside its counterparts, utterance by utterance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import qtawesome
from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.keyword import LiveSession, Row, state_line
from gui.models.keyword_setup import Setup
from gui.offers import Offer, of_button, of_tabs, plain
from gui.panels.keyword_layers import LayersPage
from gui.panels.keyword_live import LivePage
from gui.panels.keyword_setup import SetupPage
from gui.panels.keyword_totals import TotalsPage
from gui.panels.keyword_training import TrainingPage
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.notice import Notice
from labctl.service.messages import EngineStatus, TaskProgress, Trouble
from labctl.service.messages_keyword import SpottingBegan, TallyTold, UtteranceSpotted
from labctl.service.requests.engine import Steer

NETWORK_SUFFIX = ".safetensors"
_DRAW_MS = 120
"""Time between two drawings: faster than anybody reads, slow enough for the window to hear keys."""


class KeywordPanel(QWidget):
    """Chooses, starts and watches a live session; trains and compares networks.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._setup = Setup()
        self._session = LiveSession()
        self._number: int | None = None
        self._unready = False
        self._fresh: list[Row] = []
        self._notice = Notice(theme)
        self._start, self._pause, self._stop = QPushButton("&Start"), QPushButton("&Pause"), QPushButton("Sto&p")
        self._network = QComboBox()
        self._network.setAccessibleName("Network that is looked at")
        self._line = QLabel()
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._training = TrainingPage(desk, theme, self._setup, self._failed)
        self._choices = SetupPage(desk, theme, self._setup, self._show_training, self._failed)
        self._live = LivePage(theme, self._session)
        self._layers = LayersPage(theme, self._session)
        self._totals = TotalsPage(theme, self._session)
        self._tabs = QTabWidget()
        self._stacks: list[QStackedWidget] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DRAW_MS)
        self._timer.timeout.connect(self._draw)
        self._lay_out()
        self._connect()
        self.recolour(theme)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield of_button(self._start, "Start spotting", "Ctrl+Return")
        yield of_button(self._pause, f"{plain(self._pause.text())} spotting")
        yield of_button(self._stop, "Stop spotting")
        yield from self._choices.offers()
        yield from self._training.offers()
        yield from of_tabs(self._tabs)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._start.setIcon(qtawesome.icon("mdi6.play", color=theme.text))
        self._pause.setIcon(qtawesome.icon("mdi6.pause", color=theme.text))
        self._stop.setIcon(qtawesome.icon("mdi6.stop", color=theme.text))
        for part in (self._notice, self._choices, self._live, self._layers, self._totals, self._training):
            part.recolour(theme)
        self._show_buttons()

    def start(self) -> None:
        """Start a session as it is set up."""
        setup = self._choices.settle()
        problems = setup.problems()
        if self._number is not None:
            return
        self._unready = bool(problems)
        if problems:
            self._notice.show_trouble(Trouble("input", problems[0], problems))
            self._tabs.setCurrentWidget(self._choices)
            return
        self._notice.clear()
        self._number = self._desk.ask(setup.request(), self._ended, self._failed_session)
        self._line.setText("starting …")
        self._show_buttons()

    def _connect(self) -> None:
        self._start.clicked.connect(self.start)
        self._pause.clicked.connect(self._pause_or_resume)
        self._stop.clicked.connect(lambda: self._desk.ask(Steer("stop"), failed=self._failed))
        self._network.currentIndexChanged.connect(self._look_at)
        self._live.chosen.connect(self._draw_utterance)
        self._choices.changed.connect(self._recheck)
        self._tabs.currentChanged.connect(lambda _index: self._draw_utterance())
        keys = QShortcut(QKeySequence("Ctrl+Return"), self)
        keys.activated.connect(self.start)
        self._start.setToolTip("Start (Ctrl+Return)")
        self._pause.setToolTip("Hold before the next utterance, or go on (F6)")
        self._stop.setToolTip("End the session and keep it (F7)")
        self._desk.on(SpottingBegan, self._begin)
        self._desk.on(UtteranceSpotted, self._hear)
        self._desk.on(TallyTold, self._hear_tally)
        self._desk.on(TaskProgress, self._hear_progress)
        self._desk.on(EngineStatus, lambda _status: self._show_buttons())
        self._desk.files_offered.connect(self._take_files)

    def _recheck(self) -> None:
        """What was missing may be there now."""
        if self._unready and not self._setup.problems():
            self._unready = False
            self._notice.clear()

    def _pause_or_resume(self) -> None:
        held = self._desk.engine.state in ("paused", "pausing")
        self._desk.ask(Steer("resume" if held else "pause"), failed=self._failed)

    def _begin(self, began: SpottingBegan) -> None:
        self._session.begin(began)
        self._fresh.clear()
        self._network.blockSignals(True)
        self._network.clear()
        for name, arm in began.networks:
            self._network.addItem(f"{arm} arm", name)
            self._network.setItemData(self._network.count() - 1, name, 3)  # Qt.ItemDataRole.ToolTipRole
        self._network.setCurrentIndex(max(self._network.findData(self._session.network), 0))
        self._network.blockSignals(False)
        self._network.setVisible(len(began.networks) > 1)
        for stack in self._stacks:
            stack.setCurrentIndex(1)
        if self._tabs.currentWidget() is self._choices:
            self._tabs.setCurrentIndex(1)
        self._live.rebuild()

    def _hear(self, told: UtteranceSpotted) -> None:
        self._fresh.append(self._session.add(told))
        self._draw_soon()

    def _hear_tally(self, told: TallyTold) -> None:
        self._session.tally = told
        self._draw_soon()

    def _hear_progress(self, told: TaskProgress) -> None:
        if told.number == self._number and (self._session.tally is None or told.state == "waiting"):
            words = "waits for what is under way" if told.state == "waiting" else told.message
            self._line.setText(words)
            self._line.setToolTip(words)

    def _draw_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _draw(self) -> None:
        line = state_line(self._session)
        if line:
            self._line.setText(line)
            self._line.setToolTip(f"{line}\nmedian times of the latest utterances; the board's with its link")
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            self._live.append(fresh)
        if self._session.follows:
            self._draw_utterance()
        elif self._tabs.currentIndex() == 3:
            self._totals.show_tally()

    def _draw_utterance(self) -> None:
        """Only what is in sight is drawn."""
        index = self._tabs.currentIndex()
        if index == 1:
            self._live.show_utterance()
        elif index == 2:
            self._layers.show_utterance()
        elif index == 3:
            self._totals.show_tally()

    def _look_at(self, _index: int) -> None:
        self._session.network = self._network.currentData() or ""
        self._live.rebuild()
        self._draw_utterance()

    def _ended(self, files: tuple[str, ...]) -> None:
        self._over()
        if files:
            names = ", ".join(Path(file).name for file in files)
            self._notice.say(f"Recorded in {names}", "ok")

    def _failed_session(self, trouble: Trouble) -> None:
        self._over()
        self._failed(trouble)

    def _over(self) -> None:
        self._number = None
        self._line.setText(state_line(self._session))
        self._show_buttons()

    def _failed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)

    def _take_files(self, paths: tuple[Path, ...]) -> None:
        networks = [path for path in paths if path.suffix == NETWORK_SUFFIX]
        sounds = [path for path in paths if path.suffix != NETWORK_SUFFIX]
        if networks:
            self._choices.add_networks(networks)
        if sounds:
            self._choices.source.take_files(sounds)
        self._tabs.setCurrentWidget(self._choices)
        self._desk.panel_wanted.emit("keyword")

    def _show_training(self) -> None:
        self._tabs.setCurrentWidget(self._training)

    def _show_buttons(self) -> None:
        busy = self._number is not None
        held = self._desk.engine.state in ("paused", "pausing")
        self._start.setEnabled(not busy)
        self._pause.setEnabled(busy)
        self._stop.setEnabled(busy)
        self._pause.setText("&Resume" if held and busy else "&Pause")

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        for button in (self._start, self._pause, self._stop):
            row.addWidget(button)
        row.addWidget(self._line, 1)
        row.addWidget(self._network)
        self._network.hide()
        self._tabs.addTab(self._choices, "Set up")
        for page, title in ((self._live, "Live"), (self._layers, "Layers"), (self._totals, "Totals")):
            self._tabs.addTab(self._with_empty_state(page), title)
        self._tabs.addTab(self._training, "Train and compare")
        self._tabs.setDocumentMode(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(row)
        column.addWidget(self._notice)
        column.addWidget(self._tabs, 1)

    def _with_empty_state(self, page: QWidget) -> QStackedWidget:
        empty = EmptyState(
            "Nothing has been spotted yet",
            "Choose utterances and networks in Set up, then start: the board and its counterparts decide side by side.",
            "Start",
            self.start,
        )
        stack = QStackedWidget()
        stack.addWidget(empty)
        stack.addWidget(page)
        self._stacks.append(stack)
        return stack
