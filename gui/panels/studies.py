"""Studies: ask for one, watch it, read what it found."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from PyQt6.QtCore import QSize, Qt, QUrl
from PyQt6.QtGui import QDesktopServices, QShowEvent
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.studies import entry_row, state_words
from gui.offers import Offer, of_button
from gui.panels.study_pages.asking import AskingPage
from gui.panels.study_pages.points import PointsPage
from gui.panels.study_pages.results import FindingsPage, PicturesPage, TablePage
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.light import light_icon
from gui.widgets.notice import Notice
from labctl.service.messages import FolderChanged, ServiceGone, Trouble
from labctl.service.messages_studies import StudyProgress
from labctl.service.requests.studies import (
    ListStudies,
    OpenStudy,
    OpenStudyResults,
    ReportStudy,
    ResumeStudy,
    RunStudy,
)
from labctl.studies.values import StudyEntry, StudyKind, StudyResults, StudyView

_FOLDER = Qt.ItemDataRole.UserRole


class StudiesPanel(QWidget):
    """The studies of the runs' folder, and one of them on several pages.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._entries: tuple[StudyEntry, ...] = ()
        self._others: tuple[str, ...] = ()
        self._folder = ""
        self._view: StudyView | None = None
        self._results_of = ""
        self._running: dict[str, StudyProgress] = {}
        self._stale = True
        self._looking = False
        self._follow = False
        self._notice = Notice(theme)
        self._list = QTreeWidget()
        self._new = QPushButton("&New study…")
        self._add = QPushButton("Add &folder…")
        self._asking = AskingPage()
        self._points = PointsPage(theme)
        self._findings = FindingsPage()
        self._table = TablePage()
        self._pictures = PicturesPage()
        self._tabs = QTabWidget()
        self._stack = QStackedWidget()
        self._build()
        self._connect()
        self._show_view(None)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield of_button(self._new)
        yield of_button(self._add, "Add a folder…")
        yield of_button(self._asking.begin)
        yield from self._points.offers()
        yield of_button(self._findings.open)
        yield of_button(self._findings.write)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        self._points.recolour(theme)
        self._fill_list()

    def show_page(self, title: str) -> None:
        """Bring a page to the front, e.g. ``Points``."""
        self._stack.setCurrentIndex(1)
        titles = [self._tabs.tabText(index) for index in range(self._tabs.count())]
        self._tabs.setCurrentIndex(titles.index(title))

    def refresh(self) -> None:
        """Look at the folder again, now or when the panel comes into sight; one look at a time."""
        self._stale = True
        if self.isVisible() and not self._looking:
            self._stale, self._looking = False, True
            self._desk.ask(ListStudies(self._others), self._show_list, self._not_listed)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """What has changed meanwhile is asked for."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def _build(self) -> None:
        self._list.setHeaderLabels(["study", "state", "points", "changed"])
        self._list.setRootIsDecorated(False)
        self._list.setAlternatingRowColors(True)
        self._list.setIconSize(QSize(14, 14))
        self._list.setAccessibleName("Studies")
        self._list.setMinimumHeight(44)
        header = self._list.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for place in (1, 2, 3):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        self._add.setToolTip("Show a study that is in another folder")
        self._tabs.setDocumentMode(True)
        pages: dict[str, QWidget] = {
            "New": self._asking,
            "Points": self._points,
            "Findings": self._findings,
            "Table": self._table,
            "Pictures": self._pictures,
        }
        for title, page in pages.items():
            self._tabs.addTab(page, title)
        self._lay_out()

    def _lay_out(self) -> None:
        self._new.clicked.connect(lambda _=False: self.show_page("New"))
        buttons = QHBoxLayout()
        buttons.addWidget(self._new)
        buttons.addWidget(self._add)
        buttons.addStretch(1)
        above = QWidget()
        inside = QVBoxLayout(above)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._list, 1)
        inside.addLayout(buttons)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(above)
        halves.addWidget(self._tabs)
        halves.setStretchFactor(0, 1)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        empty = EmptyState(
            "No study yet",
            "A study computes the same question over many emulated boards and seeds, and writes a report. It runs in "
            "processes of its own, can be stopped, and goes on where it was.",
            "New study…",
            partial(self.show_page, "New"),
        )
        self._stack.addWidget(empty)
        self._stack.addWidget(halves)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self._list.currentItemChanged.connect(lambda item, _: self._choose(item))
        self._add.clicked.connect(lambda _=False: self._add_folder())
        self._asking.wanted.connect(self._run)
        self._points.stop_wanted.connect(self._stop)
        self._points.resume_wanted.connect(self._resume)
        self._findings.open.clicked.connect(lambda _=False: self._open_report())
        self._findings.write.clicked.connect(lambda _=False: self._write_report())
        self._tabs.currentChanged.connect(lambda _: self._fetch())
        self._desk.on(FolderChanged, lambda change: self.refresh() if change.what in ("studies", "runs") else None)
        self._desk.on(StudyProgress, self._hear)
        self._desk.on(ServiceGone, lambda _: self._forget_running())

    # what there is

    def _show_list(self, found: tuple[tuple[StudyKind, ...], tuple[StudyEntry, ...]]) -> None:
        kinds, self._entries = found
        self._asking.show_kinds(kinds)
        self._fill_list()
        known = [item.folder for item in self._entries if not item.problem]
        if self._folder in known:
            self._desk.ask(OpenStudy(self._folder), self._opened, self._not_opened)
        elif known:
            self.open(known[0])
        else:
            self._folder = ""
            self._show_view(None)
        self._looked()

    def _not_listed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self._looked()

    def _looked(self) -> None:
        self._looking = False
        if self._stale:
            self.refresh()

    def _fill_list(self) -> None:
        now = time.time()
        self._list.blockSignals(True)
        self._list.clear()
        for entry in self._entries:
            item = QTreeWidgetItem(list(entry_row(entry, now)))
            item.setIcon(1, light_icon(self._theme, state_words(entry)[0]))
            item.setData(0, _FOLDER, entry.folder)
            tip = "\n".join(part for part in (entry.title, entry.folder, entry.problem) if part)
            for place in range(4):
                item.setToolTip(place, tip)
            self._list.addTopLevelItem(item)
            if entry.folder == self._folder:
                self._list.setCurrentItem(item)
        self._list.blockSignals(False)

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study")
        if folder:
            self._others = (*self._others, folder)
            self.open(folder)
            self.refresh()

    # one of them

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.open(str(item.data(0, _FOLDER)))

    def open(self, folder: str) -> None:
        """Show the study of a folder."""
        if folder != self._folder:
            self._folder, self._results_of = folder, ""
            self._table.show_results(None)
            self._pictures.show_results(None)
        self._desk.ask(OpenStudy(folder), self._opened, self._not_opened)

    def _opened(self, view: StudyView) -> None:
        if view.entry.folder == self._folder:
            self._show_view(view)
            self._fetch()

    def _not_opened(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)

    def _show_view(self, view: StudyView | None) -> None:
        before, self._view = self._view, view
        for place in range(1, self._tabs.count()):
            self._tabs.setTabEnabled(place, view is not None)
        if view is None:
            if not self._stack.currentIndex() or self._tabs.currentIndex():
                self._stack.setCurrentIndex(0)
            return
        self._stack.setCurrentIndex(1)
        if before is None and view.findings and self._tabs.currentIndex() == 0:
            self.show_page("Findings")
        self._points.show_study(view, self._running.get(view.entry.folder))
        self._findings.show_findings(view.findings, view.report, view.entry.done > 0)

    def _fetch(self) -> None:
        """Table and pictures, when a page that shows them is in front and they may have changed."""
        view = self._view
        if view is None or self._tabs.currentWidget() not in (self._table, self._pictures):
            return
        wanted = f"{view.entry.folder} {view.report} {view.findings}"
        if wanted != self._results_of:
            self._results_of = wanted
            self._desk.ask(OpenStudyResults(view.entry.folder), self._show_results, self._notice.show_trouble)

    def _show_results(self, results: StudyResults) -> None:
        if results.folder == self._folder:
            self._table.show_results(results)
            self._pictures.show_results(results)

    # doing

    def _run(self, request: RunStudy) -> None:
        self._notice.clear()
        self._follow = True  # its folder is known when it begins
        self._desk.ask(request, self._ended, self._not_ended)
        self._notice.say(f"The {request.title} begins as soon as no other study runs.", "busy")

    def _resume(self) -> None:
        self._notice.clear()
        self._desk.ask(ResumeStudy(self._folder, self._asking.request().workers), self._ended, self._not_ended)

    def _stop(self) -> None:
        progress = self._running.get(self._folder)
        if progress is not None:
            self._desk.cancel(progress.number)

    def _ended(self, view: StudyView) -> None:
        failed = view.entry.failed
        if failed:
            self._notice.say(f"{failed} of {view.entry.points} points failed; Resume tries them again.", "warning")
        else:
            self._notice.say(f"The study {view.entry.study} is complete.", "ok")
        self._results_of = ""
        if view.entry.folder == self._folder:
            self.show_page("Findings" if view.findings else "Points")
            self._show_view(view)
        self.refresh()

    def _not_ended(self, trouble: Trouble) -> None:
        self._follow = False
        self._notice.show_trouble(trouble)
        self._results_of = ""
        self.refresh()

    def _open_report(self) -> None:
        if self._view is not None and self._view.report:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._view.report))

    def _write_report(self) -> None:
        self._notice.clear()
        self._desk.ask(ReportStudy(self._folder), self._written, self._notice.show_trouble)

    def _written(self, view: StudyView) -> None:
        self._results_of = ""
        self._opened(view)
        self._notice.say(f"The report is {view.report}.", "ok")

    def _forget_running(self) -> None:
        """Their processes end with the service; what is done stays, and Resume goes on from there."""
        self._running.clear()
        if self._view is not None:
            self._points.show_study(self._view, None)

    def _hear(self, progress: StudyProgress) -> None:
        if progress.over:
            self._running.pop(progress.folder, None)
        else:
            self._running[progress.folder] = progress
            if self._follow:
                self._follow = False
                self._notice.clear()
                self.open(progress.folder)
                self.show_page("Points")
        if self._view is not None and self._view.entry.folder == progress.folder:
            self._points.show_study(self._view, self._running.get(progress.folder))
