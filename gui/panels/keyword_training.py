"""Train networks in some arms with their curves, and compare networks on a whole test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.models.keyword import share
from gui.models.keyword_setup import Setup
from gui.models.keyword_training import ARMS, Trainings
from gui.offers import Offer, of_button
from gui.plotting import Plot, curve_pen
from gui.theme import Theme, figures_font
from gui.widgets.targets import SYMBOLS, target_colour, target_icon
from labctl.service.messages import TaskProgress, Trouble
from labctl.service.messages_keyword import ComparedRow, EpochTold, TrainedRow
from labctl.service.requests.keyword import Size
from labctl.service.requests.training import CompareNetworks, TrainNetworks

_FORM_WIDE = 252


class TrainingPage(QWidget):
    """Asks for trainings and comparisons, and shows what comes of them.

    Args:
        desk: the service.
        theme: colours.
        setup: which networks are ticked.
        failed: shows why something did not work.
    """

    def __init__(self, desk: Desk, theme: Theme, setup: Setup, failed: Callable[[Trouble], None]) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._setup = setup
        self._failed = failed
        self._known = Trainings()
        self._number: int | None = None
        self._arms = {name: QCheckBox(name) for name in ARMS}
        self._size = QComboBox()
        self._size.addItems(get_args(Size))
        self._size.setCurrentText("small")
        self._folder = QLineEdit()
        self._folder.setPlaceholderText("synthetic words")
        self._folder.setToolTip("Folder of Google Speech Commands v2; empty for synthetic words")
        self._epochs, self._seed, self._limit = QSpinBox(), QSpinBox(), QSpinBox()
        self._train, self._compare = QPushButton("&Train"), QPushButton("&Compare ticked networks")
        self._stop = QPushButton("St&op")
        self._bar = QProgressBar()
        self._bar.setMaximum(1000)
        self._bar.setMaximumHeight(14)
        self._says = QLabel()
        self._says.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._loss = Plot(theme, "epoch", "loss")
        self._accuracy = Plot(theme, "epoch", "training accuracy (%)")
        self._curves: dict[tuple[str, str], Any] = {}
        self._results = _results_tree()
        self._lay_out()
        self._connect()
        self.recolour(theme)
        self._show_buttons()

    def offers(self) -> Iterable[Offer]:
        """What can be done on this page just now."""
        yield of_button(self._train, "Train networks")
        yield of_button(self._compare)
        yield of_button(self._stop, "Stop training or comparing")

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        for plot in (self._loss, self._accuracy):
            plot.recolour(theme)
        for name, box in self._arms.items():
            box.setIcon(target_icon(theme, name))
        for name, arm in list(self._curves):
            self._drop(name, arm)
        self._draw()

    def _connect(self) -> None:
        self._arms["unordered"].setChecked(True)
        self._arms["ordered"].setChecked(True)
        self._arms["board"].setToolTip("The board in the loop; starts from the ordered arm, which is trained too")
        self._arms["board"].toggled.connect(self._bring_ordered)
        self._epochs.setRange(0, 1000)
        self._epochs.setSpecialValueText("default")
        self._seed.setRange(0, 999_999)
        self._limit.setRange(0, 1_000_000)
        self._limit.setSpecialValueText("all")
        self._limit.setToolTip("Only that many test utterances in a comparison, spread over all")
        self._compare.setToolTip("Whole test set on the board and all counterparts; writes a comparison run each")
        self._train.clicked.connect(self._ask_training)
        self._compare.clicked.connect(self._ask_comparison)
        self._stop.clicked.connect(self._ask_stop)
        for box in self._arms.values():
            box.toggled.connect(lambda _on: self._show_buttons())
        self._desk.on(EpochTold, self._hear)
        self._desk.on(TaskProgress, self._hear_progress)

    def _bring_ordered(self, on: bool) -> None:
        if on:
            self._arms["ordered"].setChecked(True)

    def _ask_training(self) -> None:
        arms = tuple(name for name, box in self._arms.items() if box.isChecked())
        self._known.begin()
        self._draw()
        self._show_results()
        request = TrainNetworks(arms, self._speech, self._corpus, self._epochs.value(), self._seed.value())
        self._number = self._desk.ask(request, self._trained, self._ended)
        self._show_buttons()

    def _ask_comparison(self) -> None:
        request = CompareNetworks(
            self._setup.networks, self._speech, self._corpus, self._limit.value(), self._seed.value()
        )
        self._number = self._desk.ask(request, self._compared, self._ended)
        self._show_buttons()

    def _ask_stop(self) -> None:
        if self._number is not None:
            self._desk.cancel(self._number)
            self._says.setText("stopping; what is finished is kept …")

    @property
    def _speech(self) -> str:
        return self._folder.text().strip()

    @property
    def _corpus(self) -> Size:
        return next(size for size in get_args(Size) if size == self._size.currentText())

    def _hear(self, told: EpochTold) -> None:
        self._known.add(told)
        self._draw()

    def _hear_progress(self, told: TaskProgress) -> None:
        if told.number == self._number:
            self._bar.setValue(round(1000 * told.fraction))
            words = "waits for what is under way" if told.state == "waiting" else told.message
            self._says.setText(words)
            self._says.setToolTip(words)

    def _trained(self, rows: tuple[TrainedRow, ...]) -> None:
        self._known.trained = rows
        self._over("")

    def _compared(self, rows: tuple[ComparedRow, ...]) -> None:
        self._known.compared = rows
        self._over("")

    def _ended(self, trouble: Trouble) -> None:
        self._failed(trouble)
        self._over("")

    def _over(self, words: str) -> None:
        self._number = None
        self._bar.setValue(0)
        self._says.setText(words)
        self._show_results()
        self._show_buttons()

    def _show_buttons(self) -> None:
        busy = self._number is not None
        self._train.setEnabled(not busy and any(box.isChecked() for box in self._arms.values()))
        self._compare.setEnabled(not busy)
        self._stop.setEnabled(busy)
        self._bar.setVisible(busy)

    def _draw(self) -> None:
        for name, arm in list(self._curves):
            if arm not in self._known.curves:
                self._drop(name, arm)
        for arm, curve in self._known.curves.items():
            for kind, plot, values in (("loss", self._loss, curve.loss), ("acc", self._accuracy, curve.accuracy)):
                if (kind, arm) not in self._curves:
                    colour = target_colour(self._theme, arm)
                    self._curves[kind, arm] = plot.plot(
                        pen=curve_pen(colour), symbol=SYMBOLS[arm], symbolSize=6, symbolBrush=colour, symbolPen=None
                    )
                self._curves[kind, arm].setData(curve.epochs, values)

    def _drop(self, name: str, arm: str) -> None:
        plot = self._loss if name == "loss" else self._accuracy
        plot.removeItem(self._curves.pop((name, arm)))

    def _show_results(self) -> None:
        tree = self._results
        tree.clear()
        for row in self._known.trained:
            item = QTreeWidgetItem([f"trained: {row.arm}", "validation", f"{100 * row.accuracy:5.1f}", "", row.path])
            item.setIcon(0, target_icon(self._theme, row.arm))
            item.setToolTip(4, row.path)
            tree.addTopLevelItem(item)
        for found in self._known.compared:
            head = QTreeWidgetItem([f"compared: {found.arm}", f"{found.utterances} utterances", "", "", found.file])
            head.setToolTip(4, f"{found.network}\n{found.file}")
            for target, accuracy in found.accuracy.items():
                agreement = share(found.agreement[target])
                child = QTreeWidgetItem(["", target, share(accuracy), agreement, ""])
                child.setIcon(1, target_icon(self._theme, target))
                for column in (2, 3):
                    child.setFont(column, figures_font())
                head.addChild(child)
            tree.addTopLevelItem(head)
            head.setExpanded(True)

    def _lay_out(self) -> None:
        arms = QGroupBox("Trained on")
        grid = QGridLayout(arms)
        for index, box in enumerate(self._arms.values()):
            grid.addWidget(box, index // 2, index % 2)
        form = QFormLayout()
        form.addRow("Cor&pus", self._folder)
        form.addRow("Si&ze", self._size)
        form.addRow("&Epochs", self._epochs)
        form.addRow("See&d", self._seed)
        form.addRow("Test at &most", self._limit)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 2, 2)
        column.addWidget(arms)
        column.addLayout(form)
        column.addWidget(self._train)
        column.addWidget(self._compare)
        column.addWidget(self._stop)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        area.setFixedWidth(_FORM_WIDE)
        plots = QWidget()
        across = QHBoxLayout(plots)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(self._loss)
        across.addWidget(self._accuracy)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(plots)
        right.addWidget(self._results)
        right.setSizes([200, 140])
        right.setChildrenCollapsible(False)
        side = QWidget()
        below = QVBoxLayout(side)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self._bar)
        below.addWidget(self._says)
        below.addWidget(right, 1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(2, 4, 2, 2)
        whole.addWidget(area)
        whole.addWidget(side, 1)


def _results_tree() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels(["what", "on", "accuracy, % [95 %]", "as the board, %", "file"])
    tree.setIndentation(12)
    tree.setIconSize(QSize(12, 12))
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    tree.setAccessibleName("Networks that were trained and compared")
    header = tree.header()
    assert header is not None
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    return tree
