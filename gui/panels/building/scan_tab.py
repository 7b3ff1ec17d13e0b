"""A scan being built: axes, readings and options above, what it would do below."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import qtawesome
from PyQt6.QtCore import QEvent, QObject, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QFileDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from data.instrument import Quantity
from data.scan import ScanPlan
from data.scantext import scan_plan_as_json
from gui.desk import Desk
from gui.models import plan_editing
from gui.models.history import History
from gui.models.quantities import grouped, settable
from gui.offers import Offer, of_action
from gui.panels.building.axis_list import AxisList
from gui.panels.building.checker import PlanChecker
from gui.panels.building.measure_form import MeasureForm
from gui.panels.building.options_form import OptionsForm
from gui.panels.building.preview import Preview
from gui.panels.script import as_script
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.local import local_action
from labctl.service.messages import Trouble
from labctl.service.messages_plans import PlanCheck
from labctl.service.requests.plans import OpenPlan, SavePlan, TakePlan
from labctl.service.requests.runs import RunScan

_FILES: Final = "Scan plans (*.toml *.json)"
_TOOLS: Final = (
    ("new", "mdi6.file-outline", "New scan", "Ctrl+N"),
    ("open", "mdi6.folder-open-outline", "Open a plan…", ""),
    ("save", "mdi6.content-save-outline", "Save the plan…", "Ctrl+S"),
    ("undo", "mdi6.undo", "Undo", "Ctrl+Z"),
    ("redo", "mdi6.redo", "Redo", "Ctrl+Y"),
    ("script", "mdi6.language-python", "Copy as script", "Ctrl+Shift+C"),
)


class ScanTab(QWidget):
    """Edits one scan plan.

    Args:
        desk: the service.
        theme: colours.
    """

    checked = pyqtSignal()
    """The plan has been looked at, or has changed."""
    said = pyqtSignal(str, str)
    """A sentence for the panel's notice, and its light."""
    other_opened = pyqtSignal()
    """Another plan has taken the place of the one that was edited, or what should have could not be opened."""

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._known: Mapping[str, Quantity] = {}
        self._file = ""
        self.history = History(plan_editing.NOTHING)
        self.check = PlanCheck()
        self._checker = PlanChecker(desk, self)
        self._axes = AxisList(theme)
        self._measure = MeasureForm(theme)
        self._options = OptionsForm()
        self.preview = Preview(theme)
        self._add = QPushButton("Add axis")
        self._add.setMenu(QMenu(self._add))
        self._first = QMenu(self)
        self.tools = self._build_tools()
        """Buttons for the plan; the panel gives them a place."""
        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_empty())
        self._stack.addWidget(self._build_form())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._stack, 1)
        for form in (self._axes, self._measure, self._options):
            form.edited.connect(self.take)
        self._checker.checked.connect(self._show_check)
        desk.plan_offered.connect(self.take_json)
        desk.quantity_offered.connect(self.take_quantity)
        self.recolour(theme)
        self._show()

    def offers(self) -> Iterable[Offer]:
        """What can be done with the plan just now."""
        yield from (of_action(action) for action in self._actions.values())
        yield from (Offer(f"Add axis {path}", partial(self.add_axis, path)) for path in settable(self._known))

    @property
    def plan(self) -> ScanPlan:
        """As it is now."""
        return self.history.value

    @property
    def request(self) -> RunScan:
        """What measures it."""
        plan = self.plan
        return RunScan(scan_plan_as_json(plan), plan.title or "scan")

    @property
    def busy(self) -> bool:
        """Whether the newest plan has not been looked at yet."""
        return self._checker.busy

    def take(self, plan: ScanPlan, what: str) -> None:
        """Take another plan; it can be undone."""
        if self.history.change(plan, what, time.monotonic()):
            self._show()

    def take_json(self, text: str) -> None:
        """Take a plan from JSON text, e.g. that of a run."""
        self._desk.ask(TakePlan(text), lambda plan: self._replace(plan, "plan of a run"), self._not_taken)
        self._desk.panel_wanted.emit("builder")

    def take_quantity(self, path: str, role: str) -> None:
        """Take a quantity as an axis or as a reading."""
        if role == "axis":
            self.add_axis(path)
        else:
            self.take(plan_editing.with_reading(self.plan, path), f"reading {path}")

    def add_axis(self, path: str) -> None:
        """One more axis; the last changes most often."""
        self.take(plan_editing.with_axis(self.plan, path, self._known.get(path)), f"axis {path}")
        self._axes.focus_leg(len(self.plan.axes) - 1)

    def undo(self) -> None:
        """Take the last change back."""
        if self.history.undo():
            self._show()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.history.redo():
            self._show()

    def look_again(self, known: Mapping[str, Quantity]) -> None:
        """The bench has changed: other quantities, other limits."""
        if known != self._known:
            self._known = known
            self._fill_menu(self._add.menu())
            self._fill_menu(self._first)
            self._show()
        elif self.plan != plan_editing.NOTHING:
            self._checker.look_at(self.plan)

    def open_file(self, file: str) -> None:
        """Take the plan of a file."""
        self._desk.ask(OpenPlan(file), lambda plan: self._opened(plan, file), self._complain)

    def save_file(self, file: str) -> None:
        """Write the plan to a file."""
        name = file if Path(file).suffix.lower() in (".toml", ".json") else f"{file}.toml"
        self._desk.ask(SavePlan(self.plan, name), self._saved, self._complain)

    def copy_script(self) -> None:
        """Put a program that measures it on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(as_script([self.request.script()]))
            self.said.emit("The script is on the clipboard.", "ok")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Ctrl+Z takes back a change of the plan, not letters of a field."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and (event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo))
        ):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        for name, icon, _, _ in _TOOLS:
            self._actions[name].setIcon(qtawesome.icon(icon, color=theme.text, color_disabled=theme.line))
        for part in (self._axes, self._measure, self.preview):
            part.recolour(theme)

    def _build_tools(self) -> QToolBar:
        bar = QToolBar("Scan plan")
        bar.setIconSize(QSize(18, 18))
        does = {
            "new": self._new,
            "open": self._choose_open,
            "save": self._choose_save,
            "undo": self.undo,
            "redo": self.redo,
            "script": self.copy_script,
        }
        self._actions: dict[str, QAction] = {}
        for name, _, words, keys in _TOOLS:
            self._actions[name] = local_action(self, words, does[name], keys)
            bar.addAction(self._actions[name])
            if name in ("save", "redo"):
                bar.addSeparator()
        return bar

    def _build_empty(self) -> QWidget:
        self._empty = EmptyState(
            "Nothing is varied yet",
            "A scan sets quantities and measures at each setting. Add its first axis, or open a plan.",
            "Add axis",
            self._show_first,
        )
        return self._empty

    def _build_form(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(5)
        for heading, part in (("", self._axes), ("", self._add), ("Measured at each setting", self._measure)):
            if heading:
                label = QLabel(heading)
                font = label.font()
                font.setBold(True)
                label.setFont(font)
                column.addWidget(label)
            column.addWidget(part)
        column.addWidget(self._options)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(area)
        split.addWidget(self.preview)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setCollapsible(0, False)
        split.setSizes([300, 140])
        return split

    def _show(self) -> None:
        plan = self.plan
        self._axes.show_plan(plan, settable(self._known))
        self._measure.show_plan(plan, {path: item for path, item in self._known.items() if _can_read(path, item)})
        self._options.show_plan(plan)
        self._stack.setCurrentIndex(0 if plan == plan_editing.NOTHING else 1)
        for name, what in (("undo", self.history.undoable), ("redo", self.history.redoable)):
            action = self._actions[name]
            action.setEnabled(bool(what))
            keys = action.shortcut().toString()
            action.setToolTip(f"{name.capitalize()} {what} ({keys})" if what else f"{name.capitalize()} ({keys})")
        for name in ("new", "save", "script"):
            self._actions[name].setEnabled(plan != plan_editing.NOTHING)
        for field in (*self.findChildren(QAbstractSpinBox), *self.findChildren(QLineEdit)):
            field.installEventFilter(self)
        if plan == plan_editing.NOTHING:
            self._checker.forget()
            self.check = PlanCheck()
            self.preview.show_check(self.check)
        else:
            self._checker.look_at(plan)
        self.checked.emit()

    def _show_check(self, plan: ScanPlan, check: PlanCheck) -> None:
        if plan == self.plan:
            self.check = check
            self.preview.show_check(check)
            self._options.show_strategies(check.strategies)
        self.checked.emit()

    def _replace(self, plan: ScanPlan, what: str) -> None:
        self.take(plan, what)

    def _not_taken(self, trouble: Trouble) -> None:
        self.other_opened.emit()
        self._complain(trouble)

    def _new(self) -> None:
        self.other_opened.emit()
        self._replace(plan_editing.NOTHING, "new scan")

    def _opened(self, plan: ScanPlan, file: str) -> None:
        self.other_opened.emit()
        self._file = file
        self.take(plan, f"plan {Path(file).name}")

    def _saved(self, file: str) -> None:
        self._file = file
        self.said.emit(f"saved as {file}", "ok")

    def _complain(self, trouble: Trouble) -> None:
        self.said.emit("\n".join(trouble.problems) if len(trouble.problems) > 1 else trouble.sentence, "fault")

    def _choose_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a scan plan", self._file, _FILES)
        if name:
            self.open_file(name)

    def _choose_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the scan plan", self._file or "scan.toml", _FILES)
        if name:
            self.save_file(name)

    def _show_first(self) -> None:
        self._first.popup(self._empty.mapToGlobal(self._empty.rect().center()))

    def _fill_menu(self, menu: QMenu | None) -> None:
        assert menu is not None
        menu.clear()
        for device, paths in grouped(settable(self._known)).items():
            sub = menu.addMenu(device)
            assert sub is not None
            for path in paths:
                action = QAction(f"{path.partition('.')[2]}: {self._known[path].label}", sub)
                action.triggered.connect(partial(_call, partial(self.add_axis, path)))
                sub.addAction(action)
        menu.addSeparator()
        other = QAction("Another quantity", menu)
        other.setToolTip("Of a device that is not connected yet")
        other.triggered.connect(partial(_call, partial(self.add_axis, "")))
        menu.addAction(other)


def _call(do: object, _checked: bool = False) -> None:
    assert callable(do)
    do()


def _can_read(path: str, quantity: Quantity) -> bool:
    return not path.startswith("schedule.") and not any(isinstance(item, str) for item in quantity.choices)
