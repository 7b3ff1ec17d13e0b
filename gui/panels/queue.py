"""The queue of runs: order, change, run, stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import qtawesome
from PyQt6.QtCore import QPoint, QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.looks import Looks
from gui.models.queue_list import NOTE, ON_FAILURE, PROGRESS, ROUNDS, STATE, TIME, WHAT, QueueModel
from gui.offers import Offer, of_action
from gui.panels.queue_table import QueueCells, QueueTable
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.local import local_action, look_like_a_list
from gui.widgets.notice import Notice
from gui.widgets.question import Question
from labctl.service.messages import BenchStatus, FolderChanged, TaskProgress, Trouble
from labctl.service.messages_queue import QueueList, QueueRow
from labctl.service.request import Request
from labctl.service.requests.queue import (
    AddToQueue,
    ClearQueue,
    DuplicateEntry,
    EditEntry,
    HaltQueue,
    ListQueue,
    MoveEntry,
    PlanOfEntry,
    RemoveEntries,
    RunQueue,
    calibrate_job,
    sweep_job,
)

_ICONS = {
    "run": "mdi6.play",
    "halt": "mdi6.stop-circle-outline",
    "up": "mdi6.arrow-up",
    "down": "mdi6.arrow-down",
    "edit": "mdi6.pencil-outline",
    "duplicate": "mdi6.content-duplicate",
    "remove": "mdi6.trash-can-outline",
    "clear": "mdi6.broom",
    "add": "mdi6.plus",
}
LOWEST_PX = 56
_WIDTHS = {STATE: 110, WHAT: 260, ROUNDS: 76, ON_FAILURE: 84, PROGRESS: 110, TIME: 70, NOTE: 200}


class QueuePanel(QWidget):
    """What waits for the bench, what runs, and what has ended.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._number: int | None = None
        self._looks = Looks()
        self._notice = Notice(theme)
        self._question = Question(theme)
        self._table = QueueTable(theme, self)
        self._view = self._make_view()
        self._summary = QLabel()
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._summary.setAccessibleName("State of the queue")
        self._buttons: dict[str, QToolButton] = {}
        self._does = {
            "run": self._action("Run queue", self.run, "", "Run what waits, one entry after another"),
            "halt": self._action("Stop queue", self._halt_after, "", "Stop after the entry that is running"),
            "up": self._action("Earlier", lambda: self._move(-1), "Alt+Up", "Move the entry up"),
            "down": self._action("Later", lambda: self._move(1), "Alt+Down", "Move the entry down"),
            "edit": self._action("Edit scan", self._edit, "E", "Edit the scan in the sweep builder"),
            "duplicate": self._action("Duplicate", self._duplicate, "Ctrl+D", "The same once more, at the end"),
            "remove": self._action("Remove", self._ask_remove, "Delete", "Take it out; run files stay"),
            "clear": self._action("Clear ended", self._clear, "", "Take out all that has ended; run files stay"),
        }
        self._stack = QStackedWidget()
        self._empty = EmptyState(
            "Nothing waits",
            "Build a sweep and add it to the queue, or press + for the standard ones.",
            "Open the sweep builder",
            lambda: self._desk.panel_wanted.emit("builder"),
        )
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._view)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(self._make_bar())
        column.addWidget(self._notice)
        column.addWidget(self._question)
        column.addWidget(self._stack, 1)
        self._listen()
        self.recolour(theme)
        self._show(self._table.queue)
        self.setFocusProxy(self._view)
        if desk.bench.runs:
            self.refresh()

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield from map(of_action, self._does.values())
        for name, before in (("add", "Add"), ("halt", "Stop")):
            menu, able = self._buttons[name].menu(), self._buttons[name].isEnabled()
            for action in [] if menu is None else menu.actions():
                yield replace(of_action(action, f"{before}: {action.text()}"), able=able)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        self._question.recolour(theme)
        self._table.recolour(theme)
        for name, button in self._buttons.items():
            icon = qtawesome.icon(_ICONS[name], color=theme.text, color_disabled=theme.line)
            # A button takes its icon from its action whenever that changes.
            self._does[name].setIcon(icon) if name in self._does else button.setIcon(icon)

    def refresh(self) -> None:
        """Look at the queue; a second look is taken only after the first has come."""
        if self._looks.begin():
            self._desk.ask(ListQueue(), self._listed, self._not_listed)

    def run(self) -> None:
        """Run what waits on the bench of this window."""
        self._notice.clear()
        self._number = self._desk.ask(RunQueue(), self._ran, self._not_ran)
        self._show_buttons()

    @property
    def chosen(self) -> QueueRow | None:
        """The entry of the current row."""
        return self._table.row_at(self._view.currentIndex())

    def _make_view(self) -> QTreeView:
        view = QTreeView()
        view.setModel(self._table)
        view.setItemDelegate(QueueCells(view))
        look_like_a_list(view, "Queue")
        view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        view.setDropIndicatorShown(True)
        view.setMinimumHeight(LOWEST_PX)
        view.customContextMenuRequested.connect(self._show_menu)
        header = view.header()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 52)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        return view

    def _make_bar(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        for name, action in self._does.items():
            row.addWidget(self._button(name, action))
            if name == "halt":
                row.addSpacing(8)
        add = QMenu(self)
        for text, job in (
            ("Standard sweeps, quick", sweep_job()),
            ("Standard sweeps, full", sweep_job(budget="full")),
            ("Calibration, quick", calibrate_job()),
            ("Calibration, full", calibrate_job("full")),
        ):
            choice = QAction(text, add)
            choice.triggered.connect(partial(self._ask_of_menu, AddToQueue(job)))
            add.addAction(choice)
        button = self._button("add", None)
        button.setToolTip("Put standard sweeps or a calibration at the end")
        button.setAccessibleName("Add to the queue")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(add)
        row.addWidget(button)
        row.addSpacing(10)
        row.addWidget(self._summary, 1)
        return row

    def _button(self, name: str, action: QAction | None) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setIconSize(QSize(18, 18))
        if action is not None:
            button.setDefaultAction(action)
            button.setAccessibleName(action.text())
        if name == "run":
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if name == "halt":
            menu = QMenu(self)
            for text, when in (("After this entry", "after"), ("Now, keep what is measured", "now")):
                choice = QAction(text, menu)
                choice.triggered.connect(partial(self._ask_of_menu, HaltQueue(when)))  # type: ignore[arg-type]
                menu.addAction(choice)
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._buttons[name] = button
        return button

    def _action(self, text: str, do: Callable[[], None], keys: str, tip: str) -> QAction:
        return local_action(self, text, do, keys, tip, self._view)

    def _listen(self) -> None:
        self._table.rounds_wished.connect(lambda number, rounds: self._ask(EditEntry(number, rounds=rounds)))
        self._table.on_failure_wished.connect(lambda number, what: self._ask(EditEntry(number, on_failure=what)))
        self._table.place_wished.connect(lambda number, place: self._ask(MoveEntry(number, place)))
        selection = self._view.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(lambda *_: self._show_buttons())
        self._desk.on(FolderChanged, self._folder_changed)
        self._desk.on(TaskProgress, self._hear_task)
        self._desk.on(BenchStatus, self._bench_changed)
        self._connected = False

    def _folder_changed(self, message: FolderChanged) -> None:
        if message.what == "queue":
            self.refresh()

    def _bench_changed(self, status: BenchStatus) -> None:
        board = status.devices[0].connected if status.devices else False
        if board != self._connected:  # estimates need the board
            self._connected = board
            self.refresh()

    def _hear_task(self, task: TaskProgress) -> None:
        if task.number == self._number and task.state == "running":
            self._show(QueueModel(self._table.queue.queue, task.fraction))

    def _listed(self, found: QueueList) -> None:
        running, before = QueueModel(found).running, self._table.queue
        same = running is not None and before.running is not None and running.number == before.running.number
        self._show(QueueModel(found, before.fraction if same else None))
        self._listed_all()

    def _not_listed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self._listed_all()

    def _listed_all(self) -> None:
        if self._looks.end():
            self.refresh()

    def _show(self, queue: QueueModel) -> None:
        chosen = self.chosen
        self._table.show_queue(queue)
        if chosen is not None and self.chosen is None:
            row = queue.row_of(chosen.number)
            if row is not None:
                self._view.setCurrentIndex(self._table.index(row, 0))
        self._stack.setCurrentWidget(self._view if queue.rows else self._empty)
        self._summary.setText(queue.summary() if queue.rows else "")
        self._summary.setToolTip(f"{queue.summary()}\n{queue.queue.path}")
        self._show_buttons()

    def _show_buttons(self) -> None:
        queue, chosen = self._table.queue, self.chosen
        waits = chosen is not None and chosen.state == "waiting"
        one = len(self._chosen_numbers()) == 1
        running = queue.queue.runner is not None or self._number is not None
        enabled = {
            "run": bool(queue.waiting) and not running,
            "halt": queue.queue.runner is not None,
            "up": waits and one and chosen is not None and queue.moved(chosen.number, -1) is not None,
            "down": waits and one and chosen is not None and queue.moved(chosen.number, 1) is not None,
            "edit": waits and one and chosen is not None and chosen.job == "scan",
            "duplicate": chosen is not None,
            "remove": chosen is not None,
            "clear": queue.ended > 0,
        }
        for name, able in enabled.items():
            self._does[name].setEnabled(able)
        self._buttons["halt"].setEnabled(enabled["halt"])

    def _chosen_numbers(self) -> tuple[int, ...]:
        selection = self._view.selectionModel()
        assert selection is not None
        rows = [self._table.row_at(index) for index in selection.selectedRows()]
        return tuple(row.number for row in rows if row is not None)

    def _ask(self, request: Request, answered: Callable[[Any], None] | None = None) -> None:
        self._notice.clear()
        self._desk.ask(request, answered, self._refused)

    def _ask_of_menu(self, request: Request, _checked: bool = False) -> None:
        self._ask(request)

    def _refused(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)
        self.refresh()

    def _ran(self, rows: tuple[QueueRow, ...]) -> None:
        self._number = None
        failed = [row for row in rows if row.state == "failed"]
        if failed:
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            self._notice.say(f"Entry {failed[0].number}{more} failed: {failed[0].message}", "fault")
        self.refresh()

    def _not_ran(self, trouble: Trouble) -> None:
        self._number = None
        self._show_buttons()
        self._refused(trouble)

    def _halt_after(self) -> None:
        self._ask(HaltQueue("after"))

    def _move(self, step: int) -> None:
        chosen = self.chosen
        place = None if chosen is None else self._table.queue.moved(chosen.number, step)
        if chosen is not None and place is not None:
            self._ask(MoveEntry(chosen.number, place))

    def _edit(self) -> None:
        chosen = self.chosen
        if chosen is not None and chosen.job == "scan" and chosen.state == "waiting":
            self._ask(PlanOfEntry(chosen.number), partial(self._offer, chosen.number))

    def _offer(self, number: int, plan: str) -> None:
        self._desk.panel_wanted.emit("builder")
        self._desk.plan_offered.emit(plan)
        self._desk.entry_offered.emit(number)

    def _duplicate(self) -> None:
        chosen = self.chosen
        if chosen is not None:
            self._ask(DuplicateEntry(chosen.number))

    def _ask_remove(self) -> None:
        numbers = self._chosen_numbers()
        if not numbers:
            return
        what = f"entry {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} entries"
        self._question.ask(
            f"Remove {what} from the queue? Run files stay where they are.",
            "Remove",
            lambda: self._ask(RemoveEntries(numbers)),
        )

    def _clear(self) -> None:
        self._ask(ClearQueue())

    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        for name in ("edit", "up", "down", "duplicate", "remove"):
            menu.addAction(self._does[name])
        viewport = self._view.viewport()
        assert viewport is not None
        menu.exec(viewport.mapToGlobal(where))
        menu.deleteLater()
