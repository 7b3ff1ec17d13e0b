"""What a plan would do: count, time, size, the path, and every problem."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph
from PyQt6.QtGui import QColor, QResizeEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from gui.models.figures import unit_shown
from gui.plotting import Plot, curve_pen
from gui.theme import Theme
from gui.widgets.problems import ProblemList
from labctl.service.messages import Light
from labctl.service.messages_plans import DrawnAxis, PlanCheck, PlanPath

_ROOMY: Final = 150
"""Pixels from which there is room for the names of axes."""


class Preview(QWidget):
    """The path of a scan, and below it what is wrong.

    Args:
        theme: colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._check = PlanCheck()
        self._plot = Plot(theme)
        self._plot.setMinimumHeight(92)
        self._plot.setAccessibleName("Path of the scan")
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self.problems = ProblemList(theme)
        self.problems.setAccessibleName("Problems of the plan")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._plot, 100)
        column.addWidget(self.problems)
        column.addStretch(1)
        self.show_check(self._check)

    def show_check(self, check: PlanCheck) -> None:
        """Show what the service found."""
        self._check = check
        problems: list[tuple[Light, str]] = [("fault", sentence) for sentence in check.problems]
        self.problems.say([*problems, *(("off", sentence) for sentence in check.notes)])
        self._draw(check.path)
        self._show_names()  # a new label shows itself

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Where there is little room, the path has it; the names of its axes stand in the tool tip."""
        super().resizeEvent(event)
        self._show_names()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._plot.recolour(theme)
        self.problems.recolour(theme)
        self.show_check(self._check)

    def _draw(self, path: PlanPath | None) -> None:
        plot = self._plot.plotItem
        plot.clear()
        self._plot.setVisible(path is not None)
        if path is None:
            return
        self._plot.setToolTip(_told(path))
        if path.sort == "steps":
            (axis,) = path.axes
            self._label(None, axis)
            x, y = path.index.astype(float) + 1, axis.values
        elif path.sort == "ranges":
            self._draw_ranges(path)
            return
        else:
            # The second dimension changes most often: it lies across.
            down, across = path.axes
            self._label(across, down)
            x, y = across.values, down.values
        plot.setLogMode(x=path.sort == "plane" and path.axes[1].log, y=path.axes[0].log)
        colour = self._theme.accent
        plot.plot(x, y, pen=curve_pen(self._theme.muted))
        plot.plot(x, y, pen=None, symbol="o", symbolSize=4, symbolPen=None, symbolBrush=colour)
        plot.plot(x[:1], y[:1], pen=None, symbol="t1", symbolSize=11, symbolPen=None, symbolBrush=self._theme.ok)
        plot.autoRange(padding=0.08)

    def _draw_ranges(self, path: PlanPath) -> None:
        """Where an adaptive scan may look: a bar, or a field."""
        plot = self._plot.plotItem
        plot.setLogMode(x=False, y=False)
        first = path.axes[0]
        second = path.axes[1] if len(path.axes) > 1 else DrawnAxis("", "", np.array([0.0, 1.0]))
        self._label(first, second)
        x, y = first.values[[0, 1, 1, 0, 0]], second.values[[0, 0, 1, 1, 0]]
        fill = QColor(self._theme.accent)
        fill.setAlpha(50)
        curve = pyqtgraph.PlotCurveItem(x, y, pen=curve_pen(self._theme.accent), brush=fill, fillLevel=float(y.min()))
        plot.addItem(curve)
        if not second.name:
            plot.getAxis("left").setTicks([[]])
        plot.autoRange(padding=0.08)

    def _show_names(self) -> None:
        for side in ("bottom", "left"):
            self._plot.plotItem.getAxis(side).showLabel(self.height() >= _ROOMY)

    def _label(self, across: DrawnAxis | None, up: DrawnAxis) -> None:
        for side, axis in (("bottom", across), ("left", up)):
            item = self._plot.plotItem.getAxis(side)
            item.enableAutoSIPrefix(False)
            if axis is None:
                item.setLabel("setting")
                item.setTicks(None)
                continue
            # Upright there is room for the quantity alone; the tool tip has its device.
            name = _name(axis)
            item.setLabel(name if side == "bottom" else name.partition(".")[2] or name)
            item.setTicks([list(enumerate(axis.words))] if axis.words else None)


def _name(axis: DrawnAxis) -> str:
    unit = unit_shown(axis.unit)
    return f"{axis.name} ({unit})" if unit else axis.name


def _told(path: PlanPath) -> str:
    """What is drawn, in words."""
    names = [_name(axis) for axis in path.axes]
    if path.sort == "ranges":
        return f"chosen while it runs, within the ranges of {' and '.join(names)}"
    ways = f"{names[0]} over the settings" if path.sort == "steps" else f"across: {names[1]}\nup: {names[0]}"
    part = "" if path.complete else f"\n{len(path.index)} settings are drawn"
    more = f"\nnot drawn: {', '.join(path.more)}" if path.more else ""
    return f"{ways}\nthe triangle is the first setting{part}{more}"
