"""What can be read and set: values with units, limits and age; what a run has is locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from PyQt6.QtCore import QModelIndex, QPoint, QSize, QSortFilterProxyModel, Qt, QTimer
from PyQt6.QtGui import (
    QAction,
    QActionGroup,
    QGuiApplication,
    QHideEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from data.instrument import Value
from gui.desk import Desk
from gui.models.figures import figure, step_of, steps_of, value_text
from gui.models.parameters import Parameter, Parameters
from gui.offers import Offer
from gui.panels.parameter_editors import ParameterEditors
from gui.panels.parameter_items import AGE, LIMITS, PATH, QUANTITY, SEARCHED, VALUE, ParameterItems
from gui.theme import Theme
from gui.widgets.empty import EmptyState
from gui.widgets.notice import Notice
from labctl.service.messages import BenchStatus, Quantities, Readings, RunBegan, Trouble
from labctl.service.requests.bench import BOARD, Connect, Read, SetQuantity

EVERY_MS: Final = 2000
"""Between two readings of what is in sight."""
MAX_AGE_S: Final = 1.0
EMULATED: Final = "emulated"
NARROW: Final = 340
"""Pixels below which names would be cut off."""


class ParametersPanel(QWidget):
    """A tree of the connected devices' quantities.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._run = ""
        self._parameters = Parameters()
        self._notice = Notice(theme)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("Filter")
        self._filter.setClearButtonEnabled(True)
        self._filter.setAccessibleName("Filter parameters")
        self._items = ParameterItems(self._parameters, theme, parent=self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._items)
        self._shown.setRecursiveFilteringEnabled(True)
        self._shown.setFilterRole(SEARCHED)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._tree = _tree(self._shown)
        self._editors = ParameterEditors(self._parameters, self._tree)
        self._tree.setItemDelegate(self._editors)
        self._empty = EmptyState(
            "Nothing is connected",
            "Connect a device in the panel Instruments, or simulate a board to look around.",
            "Simulate a board",
            self._simulate,
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._tree)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self._filter)
        column.addWidget(self._notice)
        column.addWidget(self._stack, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._look)
        self._connect()
        for told in desk.quantities.values():
            self._parameters.hear_quantities(told)
        self._show_bench(desk.bench)
        self._rebuild()

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        found = self._chosen()
        yield Offer("Find a parameter", self._filter.setFocus, "Ctrl+F")
        if found is not None:
            yield Offer(f"Copy path {found.path}", self._copy, "Ctrl+C")
            yield Offer(f"Read {found.device} now", self._read_chosen, "F5", not found.owner)
            for role, able in _roles(found).items():
                yield Offer(f"Add {found.path} to scan as {role}", partial(self._offer, found.path, role), able=able)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._notice.recolour(theme)
        self._items.recolour(theme)

    def set_value(self, path: str, value: Value) -> None:
        """Set a quantity; what comes of it stands in its row."""
        found = self._parameters.find(path)
        if found is None or not found.may_set:
            return
        self._notice.clear()
        self._parameters.setting(path, value)
        self._items.refresh(found.device)
        self._desk.ask(
            SetQuantity(found.device, found.quantity.name, value),
            lambda told: self._was_set(path, value, told),
            lambda trouble: self._refused(path, value, trouble),
        )

    def _connect(self) -> None:
        self._filter.textChanged.connect(self._refilter)
        self._items.wanted.connect(self.set_value)
        self._tree.customContextMenuRequested.connect(self._show_menu)
        for keys, do in ((QKeySequence.StandardKey.Copy, self._copy), ("F5", self._read_chosen)):
            shortcut = QShortcut(QKeySequence(keys), self._tree)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(do)
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self._filter.setFocus)
        self._desk.on(BenchStatus, self._show_bench)
        self._desk.on(RunBegan, self._hear_run)
        self._desk.on(Quantities, self._hear_quantities)
        self._desk.on(Readings, self._hear_readings)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Where there is no room for the limits, the tool tips have them."""
        super().resizeEvent(event)
        self._tree.setColumnHidden(LIMITS, self.width() < NARROW)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """In sight, values are kept fresh."""
        super().showEvent(event)
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Out of sight, nobody is asked."""
        self._timer.stop()
        super().hideEvent(event)

    def _look(self) -> None:
        self._items.refresh()  # ages go on by themselves
        in_sight = {}
        for row in range(self._shown.rowCount()):
            index = self._shown.index(row, 0)
            in_sight[index.data(PATH)] = self._tree.isExpanded(index) and self._shown.rowCount(index) > 0
        for device in self._parameters.due(in_sight):
            self._read(device)

    def _read(self, device: str, max_age_s: float = MAX_AGE_S) -> None:
        if self._parameters.asked(device):
            self._desk.ask(
                Read(device, max_age_s),
                lambda _: self._parameters.answered(device),
                lambda trouble: self._not_read(device, trouble),
            )

    def _not_read(self, device: str, trouble: Trouble) -> None:
        self._parameters.answered(device)
        # A device that was let go of meanwhile is no news; any other reason stands in the rows and in Instruments.
        found = self._desk.bench.device(device)
        if found is not None and found.connected:
            self._notice.show_trouble(trouble)

    def _hear_run(self, began: RunBegan) -> None:
        self._run = began.title
        self._show_bench(self._desk.bench)

    def _show_bench(self, status: BenchStatus) -> None:
        if self._parameters.hear_bench(status, self._run):
            self._rebuild()
        self._items.refresh()

    def _hear_quantities(self, told: Quantities) -> None:
        self._parameters.hear_quantities(told)
        self._rebuild()

    def _rebuild(self) -> None:
        closed = {
            self._shown.index(row, 0).data(PATH)
            for row in range(self._shown.rowCount())
            if not self._tree.isExpanded(self._shown.index(row, 0))
        }
        self._items.rebuild()
        for row in range(self._shown.rowCount()):
            index = self._shown.index(row, 0)
            self._tree.setFirstColumnSpanned(row, QModelIndex(), True)
            self._tree.setExpanded(index, index.data(PATH) not in closed)
        self._stack.setCurrentIndex(1 if self._parameters.devices else 0)
        self._filter.setVisible(bool(self._parameters.devices))

    def _hear_readings(self, told: Readings) -> None:
        self._parameters.hear_readings(told, time.monotonic())
        self._items.refresh(told.device)

    def _refilter(self, text: str) -> None:
        self._shown.setFilterFixedString(text.strip())
        self._tree.expandAll()

    def _was_set(self, path: str, value: Value, told: Readings) -> None:
        self._parameters.was_set(path, value)
        self._items.refresh(told.device)

    def _refused(self, path: str, value: Value, trouble: Trouble) -> None:
        self._parameters.refused(path, trouble.sentence)
        found = self._parameters.find(path)
        unit = "" if found is None else found.quantity.unit
        self._items.refresh()
        self._notice.say(f"{path} was not set to {value_text(value, unit)}: {trouble.sentence}", "fault")

    def _chosen(self) -> Parameter | None:
        path = self._tree.currentIndex().data(PATH)
        return self._parameters.find(path) if isinstance(path, str) else None

    def _copy(self) -> None:
        found, clipboard = self._chosen(), QGuiApplication.clipboard()
        if found is not None and clipboard is not None:
            clipboard.setText(found.path)

    def _read_chosen(self) -> None:
        path = self._tree.currentIndex().data(PATH)
        if isinstance(path, str):
            self._read(path.partition(".")[0], 0.0)

    def _simulate(self) -> None:
        self._desk.ask(Connect(BOARD, EMULATED), failed=self._notice.show_trouble)

    def _show_menu(self, where: QPoint) -> None:
        found = self._chosen()
        viewport = self._tree.viewport()
        if found is None or viewport is None:
            return
        menu = self.menu_of(found)
        menu.exec(viewport.mapToGlobal(where))
        menu.deleteLater()

    def menu_of(self, found: Parameter) -> QMenu:
        """What can be done with a parameter."""
        menu = QMenu(self)
        copy = QAction(f"Copy path {found.path}", menu)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.triggered.connect(lambda _=False: self._copy())
        read = QAction("Read now", menu)
        read.setShortcut(QKeySequence("F5"))
        read.setEnabled(not found.owner)
        read.triggered.connect(lambda _=False: self._read(found.device, 0.0))
        menu.addActions([copy, read])
        menu.addSeparator()
        for role, able in _roles(found).items():
            add = QAction(f"Add to scan as {role}", menu)
            add.setEnabled(able)
            add.triggered.connect(partial(_call, partial(self._offer, found.path, role)))
            menu.addAction(add)
        if found.quantity.settable and not found.quantity.choices and not isinstance(found.value, str):
            self._add_steps(menu, found)
        return menu

    def _add_steps(self, menu: QMenu, found: Parameter) -> None:
        steps = menu.addMenu("Step of the arrow keys")
        assert steps is not None
        group = QActionGroup(steps)
        chosen = self._editors.steps.get(found.path, 0.0)
        usual = figure(step_of(found.quantity), found.quantity.unit)
        for step in (0.0, *steps_of(found.quantity)):
            text = figure(step, found.quantity.unit) if step else f"usual ({usual})"
            action = QAction(text, steps)
            action.setCheckable(True)
            action.setChecked(step == chosen)
            action.triggered.connect(partial(self._keep_step, found.path, step))
            group.addAction(action)
            steps.addAction(action)

    def _keep_step(self, path: str, step: float, _checked: bool = False) -> None:
        self._editors.steps[path] = step

    def _offer(self, path: str, role: str) -> None:
        self._desk.quantity_offered.emit(path, role)
        self._desk.panel_wanted.emit("builder")


def _roles(found: Parameter) -> dict[str, bool]:
    """What a parameter could be in a scan, and whether it can."""
    return {
        "axis": found.quantity.settable,
        "reading": not any(isinstance(item, str) for item in found.quantity.choices),
    }


def _call(do: Callable[[], None], _checked: bool = False) -> None:
    do()


def _tree(model: QSortFilterProxyModel) -> QTreeView:
    tree = QTreeView()
    tree.setModel(model)
    tree.setAccessibleName("Parameters")
    tree.setIconSize(QSize(14, 14))
    tree.setIndentation(12)
    tree.setUniformRowHeights(True)
    tree.setAllColumnsShowFocus(True)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setEditTriggers(
        QAbstractItemView.EditTrigger.DoubleClicked
        | QAbstractItemView.EditTrigger.EditKeyPressed
        | QAbstractItemView.EditTrigger.SelectedClicked
        | QAbstractItemView.EditTrigger.AnyKeyPressed
    )
    tree.setTabKeyNavigation(False)
    tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    header = tree.header()
    assert header is not None
    header.setStretchLastSection(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setSectionResizeMode(QUANTITY, QHeaderView.ResizeMode.Stretch)
    for column, width in ((VALUE, 100), (LIMITS, 76), (AGE, 44)):
        tree.setColumnWidth(column, width)
    header.setMinimumSectionSize(40)
    return tree
