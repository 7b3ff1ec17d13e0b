"""What is measured at each setting of a scan: readings, and a sweep of the board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import qtawesome
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import QFormLayout, QGroupBox, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from data.instrument import Quantity
from data.scan import BoardSweep, ScanPlan
from gui.models import plan_editing
from gui.models.sweeps import KINDS
from gui.theme import Theme
from gui.widgets.number import NumberField
from gui.widgets.quantity_choice import Choice, QuantityChoice


class MeasureForm(QWidget):
    """Readings and the board's sweep.

    Args:
        theme: colours.
    """

    edited = pyqtSignal(object, str)
    """The plan that is wanted, and what of it is new."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._plan = plan_editing.NOTHING
        self._rows: list[QWidget] = []
        self._new = QuantityChoice()
        self._new.setAccessibleName("Add a reading")
        line = self._new.lineEdit()
        assert line is not None
        line.setPlaceholderText("add a reading")
        self._readings = QVBoxLayout()
        self._readings.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._readings)
        column.addWidget(self._new)
        column.addWidget(self._build_sweep())
        self._new.picked.connect(self._add)

    def show_plan(self, plan: ScanPlan, known: Mapping[str, Quantity]) -> None:
        """Show what a plan measures, and tell nobody."""
        if plan.read != self._plan.read or len(self._rows) != len(plan.read):
            self._show_readings(plan.read)
        self._plan = plan
        self._new.offer({path: item for path, item in known.items() if path not in plan.read})
        self._new.show_path("")
        sweep = plan.sweep
        with QSignalBlocker(self._sweep):
            self._sweep.setChecked(sweep is not None)
        shown = sweep or BoardSweep(kind="random", most_points=50)
        self._kind.setCurrentIndex(max(0, self._kind.findData(shown.kind)))
        if self._kind.currentData() != shown.kind:
            self._kind.addItem(shown.kind, shown.kind)
            self._kind.setCurrentIndex(self._kind.count() - 1)
        self._budget.setCurrentIndex(self._budget.findData(shown.budget))
        self._seed.show_number(shown.seed)
        self._most.show_number(shown.most_points or 0)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._show_readings(self._plan.read)

    def _build_sweep(self) -> QWidget:
        self._sweep = QGroupBox("Sweep of the board at each setting")
        self._sweep.setCheckable(True)
        self._sweep.setChecked(False)
        self._kind, self._budget = Choice(), Choice()
        for kind, words in KINDS.items():
            self._kind.addItem(kind, kind)
            self._kind.setItemData(self._kind.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
        for budget in ("quick", "full"):
            self._budget.addItem(budget, budget)
        self._seed = NumberField(whole=True, low=0)
        self._most = NumberField(whole=True, low=0)
        self._most.setToolTip("Only the first so many points of it; 0 for all")
        form = QFormLayout(self._sweep)
        form.setContentsMargins(6, 4, 6, 6)
        form.setVerticalSpacing(4)
        form.addRow("kind", self._kind)
        pair = QHBoxLayout()
        pair.setSpacing(8)
        pair.addWidget(self._budget, 2)
        pair.addWidget(_beside("seed", self._seed))
        pair.addWidget(self._seed, 1)
        form.addRow("budget", pair)
        form.addRow("most points", self._most)
        for name, field in (("kind", self._kind), ("budget", self._budget), ("seed", self._seed)):
            field.setAccessibleName(f"Sweep of the board: {name}")
        self._most.setAccessibleName("Sweep of the board: most points, 0 for all")
        self._sweep.toggled.connect(self._take_sweep)
        self._kind.activated.connect(lambda _: self._take_sweep())
        self._budget.activated.connect(lambda _: self._take_sweep())
        self._seed.valueChanged.connect(lambda _: self._take_sweep())
        self._most.valueChanged.connect(lambda _: self._take_sweep())
        return self._sweep

    def _show_readings(self, read: tuple[str, ...]) -> None:
        for row in self._rows:
            self._readings.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [self._reading(path) for path in read]
        for row in self._rows:
            self._readings.addWidget(row)

    def _reading(self, path: str) -> QWidget:
        row = QWidget()
        label = QLabel(path)
        label.setToolTip(path)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        remove = QToolButton()
        remove.setIcon(qtawesome.icon("mdi6.close", color=self._theme.text))
        remove.setAutoRaise(True)
        remove.setToolTip(f"Do not read {path}")
        remove.setAccessibleName(f"Do not read {path}")
        remove.clicked.connect(partial(self._remove, path))
        line = QHBoxLayout(row)
        line.setContentsMargins(4, 0, 0, 0)
        line.addWidget(label, 1)
        line.addWidget(remove)
        return row

    def _add(self, path: str) -> None:
        if path:
            self.edited.emit(plan_editing.with_reading(self._plan, path), f"reading {path}")

    def _remove(self, path: str, _checked: bool = False) -> None:
        self.edited.emit(plan_editing.without_reading(self._plan, path), f"reading {path} removed")

    def _take_sweep(self) -> None:
        sweep = None
        if self._sweep.isChecked():
            most = round(self._most.value())
            sweep = BoardSweep(
                kind=self._kind.currentData(),
                seed=round(self._seed.value()),
                budget=self._budget.currentData(),
                most_points=most or None,
            )
        if sweep != self._plan.sweep:
            self.edited.emit(plan_editing.fitting(replace(self._plan, sweep=sweep)), "sweep of the board")


def _beside(words: str, field: QWidget) -> QLabel:
    label = QLabel(words)
    label.setBuddy(field)
    return label
