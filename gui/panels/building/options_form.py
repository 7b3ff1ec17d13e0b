"""How a scan goes through its settings, what ends an adaptive one, and what is asked of the bench."""

from __future__ import annotations

from dataclasses import replace

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QFormLayout, QGroupBox, QLineEdit, QVBoxLayout, QWidget

from data.scan import Adaptive, Needs, ScanPlan
from gui.models import plan_editing
from gui.widgets.fold import Fold
from gui.widgets.number import NumberField
from gui.widgets.quantity_choice import Choice


class OptionsForm(QWidget):
    """Snake, adaptive goal, needs, title and kind."""

    edited = pyqtSignal(object, str)
    """The plan that is wanted, and what of it is new."""

    def __init__(self) -> None:
        super().__init__()
        self._plan = plan_editing.NOTHING
        self._strategies: tuple[str, ...] = ()
        self._snake = QCheckBox("Snake: every other pass goes backwards")
        self._snake.setToolTip("No quantity jumps from its end to its beginning")
        self.more = Fold("Title, and what is asked of the bench", self._build_needs())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._snake)
        column.addWidget(self._build_adaptive())
        column.addWidget(self.more)
        self._snake.toggled.connect(lambda on: self._tell(replace(self._plan, snake=on), "snake"))

    def show_plan(self, plan: ScanPlan) -> None:
        """Show the options of a plan, and tell nobody."""
        self._plan = plan
        with QSignalBlocker(self._snake):
            self._snake.setChecked(plan.snake)
        self._snake.setVisible(len(plan.axes) > 1 and plan.adaptive is None)
        self._adaptive.setVisible(plan.adaptive is not None)
        if plan.adaptive is not None:
            self._goal.clear()
            self._goal.addItems(plan_editing.goals(plan) or ("nothing is measured yet",))
            self._goal.setCurrentIndex(self._goal.findText(plan.adaptive.goal))
            self._show_strategies()
            self._most.show_number(plan.adaptive.most)
            self._loss.show_number(plan.adaptive.loss)
        self._title.setText(plan.title)
        self._kind.setText(plan.kind)
        self._board.setText(plan.needs.board)
        self._calibration.setText(plan.needs.calibration)
        self._age.show_number(plan.needs.calibration_age_h or 0.0)

    def show_strategies(self, names: tuple[str, ...]) -> None:
        """Who could choose the settings of an adaptive scan."""
        if names and names != self._strategies:
            self._strategies = names
            self._show_strategies()

    def _show_strategies(self) -> None:
        """Those there are, and the one that the plan names: what is wrong with it is said below."""
        if self._plan.adaptive is not None:
            named = self._plan.adaptive.strategy
            self._strategy.clear()
            self._strategy.addItems(dict.fromkeys((*self._strategies, named)))
            self._strategy.setCurrentIndex(self._strategy.findText(named))

    def _build_adaptive(self) -> QWidget:
        self._adaptive = QGroupBox("Adaptive: settings where most is to be learnt")
        self._goal = Choice()
        self._goal.setAccessibleName("What is resolved")
        self._strategy = Choice()
        self._strategy.setAccessibleName("Who chooses the settings")
        self._strategy.setToolTip("A strategy by its name; plug-ins add theirs (entry points labctl.strategies)")
        self._most = NumberField(whole=True, low=1)
        self._most.setAccessibleName("Settings at most")
        self._loss = NumberField(low=0)
        self._loss.setAccessibleName("Loss at which it ends")
        self._loss.setToolTip("It ends when the strategy's loss is at most this")
        form = QFormLayout(self._adaptive)
        form.setContentsMargins(6, 4, 6, 6)
        form.setVerticalSpacing(4)
        rows = (
            ("resolves", self._goal),
            ("chosen by", self._strategy),
            ("at most", self._most),
            ("until loss", self._loss),
        )
        for words, field in rows:
            form.addRow(words, field)
        self._strategy.activated.connect(lambda _: self._take_adaptive())
        self._goal.activated.connect(lambda _: self._take_adaptive())
        self._most.valueChanged.connect(lambda _: self._take_adaptive())
        self._loss.valueChanged.connect(lambda _: self._take_adaptive())
        self._adaptive.hide()
        return self._adaptive

    def _build_needs(self) -> QWidget:
        content = QWidget()
        self._title, self._kind, self._board, self._calibration = (QLineEdit() for _ in range(4))
        self._age = NumberField("h", low=0)
        self._title.setPlaceholderText("one line for lists")
        self._kind.setToolTip("Goes into the name of the run file")
        self._board.setPlaceholderText("any board")
        self._calibration.setPlaceholderText("none; latest, or an id")
        self._age.setToolTip("How old the calibration may be; 0 for any age")
        form = QFormLayout(content)
        form.setContentsMargins(6, 0, 6, 0)
        form.setVerticalSpacing(4)
        for words, field in (
            ("title", self._title),
            ("name of file", self._kind),
            ("board", self._board),
            ("calibration", self._calibration),
            ("not older", self._age),
        ):
            form.addRow(words, field)
            field.setAccessibleName(words)
        for line in (self._title, self._kind, self._board, self._calibration):
            line.editingFinished.connect(self._take_words)
        self._age.valueChanged.connect(lambda _: self._take_words())
        return content

    def _take_adaptive(self) -> None:
        if self._plan.adaptive is None:
            return
        goal = self._goal.currentText() if plan_editing.goals(self._plan) else ""
        adaptive = Adaptive(
            goal=goal,
            most=round(self._most.value()),
            loss=self._loss.value(),
            strategy=self._strategy.currentText() or self._plan.adaptive.strategy,
        )
        self._tell(replace(self._plan, adaptive=adaptive), "adaptive scan")

    def _take_words(self) -> None:
        needs = Needs(
            board=self._board.text().strip(),
            calibration=self._calibration.text().strip(),
            calibration_age_h=self._age.value() or None,
        )
        kind = self._kind.text().strip() or "scan"
        self._tell(replace(self._plan, title=self._title.text().strip(), kind=kind, needs=needs), "title and needs")

    def _tell(self, plan: ScanPlan, what: str) -> None:
        if plan != self._plan:
            self.edited.emit(plan, what)
