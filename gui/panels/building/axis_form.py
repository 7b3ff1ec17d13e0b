"""One axis of a scan: its quantity, its sort, its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QAbstractSpinBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from data.axes import Axis, ListAxis
from data.instrument import Quantity
from gui.models.figures import step_of
from gui.models.plan_editing import KINDS, as_kind, usual_axis, values_as_text, values_of_text
from gui.theme import figures_font
from gui.widgets.number import NumberField
from gui.widgets.quantity_choice import Choice, QuantityChoice

FIELDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "linear": (("start", "from"), ("stop", "to"), ("points", "points")),
    "log": (("start", "from"), ("stop", "to"), ("points", "points")),
    "centre-span": (("centre", "centre"), ("span", "span"), ("points", "points")),
    "range": (("low", "from"), ("high", "to")),
    "list": (),
}
"""The numbers of each sort: name in the plan and for people."""


class AxisForm(QWidget):
    """Shows an axis, and tells when somebody wants another one in its place.

    Args:
        axis: what is shown first.
        known: quantities that can be set, by path.
        nested: whether it moves together with others; it can then be no range.
    """

    changed = pyqtSignal(object, str)
    """The axis that is wanted, and what of it is new."""

    def __init__(self, axis: Axis, known: Mapping[str, Quantity], *, nested: bool = False) -> None:
        super().__init__()
        self._axis = axis
        self._known = known
        self._path = QuantityChoice()
        self._path.setAccessibleName("Quantity of the axis")
        self._kind = Choice()
        self._kind.setAccessibleName("Sort of axis")
        for kind, words in KINDS.items():
            if kind != "range" or not nested:
                self._kind.addItem(words, kind)
        self._fields: dict[str, NumberField] = {}
        self._values: QLineEdit | None = None
        self._row: QWidget | None = None
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._path, 3)
        head.addWidget(self._kind, 2)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._column.addLayout(head)
        self._path.picked.connect(self._take_path)
        self._kind.activated.connect(self._take_kind)
        self._build_row()
        self.show_axis(axis, known)

    def show_axis(self, axis: Axis, known: Mapping[str, Quantity]) -> None:
        """Show an axis, and tell nobody."""
        rebuild = axis.kind != self._axis.kind
        offered = self._path.count() == 0 or known.keys() != self._known.keys()
        self._axis, self._known = axis, known
        if rebuild:
            self._build_row()
        if offered:
            self._path.offer(known)
        self._path.show_path(axis.set)
        self._kind.setCurrentIndex(self._kind.findData(axis.kind))
        unit = self._unit()
        for name, field in self._fields.items():
            field.step = self._step(name)
            field.show_number(getattr(axis, name), {"points": "", "settle_s": "s"}.get(name, unit))
        if self._values is not None and isinstance(axis, ListAxis):
            text = values_as_text(axis.values)
            if self._values.text() != text:
                self._values.setText(text)
                self._values.setCursorPosition(0)

    def focus_first(self) -> None:
        """Give the quantity the keys."""
        self._path.setFocus()

    def _unit(self) -> str:
        quantity = self._known.get(self._axis.set)
        return "" if quantity is None else quantity.unit

    def _step(self, name: str) -> float:
        quantity = self._known.get(self._axis.set)
        return 0.0 if quantity is None or name in ("points", "settle_s", "span") else step_of(quantity)

    def _build_row(self) -> None:
        if self._row is not None:
            self._column.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
        self._row = row = QWidget()
        self._fields, self._values = {}, None
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(0)
        if isinstance(self._axis, ListAxis):
            self._add_values(grid)
        for name, words in (*FIELDS[self._axis.kind], ("settle_s", "settle")):
            self._add_number(grid, name, words)
        self._column.addWidget(row)

    def _add_values(self, grid: QGridLayout) -> None:
        line = QLineEdit()
        line.setFont(figures_font())
        line.setPlaceholderText("0, 0.5, 1")
        line.setToolTip("Numbers, on and off, or texts; separated by commas")
        line.setAccessibleName("Values of the axis")
        line.editingFinished.connect(self._take_values)
        self._values = line
        grid.addWidget(_caption("values", line), 0, 0)
        grid.addWidget(line, 1, 0)
        grid.setColumnStretch(0, 3)

    def _add_number(self, grid: QGridLayout, name: str, words: str) -> None:
        whole = name == "points"
        low = {"points": 1.0, "settle_s": 0.0}.get(name, float("-inf"))
        field = NumberField(self._unit(), whole=whole, low=low)
        field.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        field.setAccessibleName(f"Axis: {words}")
        field.valueChanged.connect(partial(self._take_number, name))
        if name == "settle_s":
            field.setToolTip("Seconds to wait after the quantity was set")
        place = grid.columnCount() if self._fields or self._values is not None else 0
        grid.addWidget(_caption(words, field), 0, place)
        grid.addWidget(field, 1, place)
        grid.setColumnStretch(place, 1 if whole or name == "settle_s" else 2)
        self._fields[name] = field

    def _take_path(self, path: str) -> None:
        quantity = self._known.get(path)
        before = self._known.get(self._axis.set)
        same = quantity is not None and before is not None and quantity.unit == before.unit and not quantity.choices
        # Numbers in other units mean nothing: a new quantity brings its own.
        axis = replace(self._axis, set=path) if same or quantity is None else usual_axis(path, quantity)
        self.changed.emit(axis, f"quantity {path}")

    def _take_kind(self, place: int) -> None:
        self.changed.emit(as_kind(self._axis, self._kind.itemData(place)), f"sort of {self._axis.set}")

    def _take_number(self, name: str, value: float) -> None:
        number: float = round(value) if name == "points" else value
        if number != getattr(self._axis, name):
            self.changed.emit(replace(self._axis, **{name: number}), f"{name} of {self._axis.set}")  # type: ignore[arg-type]

    def _take_values(self) -> None:
        if self._values is None or not isinstance(self._axis, ListAxis):
            return
        values = values_of_text(self._values.text(), self._known.get(self._axis.set))
        if values != self._axis.values:
            self.changed.emit(replace(self._axis, values=values), f"values of {self._axis.set}")


def _caption(words: str, field: QWidget) -> QLabel:
    label = QLabel(words)
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 0.88)
    label.setFont(font)
    label.setBuddy(field)
    return label
