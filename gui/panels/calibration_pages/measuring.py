"""Measure the board and fit it, or fit sweeps that were measured before; and watch it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.calibration import local_time
from gui.models.calibration_steps import Steps
from gui.offers import Offer, of_button
from gui.panels.calibration_pages.page import Page
from gui.theme import Theme
from gui.widgets.light import light_icon
from labctl.calibrations.values import SweepEntry
from labctl.service.requests.calibration import Budget, Calibrate

BUDGETS: dict[Budget, str] = {
    "quick": "quick: about 10,000 vectors",
    "full": "full: four times as many",
    "optimal": "optimal: as long as quick, chosen for this board",
}
_FILE = Qt.ItemDataRole.UserRole


class MeasuringPage(Page):
    """A form while nothing is under way; the steps of it while it is."""

    wanted = pyqtSignal(object)
    """A :class:`labctl.service.requests.calibration.Calibrate`."""
    stop_wanted = pyqtSignal()
    """The calibration under way should end."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._connected = False
        self._measure = QRadioButton("&Measure the board, then fit")
        self._fit = QRadioButton("&Fit sweeps measured before")
        self._measure.setChecked(True)
        which = QButtonGroup(self)
        which.addButton(self._measure)
        which.addButton(self._fit)
        self._budget = QComboBox()
        self._budget.setAccessibleName("Budget")
        for name, words in BUDGETS.items():
            self._budget.addItem(words, name)
        self._seed = QSpinBox()
        self._seed.setRange(0, 999_999)
        self._seed.setPrefix("seed ")
        self._seed.setAccessibleName("Seed")
        self._seed.setToolTip("Of the vectors and weights that are drawn at random")
        self._sweeps = QTreeWidget()
        self._sweeps.setHeaderLabels(["sweep", "measured", "board", "run"])
        self._sweeps.setRootIsDecorated(False)
        self._sweeps.setAlternatingRowColors(True)
        self._sweeps.setUniformRowHeights(True)
        self._sweeps.setAccessibleName("Sweeps measured before")
        self._sweeps.setToolTip("Tick the sweeps to fit, with Space; the newest of each kind are ticked")
        self._items: dict[str, QTreeWidgetItem] = {}
        self._by_hand: set[str] = set()
        self._start = QPushButton("Measure and fit")
        self._start.setDefault(True)
        self._why_not = QLabel()
        self._why_not.setWordWrap(True)
        self._form = self._make_form()
        self._watch = _Watch(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._form, 1)
        column.addWidget(self._watch, 1)
        self._watch.hide()
        self._watch.stop_wanted.connect(self.stop_wanted)
        self._measure.toggled.connect(lambda _: self._show_form())
        self._sweeps.itemChanged.connect(self._ticked_by_hand)
        self._start.clicked.connect(lambda _=False: self.start())
        self._show_form()

    def offers(self) -> Iterable[Offer]:
        """What can be done on this page just now."""
        active = not self._watch.isHidden()
        start = of_button(self._start)
        yield replace(start, able=start.able and not active)
        yield Offer("Stop the calibration", self.stop_wanted.emit, able=active)

    def start(self) -> None:
        """Ask for what the form says."""
        if self._start.isEnabled():
            self.wanted.emit(self.request())

    def request(self) -> Calibrate:
        """What the form says."""
        if self._fit.isChecked():
            return Calibrate(runs=tuple(self.ticked()))
        return Calibrate(cast(Budget, self._budget.currentData()), self._seed.value())

    def ticked(self) -> list[str]:
        """Files of the sweeps that are ticked, oldest first."""
        items = (self._sweeps.topLevelItem(index) for index in range(self._sweeps.topLevelItemCount()))
        found = [item for item in items if item is not None and item.checkState(0) == Qt.CheckState.Checked]
        return [str(item.data(0, _FILE)) for item in reversed(found)]

    def show_sweeps(self, sweeps: Sequence[SweepEntry]) -> None:
        """The sweeps that can be fitted, newest first; what was ticked or unticked by hand stays so."""
        self._sweeps.blockSignals(True)
        wanted = {sweep.file for sweep in sweeps}
        for file in [file for file in self._items if file not in wanted]:
            self._sweeps.takeTopLevelItem(self._sweeps.indexOfTopLevelItem(self._items.pop(file)))
            self._by_hand.discard(file)
        for place, sweep in enumerate(sweeps):
            # A list of all runs that were ever measured is long, and every run adds but one to it.
            item = self._items.get(sweep.file)
            if item is None:
                item = self._items[sweep.file] = _item_of(sweep)
                self._sweeps.insertTopLevelItem(place, item)
            if sweep.file not in self._by_hand:
                item.setCheckState(0, Qt.CheckState.Checked if sweep.suggested else Qt.CheckState.Unchecked)
        for column in range(3):
            self._sweeps.resizeColumnToContents(column)
        self._sweeps.blockSignals(False)
        self._show_form()

    def show_board(self, connected: bool) -> None:
        """Whether there is a board to measure."""
        self._connected = connected
        self._show_form()

    def show_steps(self, steps: Steps) -> None:
        """How far the calibration under way is."""
        self._form.setVisible(not steps.active)
        self._watch.setVisible(steps.active)
        self._watch.show_steps(steps)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._watch.recolour(theme)

    def _ticked_by_hand(self, item: QTreeWidgetItem, _column: int) -> None:
        self._by_hand.add(str(item.data(0, _FILE)))
        self._show_form()

    def _make_form(self) -> QWidget:
        form = QWidget()
        line = QHBoxLayout()
        line.setContentsMargins(22, 0, 0, 0)
        line.addWidget(self._budget)
        line.addWidget(self._seed)
        line.addStretch(1)
        last = QHBoxLayout()
        last.addWidget(self._why_not, 1)
        last.addWidget(self._start)
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._measure)
        column.addLayout(line)
        column.addWidget(self._fit)
        column.addWidget(self._sweeps, 1)
        column.addLayout(last)
        return form

    def _show_form(self) -> None:
        fit = self._fit.isChecked()
        self._budget.setEnabled(not fit)
        self._seed.setEnabled(not fit)
        self._sweeps.setEnabled(fit)
        ticked = self.ticked()
        self._start.setText(f"Fit {len(ticked)} sweeps" if fit else "Measure and fit")
        self._start.setEnabled(bool(ticked) if fit else self._connected)
        why = "" if self._connected or fit else "No board is connected: connect one, or Simulate, in Instruments."
        if fit and not ticked:
            why = "Tick the sweeps to fit; random and held-out must be among them."
        self._why_not.setText(why)


def _item_of(sweep: SweepEntry) -> QTreeWidgetItem:
    board = f"{sweep.board}, SIMULATED" if sweep.simulated else sweep.board
    item = QTreeWidgetItem([sweep.kind, local_time(sweep.started), board, sweep.run_id])
    item.setData(0, _FILE, sweep.file)
    for place in range(4):
        item.setToolTip(place, sweep.file)
    return item


class _Watch(QWidget):
    """The steps of a calibration under way."""

    stop_wanted = pyqtSignal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._steps = QListWidget()
        self._steps.setFlow(QListView.Flow.LeftToRight)
        self._steps.setWrapping(True)
        self._steps.setResizeMode(QListView.ResizeMode.Adjust)
        self._steps.setSpacing(4)
        self._steps.setAccessibleName("Steps of the calibration")
        self._bar = QProgressBar()
        self._bar.setMaximum(1000)
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._stop = QPushButton("&Stop")
        self._stop.setToolTip("Keep the sweeps that are complete; they can be fitted later")
        self._rows: list[tuple[str, str]] = []
        self._last = Steps()
        line = QHBoxLayout()
        line.addWidget(self._message, 1)
        line.addWidget(self._stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._bar)
        column.addLayout(line)
        column.addWidget(self._steps, 1)
        self._stop.clicked.connect(lambda _=False: self.stop_wanted.emit())

    def show_steps(self, steps: Steps) -> None:
        """Show how far it is."""
        self._last = steps
        self._bar.setValue(int(1000 * steps.fraction))
        self._message.setText(steps.message)
        words = {"off": "to come", "busy": "at work", "ok": "done", "fault": "not complete"}
        rows = [(f"{name}: {words.get(light, light)}", light) for name, light in steps.rows()]
        if rows == self._rows:
            return
        self._rows = list(rows)
        self._steps.clear()
        for text, light in rows:
            self._steps.addItem(QListWidgetItem(light_icon(self._theme, light), text))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._rows = []
        self.show_steps(self._last)
