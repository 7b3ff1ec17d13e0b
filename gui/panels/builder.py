"""The sweep builder: standard sweeps of the board by ticking, scans of any quantities axis by axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PyQt6.QtCore import QMimeData, Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from gui.desk import Desk
from gui.models.costs import cost_words, sweeps_words
from gui.models.quantities import known_quantities
from gui.offers import Offer, of_button, of_tabs
from gui.panels.building.scan_tab import ScanTab
from gui.panels.building.standard import StandardSweeps
from gui.theme import Theme, figures_font
from gui.widgets.notice import Notice
from labctl.service.messages import BenchStatus, Quantities, Trouble
from labctl.service.requests.bench import BOARD, Connect
from labctl.service.requests.plans import PriceSweeps
from labctl.service.requests.queue import AddToQueue, EditEntry, scan_job, sweep_job

EMULATED = "emulated"


class BuilderPanel(QWidget):
    """Chooses what is measured, and starts or queues it.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._connected: frozenset[str] | None = None
        self._priced = ""
        self._entry = 0
        self.setAcceptDrops(True)
        self._notice = Notice(theme)
        self.standard = StandardSweeps()
        self.scan = ScanTab(desk, theme)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.standard, "Standard")
        self.tabs.addTab(self.scan, "Scan")
        self.tabs.setTabToolTip(0, "Standard sweeps of the board")
        self.tabs.setTabToolTip(1, "Set any quantities, and measure at each setting")
        self.tabs.setCornerWidget(self.scan.tools)
        self.tabs.setUsesScrollButtons(False)  # there are two: arrows take more room than they save
        self._cost = QLabel()
        self._cost.setFont(figures_font())
        self._cost.setWordWrap(True)
        self._cost.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._simulate = QPushButton("Simulate a board")
        self._simulate.setToolTip("No board is connected: connect an emulated one in its place")
        self._run = QPushButton("Run now")
        self._run.setToolTip("Measure this now (Ctrl+Return)")
        self._queue = QPushButton("Add to queue")
        self._queue.setToolTip("Measure this when its turn comes (Ctrl+Shift+Return)")
        row = QHBoxLayout()
        for button in (self._simulate, self._run, self._queue):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        column.addWidget(self.tabs, 1)
        column.addWidget(self._cost)
        column.addWidget(self._notice)
        column.addLayout(row)
        self.scan.tools.hide()
        self._wire()
        self._show_bench(desk.bench)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield of_button(self._run, keys="Ctrl+Return")
        yield of_button(self._queue, keys="Ctrl+Shift+Return")
        yield of_button(self._simulate)
        yield from of_tabs(self.tabs)
        if self._scanning:
            yield from self.scan.offers()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._notice.recolour(theme)
        self.scan.recolour(theme)

    def run_now(self) -> None:
        """Measure what is chosen; what keeps it from starting is said here."""
        if self._desk.engine.active:
            self._notice.say("A run is going on. Add this to the queue, or run it when that is over.")
        elif self._run.isEnabled() and self._ready():
            self._notice.clear()
            self._run.setEnabled(False)
            self._run.setText("Running…")
            request = self.scan.request if self._scanning else self.standard.request
            self._desk.ask(request, self._measured, self._not_measured)

    def add_to_queue(self) -> None:
        """Queue what is chosen."""
        if self._ready():
            self._notice.clear()
            chosen = self.standard.request
            job = sweep_job(chosen.kinds, chosen.budget, chosen.seed)
            if self._scanning:
                job = scan_job(self.scan.request.plan)
            entry = self._entry if self._scanning else 0
            request = EditEntry(entry, job) if entry else AddToQueue(job)
            self._desk.ask(request, self._queued, self._not_queued)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """The file of a plan may be dropped here."""
        if event is not None and _plan_file(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Open it."""
        file = "" if event is None else _plan_file(event.mimeData())
        if event is not None and file:
            event.acceptProposedAction()
            self.tabs.setCurrentWidget(self.scan)
            self.scan.open_file(file)

    @property
    def _scanning(self) -> bool:
        return self.tabs.currentWidget() is self.scan

    def _wire(self) -> None:
        self._run.clicked.connect(lambda _=False: self.run_now())
        self._queue.clicked.connect(lambda _=False: self.add_to_queue())
        self._simulate.clicked.connect(lambda _=False: self._connect_emulated())
        for keys, do in (("Ctrl+Return", self.run_now), ("Ctrl+Shift+Return", self.add_to_queue)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(do)
        self.tabs.currentChanged.connect(lambda _: self._show_chosen())
        self.standard.changed.connect(self._sweeps_changed)
        self.scan.checked.connect(self._show_cost)
        self.scan.said.connect(self._notice.say)
        self._desk.plan_offered.connect(lambda _: self.tabs.setCurrentWidget(self.scan))
        self._desk.quantity_offered.connect(lambda *_: self.tabs.setCurrentWidget(self.scan))
        self._desk.plan_offered.connect(lambda _: self._edit_entry(0))
        self._desk.entry_offered.connect(self._edit_entry)
        self.scan.other_opened.connect(lambda: self._edit_entry(0))
        self._desk.on(BenchStatus, self._show_bench)
        self._desk.on(Quantities, self._hear_quantities)

    def _show_bench(self, status: BenchStatus) -> None:
        board = status.device(BOARD)
        self._simulate.setVisible(board is not None and not board.connected)
        self._simulate.setEnabled(board is not None and board.light != "busy")
        connected = frozenset(device.name for device in status.devices if device.connected)
        if connected != self._connected:
            self._connected = connected
            self._priced = ""
            self._look_again()

    def _hear_quantities(self, told: Quantities) -> None:
        self._priced = ""
        self._look_again()

    def _look_again(self) -> None:
        self.scan.look_again(known_quantities(self._desk.bench, self._desk.quantities.values()))
        self._sweeps_changed()

    def _sweeps_changed(self) -> None:
        if self._priced != self.standard.budget and self._desk.bench.devices:
            self._priced = self.standard.budget
            self._desk.ask(PriceSweeps(self.standard.budget), self.standard.show_costs, self._notice.show_trouble)
        self._show_cost()

    def _show_chosen(self) -> None:
        self._notice.clear()
        self.scan.tools.setVisible(self._scanning)
        self._show_queue_button()
        self._show_cost()

    def _show_cost(self) -> None:
        if self._scanning:
            words = cost_words(self.scan.plan, self.scan.check, busy=self.scan.busy)
        else:
            words = sweeps_words(self.standard.chosen_costs) if self.standard.chosen_costs else ""
            words = words or ("" if self.standard.ticked else "no sweep is ticked")
        self._cost.setText(words)
        self._cost.setVisible(bool(words))

    def _ready(self) -> bool:
        """Whether what is chosen can be started as far as is known; says why not."""
        if not self._scanning:
            if not self.standard.ticked:
                self._notice.say("Tick at least one sweep.")
            return bool(self.standard.ticked)
        if not self.scan.plan.axes:
            self._notice.say("Add an axis first, or run standard sweeps.")
            return False
        problems = self.scan.check.problems
        if problems and not self.scan.busy:
            self._notice.say("It cannot start like this: see above what is wrong with it.", "fault")
            return False
        return True

    def _measured(self, files: Any) -> None:
        self._restore_run()

    def _not_measured(self, trouble: Trouble) -> None:
        self._restore_run()
        self._notice.show_trouble(trouble)

    def _restore_run(self) -> None:
        self._run.setEnabled(True)
        self._run.setText("Run now")

    def _queued(self, _: object) -> None:
        entry = self._entry if self._scanning else 0
        self._notice.say(f"Saved in entry {entry} of the queue." if entry else "Added to the queue.", "ok")
        self._edit_entry(0)

    def _not_queued(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self._edit_entry(0)  # it may have begun meanwhile: the next press adds a new one

    def _edit_entry(self, number: int) -> None:
        """The scan is that of a waiting entry of the queue; 0 for a scan of its own."""
        self._entry = number
        self._show_queue_button()

    def _show_queue_button(self) -> None:
        editing = self._entry if self._scanning else 0
        self._queue.setText(f"Save entry {editing}" if editing else "Add to queue")

    def _connect_emulated(self) -> None:
        self._notice.clear()
        self._desk.ask(Connect(BOARD, EMULATED), failed=self._notice.show_trouble)


def _plan_file(data: QMimeData | None) -> str:
    """The file of a plan that is dragged, empty for anything else."""
    urls = [] if data is None else data.urls()
    files = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return files[0] if len(files) == 1 and files[0].lower().endswith((".toml", ".json")) else ""
