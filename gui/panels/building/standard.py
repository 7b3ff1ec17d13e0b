"""The standard sweeps of the board: tick, choose how much, run."""

from __future__ import annotations

from typing import Final, Literal, cast

from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.costs import time_words
from gui.models.spans import size
from gui.models.sweeps import KINDS, explained
from gui.theme import figures_font
from gui.widgets.number import NumberField
from labctl.service.messages_plans import SweepCost
from labctl.service.requests.runs import RunSweeps

Budget = Literal["quick", "full"]
_HEADS: Final = ("sweep", "points", "time", "size")


class StandardSweeps(QWidget):
    """A list of kinds with what they cost; all of them are what a calibration needs."""

    changed = pyqtSignal()
    """Something else is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._costs: dict[str, SweepCost] = {}
        self._list = QTreeWidget()
        self._list.setHeaderLabels(list(_HEADS))
        self._list.setRootIsDecorated(False)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._list.setAccessibleName("Standard sweeps")
        header = self._list.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._about = QLabel("All of them together are what a calibration needs.")
        self._about.setWordWrap(True)
        self._budget = QComboBox()
        self._budget.addItems(["quick", "full"])
        self._budget.setAccessibleName("Budget")
        self._budget.setToolTip("full measures about four times as much")
        self._seed = NumberField(whole=True, low=0)
        self._seed.setAccessibleName("Seed")
        self._seed.setToolTip("Of the vectors and weights that are drawn at random")
        self._all = QPushButton("Untick all")
        row = QHBoxLayout()
        for words, field in (("budget", self._budget), ("seed", self._seed)):
            label = QLabel(words)
            label.setBuddy(field)
            row.addWidget(label)
            row.addWidget(field, 1)
        row.addWidget(self._all)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._list, 1)
        column.addWidget(self._about)
        column.addLayout(row)
        self._fill(tuple(KINDS))
        self._list.itemChanged.connect(lambda *_: self._tell())
        self._list.currentItemChanged.connect(lambda *_: self._explain())
        self._budget.currentTextChanged.connect(lambda _: self.changed.emit())
        self._seed.valueChanged.connect(lambda _: self.changed.emit())
        self._all.clicked.connect(self._toggle_all)

    @property
    def budget(self) -> Budget:
        """How much is measured."""
        return cast(Budget, self._budget.currentText())

    @property
    def ticked(self) -> tuple[str, ...]:
        """The chosen kinds."""
        return tuple(item.text(0) for item in self._items() if item.checkState(0) == Qt.CheckState.Checked)

    @property
    def request(self) -> RunSweeps:
        """What would be asked for; all kinds are none in particular."""
        ticked = self.ticked
        kinds = () if len(ticked) == len(self._items()) else ticked
        return RunSweeps(kinds, self.budget, round(self._seed.value()))

    @property
    def chosen_costs(self) -> tuple[SweepCost, ...]:
        """What the chosen kinds cost, as far as that is known."""
        return tuple(self._costs[kind] for kind in self.ticked if kind in self._costs)

    def show_costs(self, costs: tuple[SweepCost, ...]) -> None:
        """What the service says of the kinds."""
        self._costs = {item.kind: item for item in costs}
        if [item.text(0) for item in self._items()] != list(self._costs):
            self._fill(tuple(self._costs))
        with QSignalBlocker(self._list):
            for item in self._items():
                cost = self._costs[item.text(0)]
                for column, text in enumerate((str(cost.points), _short(cost.seconds), size(cost.bytes)), 1):
                    item.setText(column, text)
        self.changed.emit()

    def tick(self, kinds: tuple[str, ...]) -> None:
        """Choose kinds; none for all."""
        with QSignalBlocker(self._list):
            for item in self._items():
                on = not kinds or item.text(0) in kinds
                item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self._tell()

    def _fill(self, kinds: tuple[str, ...]) -> None:
        with QSignalBlocker(self._list):
            self._list.clear()
            for kind in kinds:
                item = QTreeWidgetItem([kind])
                item.setCheckState(0, Qt.CheckState.Checked)
                item.setToolTip(0, explained(kind))
                for column in (1, 2, 3):
                    item.setFont(column, figures_font())
                    item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._list.addTopLevelItem(item)

    def _items(self) -> list[QTreeWidgetItem]:
        found = (self._list.topLevelItem(row) for row in range(self._list.topLevelItemCount()))
        return [item for item in found if item is not None]

    def _tell(self) -> None:
        self._all.setText("Untick all" if len(self.ticked) == len(self._items()) else "Tick all")
        self.changed.emit()

    def _toggle_all(self) -> None:
        on = len(self.ticked) < len(self._items())
        with QSignalBlocker(self._list):
            for item in self._items():
                item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self._tell()

    def _explain(self) -> None:
        item = self._list.currentItem()
        if item is not None:
            self._about.setText(f"{item.text(0)}: {explained(item.text(0))}.")


def _short(seconds: float) -> str:
    return time_words(seconds).removeprefix("about ").replace("under 1 s", "< 1 s")
