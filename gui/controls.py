"""What is always in sight: pause, stop, abort; what the engine does; whether it is real."""

from __future__ import annotations

import qtawesome
from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolBar, QToolButton, QWidget

from gui.actions import Actions
from gui.desk import Desk
from gui.models.spans import span
from gui.theme import Theme, figures_font
from gui.widgets.badge import SimulatedBadge
from gui.widgets.light import LightLabel
from gui.widgets.progress import ProgressLine
from labctl.service.messages import BenchStatus, EngineStatus, Light, TaskProgress
from labctl.service.requests.engine import Steer, Verb

RUN = "&Run"

_LIGHTS: dict[str, Light] = {"idle": "off", "running": "busy", "failed": "fault"}


class Controls(QToolBar):
    """The tool bar with the engine's controls; none of its buttons is ever disabled.

    Args:
        desk: the service.
        actions: where the actions go.
        theme: colours.
    """

    def __init__(self, desk: Desk, actions: Actions, theme: Theme) -> None:
        super().__init__("Run controls")
        self.setObjectName("controls")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setIconSize(QSize(20, 20))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._desk = desk
        self._theme = theme
        self._tasks: dict[int, TaskProgress] = {}
        self._offers = (False, "")
        self._pause = actions.add(RUN, "&Pause", self.pause_or_resume, keys="F6", tip="Hold at the next checkpoint")
        self._stop = actions.add(
            RUN,
            "&Stop",
            lambda: self._steer("stop"),
            keys="F7",
            tip="End at the next checkpoint, keep what is measured",
        )
        self._abort = actions.add(
            RUN, "&Abort", lambda: self._steer("abort"), keys="F8", tip="Everything to its safe state, now"
        )
        for action in (self._pause, self._stop, self._abort):
            self.addAction(action)
        self.addSeparator()
        self._light = LightLabel()
        self._state = QLabel("idle")
        self._bar = ProgressLine()
        self._bar.setMaximumWidth(220)
        self._counts = QLabel()
        self._counts.setFont(figures_font())
        self._badge = SimulatedBadge(theme)
        self._badge.hide()
        self.addWidget(self._line())
        desk.on(EngineStatus, lambda status: self._show())
        desk.on(BenchStatus, self._show_bench)
        desk.on(TaskProgress, self._hear_task)
        self.recolour(theme)

    def _line(self) -> QWidget:
        """What the engine does."""
        self._state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(8, 0, 8, 0)
        row.addWidget(self._light)
        row.addWidget(self._state, 1)
        row.addWidget(self._bar)
        row.addWidget(self._counts)
        row.addWidget(self._badge)
        return line

    def pause_or_resume(self) -> None:
        """Pause what runs, or go on when it is paused."""
        self._steer("resume" if self._desk.engine.state in ("paused", "pausing") else "pause")

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._stop.setIcon(qtawesome.icon("mdi6.stop", color=theme.text))
        self._abort.setIcon(qtawesome.icon("mdi6.alert-octagon", color=theme.fault))
        self._badge.recolour(theme)
        self._show()

    def _steer(self, verb: Verb) -> None:
        self._desk.ask(Steer(verb))

    def _show(self) -> None:
        status = self._desk.engine
        resume = status.state in ("paused", "pausing")
        if (resume, self._theme.name) != self._offers:  # a new picture is drawn by everything that shows the action
            self._offers = resume, self._theme.name
            self._pause.setText("&Resume" if resume else "&Pause")
            self._pause.setIcon(_icon("mdi6.play" if resume else "mdi6.pause", self._theme))
        task = next(iter(self._tasks.values()), None)
        if status.active or status.state == "failed" or task is None:
            self._show_engine(status)
        else:
            self._show_task(task)
        button = self.widgetForAction(self._pause)
        if isinstance(button, QToolButton):
            button.setToolTip(f"{'Go on' if resume else 'Hold at the next checkpoint'} (F6)")

    def _show_engine(self, status: EngineStatus) -> None:
        light = _LIGHTS.get(status.state, "warning")
        self._light.show_light(self._theme, light)
        words = [f"<b>{status.state}</b>"]
        if status.active:
            words.append(status.title)
        if status.reason:
            words.append(status.reason)
        elif status.waiting and status.state not in ("running", "idle"):
            words.append(status.waiting)
        self._state.setText(" · ".join(words))
        self._state.setToolTip(" · ".join([status.state, *words[1:]]))
        self._bar.setVisible(status.active)
        self._counts.setVisible(status.active)
        self._bar.show_fraction(status.done / max(status.total, 1))
        left = f", {span(status.left_s)} left" if status.left_s is not None else ""
        total = f" of {status.total}" if status.total else ""
        self._counts.setText(f"{status.done}{total}  {span(status.elapsed_s)}{left}")

    def _show_task(self, task: TaskProgress) -> None:
        self._light.show_light(self._theme, "busy")
        self._state.setText(f"<b>working</b> · {task.title}" + (f" · {task.message}" if task.message else ""))
        self._state.setToolTip(f"{task.title}: {task.message}")
        self._bar.show()
        self._counts.show()
        self._bar.show_fraction(task.fraction)
        self._counts.setText(f"{100 * task.fraction:3.0f} %")

    def _show_bench(self, status: BenchStatus) -> None:
        self._badge.setVisible(status.simulated)

    def _hear_task(self, task: TaskProgress) -> None:
        if task.state == "running":
            self._tasks[task.number] = task
        else:
            self._tasks.pop(task.number, None)
        self._show()


def _icon(name: str, theme: Theme) -> QIcon:
    icon: QIcon = qtawesome.icon(name, color=theme.text)
    return icon
