"""Calibrations: measure and fit, look, compare, follow over time, apply and revert."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices, QShowEvent
from PyQt6.QtWidgets import (
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.calibration import earlier
from gui.models.calibration_steps import Steps
from gui.offers import Offer, of_button, of_tabs
from gui.panels.calibration_pages.array import ArrayPage
from gui.panels.calibration_pages.bar import CalibrationBar
from gui.panels.calibration_pages.compare import ComparePage
from gui.panels.calibration_pages.drift import DriftPage
from gui.panels.calibration_pages.measuring import MeasuringPage
from gui.panels.calibration_pages.order import OrderPage
from gui.panels.calibration_pages.page import Page
from gui.panels.calibration_pages.parameters import ParametersPage
from gui.panels.calibration_pages.residuals import ResidualsPage
from gui.panels.calibration_pages.summary import SummaryPage
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.notice import Notice
from labctl.calibrations.values import (
    CalibrationDifference,
    CalibrationEntry,
    CalibrationHistory,
    CalibrationView,
    OrderCurves,
    Probed,
    SweepEntry,
)
from labctl.service.messages import BenchStatus, FolderChanged, RunBegan, RunEnded, TaskProgress, Trouble
from labctl.service.messages_calibration import CalibrationInUse
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
    ReportCalibration,
    RevertCalibration,
)


class CalibrationPanel(QWidget):
    """The calibrations of the runs' folder, and one of them on several pages.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._entries: tuple[CalibrationEntry, ...] = ()
        self._file = ""
        self._view: CalibrationView | None = None
        self._steps = Steps()
        self._stale = True
        self._asked_for: set[str] = set()
        self._notice = Notice(theme)
        self._bar = CalibrationBar(theme)
        self._measuring = MeasuringPage(theme)
        self._order = OrderPage(theme)
        self._residuals = ResidualsPage(theme)
        self._compare = ComparePage(theme)
        self._drift = DriftPage(theme)
        self._pages: dict[str, Page] = {
            "Measure": self._measuring,
            "Summary": SummaryPage(theme),
            "Parameters": ParametersPage(theme),
            "Residuals": self._residuals,
            "Order": self._order,
            "Array": ArrayPage(theme),
            "Compare": self._compare,
            "Drift": self._drift,
        }
        self._tabs = QTabWidget()
        self._stack = QStackedWidget()
        self._build()
        self._connect()
        self._show_board(desk.bench)
        self._bar.show_entries(())
        self._show_view(None)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield from self._measuring.offers()
        for button in (self._bar.apply, self._bar.revert, self._bar.report):
            yield of_button(button)
        yield from of_tabs(self._tabs)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        for page in self._pages.values():
            page.recolour(theme)
        self._bar.recolour(theme)

    def show_page(self, title: str) -> None:
        """Bring a page to the front, e.g. ``Parameters``."""
        self._stack.setCurrentIndex(1)
        self._tabs.setCurrentWidget(self._pages[title])

    def refresh(self) -> None:
        """Look at the folder again, now or when the panel comes into sight."""
        self._stale = True
        if self.isVisible():
            self._stale = False
            self._desk.ask(ListCalibrations(), self._show_entries, self._notice.show_trouble)
            self._desk.ask(ListSweeps(), self._show_sweeps, self._notice.show_trouble)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """What has changed meanwhile is asked for."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def _build(self) -> None:
        self._tabs.setDocumentMode(True)
        self._tabs.setUsesScrollButtons(True)
        for title, page in self._pages.items():
            self._tabs.addTab(page, title)
        empty = EmptyState(
            "No calibration yet",
            "A calibration measures the board with about 10,000 vectors and fits the ordered and the order-blind model "
            "to them. Connect a board first, or fit sweeps that were measured before.",
            "Measure and fit…",
            partial(self.show_page, "Measure"),
        )
        self._stack.addWidget(empty)
        self._stack.addWidget(self._tabs)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self._bar)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self._bar.chosen.connect(self.open)
        self._bar.apply.clicked.connect(lambda _=False: self._apply_shown())
        self._bar.revert.clicked.connect(lambda _=False: self._ask_revert())
        self._bar.report.clicked.connect(lambda _=False: self._ask_report())
        self._tabs.currentChanged.connect(lambda _: self._fetch())
        self._measuring.wanted.connect(self._calibrate)
        self._measuring.stop_wanted.connect(self._stop)
        self._compare.other_chosen.connect(lambda _: self._fetch())
        self._drift.calibration_chosen.connect(self.open)
        for page in self._pages.values():
            page.column_chosen.connect(self._choose_column)
        desk = self._desk
        desk.on(BenchStatus, self._show_board)
        desk.on(FolderChanged, lambda change: self.refresh() if change.what == "runs" else None)
        desk.on(CalibrationInUse, self._bar.show_in_use)
        desk.on(TaskProgress, self._hear_task)
        desk.on(RunBegan, self._hear_run)
        desk.on(RunEnded, self._hear_end)

    # what there is

    def _show_entries(self, entries: tuple[CalibrationEntry, ...]) -> None:
        self._entries = entries
        self._bar.show_entries(entries)
        known = [item.file for item in entries]
        if self._file not in known:
            newest = next((item.file for item in entries if not item.problem), "")
            if newest:
                self.open(newest)
            else:
                self._file = ""
                self._show_view(None)
        else:
            self._compare.offer(earlier(self._entries, self._file))
            self._asked_for -= {"compare", "history"}
            self._fetch()

    def _show_sweeps(self, sweeps: tuple[SweepEntry, ...]) -> None:
        self._measuring.show_sweeps(sweeps)

    def _show_board(self, status: BenchStatus) -> None:
        board = status.device(BOARD)
        self._measuring.show_board(board is not None and board.connected)

    # one of them

    def open(self, file: str) -> None:
        """Show the calibration of a file."""
        self._file = file
        self._bar.mark(file)
        self._desk.ask(OpenCalibration(file), partial(self._opened, file), partial(self._not_opened, file))

    def _opened(self, file: str, view: CalibrationView) -> None:
        if file != self._file:
            return
        self._notice.clear()
        self._asked_for.clear()
        self._show_view(view)
        for page in self._pages.values():
            page.show_curves(None, "Reading its sweeps…")
        self._compare.offer(earlier(self._entries, file))
        if self._drift.board != view.entry.board:
            self._drift.show_history(None)
        else:
            self._asked_for.add("history")
        self._drift.mark(file)
        if self._tabs.currentWidget() is self._measuring and not self._steps.active:
            self.show_page("Summary")
        self._fetch()

    def _not_opened(self, file: str, trouble: Trouble) -> None:
        if file == self._file:
            self._show_view(None)
            self._notice.show_trouble(trouble)

    def _show_view(self, view: CalibrationView | None) -> None:
        self._view = view
        for page in self._pages.values():
            page.show_view(view)
        for place, page in enumerate(self._pages.values()):
            self._tabs.setTabEnabled(place, view is not None or page is self._measuring)
        if view is not None or self._steps.active or self._entries:
            self._stack.setCurrentIndex(1)
            if view is None:
                self._tabs.setCurrentWidget(self._measuring)
        elif self._stack.currentIndex() == 0 or self._tabs.currentWidget() is not self._measuring:
            self._stack.setCurrentIndex(0)
        self._bar.apply.setEnabled(view is not None)
        self._bar.report.setEnabled(view is not None)

    def _fetch(self) -> None:
        """Ask for what the page in front needs, once."""
        if self._view is None:
            return
        page, file = self._tabs.currentWidget(), self._file
        if page in (self._order, self._residuals) and self._once("curves"):
            self._desk.ask(OpenOrderCurves(file), partial(self._show_curves, file), partial(self._no_curves, file))
        if page is self._compare and self._compare.other and self._once(f"compare {self._compare.other}"):
            request = CompareCalibrations(file, self._compare.other)
            self._desk.ask(request, partial(self._show_difference, request), self._notice.show_trouble)
        if page is self._drift and self._once("history"):
            board = self._view.entry.board
            self._desk.ask(OpenCalibrationHistory(board), self._show_history, self._notice.show_trouble)

    def _once(self, what: str) -> bool:
        if what in self._asked_for:
            return False
        if what.startswith("compare"):
            self._asked_for = {item for item in self._asked_for if not item.startswith("compare")}
        self._asked_for.add(what)
        return True

    def _show_curves(self, file: str, curves: OrderCurves) -> None:
        if file == self._file:
            for page in self._pages.values():
                page.show_curves(curves)

    def _no_curves(self, file: str, trouble: Trouble) -> None:
        if file == self._file:
            for page in self._pages.values():
                page.show_curves(None, trouble.sentence)

    def _show_difference(self, request: CompareCalibrations, difference: CalibrationDifference) -> None:
        if (request.one, request.other) == (self._file, self._compare.other):
            self._compare.show_difference(difference)

    def _show_history(self, history: CalibrationHistory) -> None:
        self._drift.show_history(history)
        self._drift.mark(self._file)

    def _choose_column(self, column: int) -> None:
        sender = self.sender()
        for page in self._pages.values():
            if page is not sender:
                page.choose(column)

    # doing

    def _calibrate(self, request: Calibrate) -> None:
        self._notice.clear()
        number = self._desk.ask(request, self._calibrated, self._not_calibrated)
        self._steps.begin(number, measures=not request.runs)
        self._measuring.show_steps(self._steps)
        self.show_page("Measure")

    def _stop(self) -> None:
        if self._steps.number is not None:
            self._desk.cancel(self._steps.number)

    def _calibrated(self, entry: CalibrationEntry) -> None:
        self._steps.end()
        self._measuring.show_steps(self._steps)
        self._notice.say(f"Calibration {entry.calibration_id} is ready; Apply uses it from now on.", "ok")
        self._file = entry.file
        self._bar.mark(entry.file)
        self._desk.ask(OpenCalibration(entry.file), partial(self._new_opened, entry.file), self._notice.show_trouble)

    def _new_opened(self, file: str, view: CalibrationView) -> None:
        words = self._notice.text
        self._opened(file, view)
        if words:
            self._notice.say(words, "ok")
        self.refresh()

    def _not_calibrated(self, trouble: Trouble) -> None:
        self._steps.end()
        self._measuring.show_steps(self._steps)
        self._notice.show_trouble(trouble)
        self.refresh()

    def _apply_shown(self) -> None:
        self._notice.clear()
        self._bar.apply.setEnabled(False)
        self._desk.ask(ApplyCalibration(self._file), self._applied, self._not_applied)

    def _applied(self, found: Probed) -> None:
        self._bar.apply.setEnabled(self._view is not None)
        self._notice.say(
            f"{found.entry.calibration_id} is in use. The board is {found.words}.",
            "ok" if found.verdict == "fresh" else "warning",
        )

    def _not_applied(self, trouble: Trouble) -> None:
        self._bar.apply.setEnabled(self._view is not None)
        self._notice.show_trouble(trouble)

    def _ask_revert(self) -> None:
        self._notice.clear()
        self._desk.ask(RevertCalibration(), self._reverted, self._notice.show_trouble)

    def _reverted(self, now: str) -> None:
        what = "the latest calibration of the folder" if now == "latest" else f"calibration {now}"
        self._notice.say(f"Back to {what}.", "ok")

    def _ask_report(self) -> None:
        self._notice.clear()
        self._desk.ask(ReportCalibration(self._file), self._reported, self._notice.show_trouble)

    def _reported(self, page: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(page))
        self._notice.say(f"The report is {page}.", "ok")

    # watching

    def _hear_task(self, task: TaskProgress) -> None:
        if self._steps.hear_task(task):
            self._measuring.show_steps(self._steps)

    def _hear_run(self, run: RunBegan) -> None:
        if self._steps.hear_run(run):
            self._measuring.show_steps(self._steps)

    def _hear_end(self, run: RunEnded) -> None:
        self._steps.hear_end(run)
        if self._steps.active:
            self._measuring.show_steps(self._steps)
