"""Finished runs: find, mark, show, compare, take elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QPoint, Qt, QTimer, QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from PyQt6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.looks import Looks
from gui.models.run_list import MOST_TICKED, RunList
from gui.offers import Offer, of_action, of_button
from gui.panels.run_details import CompareView, FactsView
from gui.panels.run_export import ExportDialog
from gui.panels.runs_bar import RunActions, RunFilters, summary_label
from gui.panels.runs_table import RunsTable
from gui.panels.runs_view import RunsView
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.notice import Notice
from labctl.service.messages import FolderChanged, RunData, Trouble
from labctl.service.messages_runs import RunFacts, RunRow, RunsChanged, Stamp, Verified
from labctl.service.requests.library import ListRuns, NoteRun, ReadFacts, StampRuns, VerifyRun, WriteReport
from labctl.service.requests.runs import OpenRun, RunSweeps

FACTS_AFTER_MS = 120
IN_MENU = ("show", "tick", "use", "", "star", "cross", "", "report", "export", "verify", "", "folder", "path")


class RunsPanel(QWidget):
    """The list of runs with its filters, and beside it what the chosen run's file says.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._runs = RunList()
        self._drawn: dict[str, RunData] = {}
        self._facts: dict[str, RunFacts] = {}
        self._looks = Looks()
        self._asked_once = False
        self._notice = Notice(theme)
        self._table = RunsTable(self._runs, theme, self)
        self._view = RunsView(self._table)
        self._facts_view, self._compare_view = FactsView(), CompareView()
        self._export: ExportDialog | None = None
        self._does = RunActions(self._view)
        self._add_actions()
        self._filters = RunFilters(self._runs)
        self._summary = summary_label()
        self._details = QStackedWidget()
        self._details.addWidget(self._facts_view)
        self._details.addWidget(self._compare_view)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(FACTS_AFTER_MS)
        self._later.timeout.connect(self._ask_facts)
        self._lay_out()
        self._listen()
        self.setFocusProxy(self._view)
        self.recolour(theme)
        self._show_list()
        if desk.bench.runs:
            self.refresh()

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield from map(of_action, self._does)
        yield Offer("Filter runs", self._filters.line.setFocus)
        yield from map(of_button, self._switches.buttons())

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        self._table.recolour(theme)
        if self._export is not None:
            self._export.recolour(theme)
        self._does.recolour(theme)

    def refresh(self) -> None:
        """Look for new runs; a second look is taken only after the first is over."""
        if not self._looks.begin():
            return
        self._desk.ask(ListRuns(anew=not self._asked_once), self._listed, self._not_listed)
        self._asked_once = True
        self._show_list()

    @property
    def chosen(self) -> RunRow | None:
        """The run of the current row."""
        return self._view.chosen

    def choose(self, file: str) -> bool:
        """Make a run the current one; false while it is not in the list."""
        return self._view.choose(file)

    def tick(self, file: str, on: bool) -> None:
        """Draw a run over the plot, or no longer."""
        if not on:
            self._untick(file)
        elif self._runs.tick(file) is None:
            self._notice.say(f"{MOST_TICKED} runs are drawn over one another already; untick one first")
        else:
            self._desk.ask(OpenRun(file), partial(self._overlay, file), partial(self._not_opened, file))
            self._desk.ask(ReadFacts(file), self._keep_facts, lambda trouble: None)
        self._ticks_changed()

    def _add_actions(self) -> None:
        add = self._does.add
        add("show", "Show in the plot", self._show_run, "", "Show it in the live plot (Return)")
        add("tick", "Tick", self._toggle_ticks, "Space", "Draw it over the plot, and compare it")
        add("use", "Use these parameters", self._use, "U", "Edit its plan in the sweep builder")
        add("star", "Star", lambda: self._stamp("star"), "Ctrl+Alt+S", "Star, or no longer")
        add("cross", "Cross out", lambda: self._stamp("cross"), "Ctrl+Alt+X", "Cross out, or no longer")
        add("report", "Report", self._report, "", "Write its page and open it in the browser")
        add("export", "Export…", self._open_export, "Ctrl+E", "Write it for other programs")
        add("verify", "Verify", self._verify, "", "Compare the file with its checksums")
        add("folder", "Open folder", self._open_folder, "", "Show the folder in the file manager")
        add("path", "Copy path", self._copy_path, "Ctrl+C", "Copy the path of the file")
        add("refresh", "Refresh", self.refresh, "R", "Look for new runs")

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(3)
        bar.addWidget(self._filters, 3)
        bar.addWidget(self._summary, 2)
        for button in self._does.buttons():
            bar.addWidget(button)
        bar.addSpacing(6)
        self._switches = QButtonGroup(self)
        for number, text in enumerate(("Facts", "Compare")):
            switch = QToolButton()
            switch.setText(text)
            switch.setCheckable(True)
            switch.setChecked(number == 0)
            self._switches.addButton(switch, number)
            bar.addWidget(switch)
        self._switches.idClicked.connect(self._details.setCurrentIndex)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self._view)
        split.addWidget(self._details)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([560, 380])
        self._empty = EmptyState(
            "No runs yet",
            "Measured runs are listed here as soon as they begin.",
            "Measure a first sweep of the board",
            self._first_run,
        )
        self._reading = EmptyState("Looking for runs", "The first look at a large folder takes a while.")
        self._stack = QStackedWidget()
        for page in (self._empty, self._reading, split):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(bar)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)

    def _listen(self) -> None:
        self._view.run_activated.connect(self._show_run)
        self._view.chosen_changed.connect(self._chosen_changed)
        self._view.customContextMenuRequested.connect(self._show_menu)
        self._view.tick_wished.connect(self.tick)
        self._filters.changed.connect(self._refilter)
        self._facts_view.noted.connect(lambda run_id, text: self._ask(NoteRun(run_id, text)))
        self._desk.overlays_coloured.connect(self._table.take_colours)
        self._desk.on(RunsChanged, self._take)
        self._desk.on(FolderChanged, self._folder_changed)

    def _folder_changed(self, message: FolderChanged) -> None:
        if message.what == "runs":
            self.refresh()

    def _take(self, change: RunsChanged) -> None:
        gone = [file for file in self._runs.ticked if file in change.gone or change.anew]
        for file in gone:
            self._untick(file)
        for row in change.rows:
            if row.file not in self._runs.ticked:
                self._facts.pop(row.file, None)
        with self._view.kept():
            self._table.take(change)
        self._filters.fill()
        if gone:
            self._ticks_changed()
        self._show_list()

    def _refilter(self) -> None:
        with self._view.kept():
            self._table.arrange()
        self._show_list()

    def _show_list(self) -> None:
        page = 2 if len(self._runs) else (1 if self._looks.looking else 0)
        self._stack.setCurrentIndex(page)
        self._summary.setText(self._runs.summary() if len(self._runs) else "")
        self._show_actions()

    def _listed(self, count: int) -> None:
        self._end_look()

    def _not_listed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self._end_look()

    def _end_look(self) -> None:
        again = self._looks.end()
        self._show_list()
        if again:
            self.refresh()

    def _chosen_changed(self) -> None:
        row = self.chosen
        self._facts_view.show_run(row, None if row is None else self._facts.get(row.file))
        self._show_actions()
        if row is not None and row.file not in self._facts and row.status != "unreadable":
            self._later.start()

    def _show_actions(self) -> None:
        row = self.chosen
        readable = row is not None and row.status != "unreadable"
        facts = None if row is None else self._facts.get(row.file)
        self._does.enable(readable, "show", "tick", "export", "report")
        self._does.enable(row is not None, "star", "cross", "verify", "folder", "path")
        self._does.enable(facts is not None and bool(facts.plan), "use")

    def _ask_facts(self) -> None:
        row = self.chosen
        if row is not None:
            self._desk.ask(ReadFacts(row.file), self._keep_facts, lambda trouble: None)

    def _keep_facts(self, facts: RunFacts) -> None:
        row = self.chosen
        kept = {*self._runs.ticked, facts.file, "" if row is None else row.file}
        self._facts = {file: found for file, found in self._facts.items() if file in kept}
        self._facts[facts.file] = facts
        if row is not None and row.file == facts.file:
            self._facts_view.show_run(row, facts)
            self._show_actions()
        if facts.file in self._runs.ticked:
            self._show_comparison()

    def _ticks_changed(self) -> None:
        self._table.touch()
        self._show_comparison()
        self._show_list()

    def _show_comparison(self) -> None:
        self._compare_view.show_runs([self._facts[file] for file in self._runs.ticked if file in self._facts])

    def _toggle_ticks(self) -> None:
        files = [row.file for row in self._view.selected if row.status != "unreadable"]
        on = any(file not in self._runs.ticked for file in files)
        for file in files:
            if (file in self._runs.ticked) != on:
                self.tick(file, on)

    def _untick(self, file: str) -> None:
        self._runs.untick(file)
        data = self._drawn.pop(file, None)
        if data is not None:
            self._desk.overlay_changed.emit(data, False)

    def _overlay(self, file: str, data: RunData) -> None:
        if file in self._runs.ticked and file not in self._drawn:
            self._drawn[file] = data
            self._desk.overlay_changed.emit(data, True)

    def _not_opened(self, file: str, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self._untick(file)
        self._ticks_changed()

    def _show_run(self) -> None:
        row = self.chosen
        if row is not None and row.status != "unreadable":
            self._ask(OpenRun(row.file), self._opened)

    def _opened(self, data: RunData) -> None:
        self._desk.run_chosen.emit(data)
        self._desk.panel_wanted.emit("plot")

    def _use(self) -> None:
        row = self.chosen
        facts = None if row is None else self._facts.get(row.file)
        if facts is not None and facts.plan:
            self._desk.plan_offered.emit(facts.plan)
            self._desk.panel_wanted.emit("builder")

    def _stamp(self, stamp: Stamp) -> None:
        rows = self._view.selected
        if rows:
            off = all(row.stamp == stamp for row in rows)
            self._ask(StampRuns(tuple(row.run_id for row in rows), "" if off else stamp))

    def _report(self) -> None:
        if (row := self.chosen) is not None:
            self._notice.say(f"Writing the report of {row.run_id} …", "busy")
            self._desk.ask(WriteReport(row.file), self._reported, self._notice.show_trouble)

    def _reported(self, page: str) -> None:
        self._notice.say(f"The report is {page}", "ok")
        QDesktopServices.openUrl(QUrl.fromLocalFile(page))

    def _verify(self) -> None:
        if (row := self.chosen) is not None:
            self._notice.say(f"Reading {Path(row.file).name} …", "busy")
            self._desk.ask(VerifyRun(row.file), self._verified, self._notice.show_trouble)

    def _verified(self, found: Verified) -> None:
        self._notice.say(found.sentence, found.light)

    def _open_export(self) -> None:
        rows = [row for row in self._view.selected if row.status != "unreadable"]
        if not rows:
            return
        if self._export is None:
            self._export = ExportDialog(self._desk, self._theme, self)
        self._export.offer(rows)

    def _open_folder(self) -> None:
        if (row := self.chosen) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(row.file).parent)))

    def _copy_path(self) -> None:
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText("\n".join(row.file for row in self._view.selected))

    def _first_run(self) -> None:
        self._ask(RunSweeps(("random",)))

    def _ask(self, request: Any, answered: Callable[[Any], None] | None = None) -> None:
        self._notice.clear()
        self._desk.ask(request, answered, self._notice.show_trouble)

    def _show_menu(self, where: QPoint) -> None:
        if self.chosen is None:
            return
        menu = self._does.menu(*IN_MENU)
        viewport = self._view.viewport()
        assert viewport is not None
        menu.exec(viewport.mapToGlobal(where))
        menu.deleteLater()
