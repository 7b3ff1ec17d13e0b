"""What a plan would do: count, time, size, the path, and every problem."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from gui.models.figures import unit_shown
from gui.plotting import Plot, curve_pen
from gui.theme import Theme
from gui.widgets.light import light_icon
from labctl.service.messages_plans import DrawnAxis, PlanCheck, PlanPath

_MOST_LINES = 4


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
        self._plot.setMinimumHeight(90)
        self._plot.setAccessibleName("Path of the scan")
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._problems = QListWidget()
        self._problems.setAccessibleName("Problems of the plan")
        self._problems.setWordWrap(True)
        self._problems.setIconSize(QSize(14, 14))
        self._problems.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._problems.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._plot, 1)
        column.addWidget(self._problems)
        self.show_check(self._check)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said below the path."""
        items = (self._problems.item(row) for row in range(self._problems.count()))
        return tuple(item.text() for item in items if item is not None)

    def show_check(self, check: PlanCheck) -> None:
        """Show what the service found."""
        self._check = check
        self._problems.clear()
        for light, sentences in (("fault", check.problems), ("off", check.notes)):
            for sentence in sentences:
                item = QListWidgetItem(light_icon(self._theme, light), sentence)  # type: ignore[arg-type]
                word = "problem" if light == "fault" else "note"
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{word}: {sentence}")
                item.setToolTip(sentence)
                self._problems.addItem(item)
        lines = min(self._problems.count(), _MOST_LINES)
        self._problems.setVisible(lines > 0)
        self._problems.setFixedHeight(8 + lines * 2 * self._problems.fontMetrics().height())
        self._draw(check.path)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._plot.recolour(theme)
        self.show_check(self._check)

    def _draw(self, path: PlanPath | None) -> None:
        plot = self._plot.plotItem
        plot.clear()
        self._plot.setVisible(path is not None)
        if path is None:
            return
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

    def _label(self, across: DrawnAxis | None, up: DrawnAxis) -> None:
        for side, axis in (("bottom", across), ("left", up)):
            item = self._plot.plotItem.getAxis(side)
            item.enableAutoSIPrefix(False)
            if axis is None:
                item.setLabel("setting")
                item.setTicks(None)
                continue
            unit = unit_shown(axis.unit)
            item.setLabel(f"{axis.name} ({unit})" if unit else axis.name)
            item.setTicks([list(enumerate(axis.words))] if axis.words else None)
