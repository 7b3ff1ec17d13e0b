"""What a live session is to be: utterances, networks, counterparts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.keyword_setup import MODELS, Setup
from gui.offers import Offer, of_button
from gui.panels.keyword_source import SourceForm
from gui.theme import Theme, figures_font
from gui.widgets.empty import EmptyState
from gui.widgets.targets import target_icon
from labctl.service.messages import FolderChanged, Trouble
from labctl.service.messages_keyword import NetworkRow
from labctl.service.requests.keyword import ListNetworks

_PATH = Qt.ItemDataRole.UserRole


class SetupPage(QWidget):
    """Changes a :class:`gui.models.keyword_setup.Setup`.

    Args:
        desk: the service.
        theme: colours.
        setup: what is changed.
        train: brings the page forward that trains networks.
        failed: shows why something did not work.
    """

    changed = pyqtSignal()
    """Something else is chosen."""

    def __init__(
        self, desk: Desk, theme: Theme, setup: Setup, train: Callable[[], None], failed: Callable[[Trouble], None]
    ) -> None:
        super().__init__()
        self._desk = desk
        self._setup = setup
        self._failed = failed
        self.source = SourceForm(desk)
        self._tree = self._make_tree()
        self._empty = EmptyState(
            "No trained network here",
            "Networks that are trained on this bench are listed here. Train one, or add a file.",
            "Train networks",
            train,
        )
        looking = QLabel("Looking for networks …")
        looking.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        for widget in (looking, self._empty, self._tree):
            self._stack.addWidget(widget)
        self._models = {name: QCheckBox(name) for name in MODELS}
        self._add, self._refresh = QPushButton("&Add file…"), QPushButton("Re&fresh")
        self._record = QCheckBox("Record as a &comparison run")
        self._record.setToolTip("Every layer of every utterance is saved; reports and exports take the file")
        self._real_time = QCheckBox("&Real time")
        self._real_time.setToolTip("One utterance a second, instead of as fast as possible")
        self._lay_out()
        for name, box in self._models.items():
            box.setChecked(True)
            box.setToolTip(f"Show what the {name} model says beside the board")
            box.toggled.connect(self._take_choices)
        for box in (self._record, self._real_time):
            box.toggled.connect(self._take_choices)
        self.source.changed.connect(self._take_choices)
        self._tree.itemChanged.connect(self._tick)
        desk.on(FolderChanged, lambda told: self.refresh() if told.what == "runs" else None)
        self.recolour(theme)
        self.refresh()

    def offers(self) -> Iterable[Offer]:
        """What can be done on this page just now."""
        yield of_button(self._add, "Add a network file…")
        yield of_button(self._refresh, "Refresh the networks")
        yield of_button(self._record)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        for name, box in self._models.items():
            box.setIcon(target_icon(theme, name))

    def refresh(self) -> None:
        """Look for network files again."""
        self._desk.ask(ListNetworks(tuple(self._setup.added)), self._show, self._failed)

    def settle(self) -> Setup:
        """The choices as they are now."""
        self._take_choices()
        return self._setup

    def add_networks(self, paths: Iterable[Path]) -> None:
        """Networks from elsewhere."""
        self._setup.add_files(str(path) for path in paths)
        self.refresh()

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderLabels(["trained on", "accuracy", "file"])
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        tree.setAccessibleName("Networks")
        header = tree.header()
        assert header is not None
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        return tree

    def _lay_out(self) -> None:
        source = QGroupBox("Utterances")
        inner = QVBoxLayout(source)
        inner.addWidget(self.source)
        networks = QGroupBox("Networks")
        column = QVBoxLayout(networks)
        column.addWidget(self._stack, 1)
        buttons = QHBoxLayout()
        self._add.clicked.connect(self._choose)
        self._refresh.clicked.connect(self.refresh)
        buttons.addWidget(self._add)
        buttons.addWidget(self._refresh)
        buttons.addStretch(1)
        column.addLayout(buttons)
        counterparts = QGroupBox("Beside the board")
        row = QHBoxLayout(counterparts)
        for box in self._models.values():
            row.addWidget(box)
        row.addStretch(1)
        options = QHBoxLayout()
        options.addWidget(self._record)
        options.addWidget(self._real_time)
        options.addStretch(1)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(source, 1)
        right.addWidget(networks, 1)
        right.addWidget(counterparts)
        right.addLayout(options)
        inside = QWidget()
        across = QHBoxLayout(inside)
        across.setContentsMargins(4, 4, 4, 4)
        across.addLayout(left, 2)
        across.addLayout(right, 3)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def _show(self, rows: tuple[NetworkRow, ...]) -> None:
        self._setup.take(rows)
        self._tree.blockSignals(True)
        self._tree.clear()
        for row in self._setup.rows:
            item = QTreeWidgetItem([row.arm, f"{100 * row.accuracy:.1f} %", row.name])
            item.setData(0, _PATH, row.path)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = row.path in self._setup.ticked
            item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            item.setFont(1, figures_font())
            item.setToolTip(1, "On the validation voices, by what it was trained on")
            item.setToolTip(2, f"{row.path}\nseed {row.seed}\n{row.board}")
            self._tree.addTopLevelItem(item)
        self._tree.blockSignals(False)
        self._stack.setCurrentWidget(self._tree if self._setup.rows else self._empty)
        self.changed.emit()

    def _tick(self, item: QTreeWidgetItem, _column: int) -> None:
        path = item.data(0, _PATH)
        if item.checkState(0) == Qt.CheckState.Checked:
            self._setup.ticked.add(path)
        else:
            self._setup.ticked.discard(path)
        self.changed.emit()

    def _take_choices(self) -> None:
        setup = self._setup
        setup.models = {name for name, box in self._models.items() if box.isChecked()}
        setup.record, setup.real_time = self._record.isChecked(), self._real_time.isChecked()
        setup.source = self.source.choice
        self.changed.emit()

    def _choose(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Network files", "", "Networks (*.safetensors)")
        if names:
            self.add_networks(map(Path, names))
