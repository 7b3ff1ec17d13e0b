"""A quantity over two axes, or the outputs of all columns, as an image with a colour bar and a crosshair."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from gui.models.trace import Numbers
from gui.plotting import Plot, curve_pen
from gui.theme import Theme
from gui.widgets.crosshair import Crosshair

COLOURS: Final = "viridis"
"""Told apart by the colour-blind, and in print without colours."""
BAR_WIDTH: Final = 14
AXIS_WIDTH: Final = 56


class _StepAxis(pyqtgraph.AxisItem):  # type: ignore[misc]
    """An axis that counts steps and says what each stands for: right for any spacing, also for texts."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.words: tuple[str, ...] = ()
        self.enableAutoSIPrefix(False)

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:  # noqa: N802
        """Whole steps only."""
        return [(max(1.0, spacing), offset) for spacing, offset in super().tickSpacing(low, high, size)[:1]]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        """What the steps stand for."""
        found = []
        for value in values:
            step = round(value)
            known = abs(value - step) < 1e-6 and 0 <= step < len(self.words)
            found.append(self.words[step] if known else "")
        return found


class ImageView(QWidget):
    """An image whose pixels are steps of two axes.

    Args:
        theme: colours.
    """

    pointed = pyqtSignal(int, int)
    """Step to the right and step upwards that the crosshair is on."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Image; arrows move the crosshair")
        self._axes = {name: _StepAxis(name) for name in ("bottom", "left")}
        self.plot = Plot(theme, axis_items=self._axes)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._item = pyqtgraph.ImageItem(axisOrder="row-major")
        self.plot.plotItem.addItem(self._item)
        self._bar = pyqtgraph.ColorBarItem(
            colorMap=pyqtgraph.colormap.get(COLOURS), width=BAR_WIDTH, interactive=False, colorMapMenu=False
        )
        self._bar.setImageItem(self._item, insert_in=self.plot.plotItem)
        self._steps = _StepAxis("bottom")
        self.slice = Plot(theme, axis_items={"bottom": self._steps})
        self.slice.plotItem.getAxis("left").setWidth(AXIS_WIDTH)
        self.plot.plotItem.getAxis("left").setWidth(AXIS_WIDTH)
        self.slice.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slice.setMaximumHeight(150)
        self.slice.hide()
        self._slice_curve = pyqtgraph.PlotCurveItem()
        self.slice.plotItem.addItem(self._slice_curve)
        self._values: Numbers = np.empty((0, 0))
        self._place: tuple[int, int] | None = None
        self._crosshair = Crosshair(self.plot, theme)
        self.plot.scene().sigMouseMoved.connect(self._point)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.plot, 3)
        column.addWidget(self.slice, 1)
        self.recolour(theme)

    @property
    def place(self) -> tuple[int, int] | None:
        """Step to the right and step upwards that the crosshair is on."""
        return self._place

    @property
    def values(self) -> Numbers:
        """What is drawn, shape (up, across)."""
        return self._values

    def show_image(
        self,
        values: NDArray[np.floating[Any]],
        across: tuple[str, tuple[str, ...]],
        up: tuple[str, tuple[str, ...]],
        label: str,
    ) -> None:
        """Draw an image.

        Args:
            values: shape (up, across); NaN where nothing was measured.
            across: label of the horizontal axis, and what its steps stand for.
            up: the same of the vertical axis.
            label: of the colour bar.
        """
        grown = values.shape != self._values.shape
        self._values = np.asarray(values, dtype=np.float64)
        self.slice.setLabel("left", label)
        self.plot.setLabel("bottom", across[0])
        self.plot.setLabel("left", up[0])
        for axis, words in ((self._axes["bottom"], across[1]), (self._steps, across[1]), (self._axes["left"], up[1])):
            if axis.words != words:
                axis.words = words
                axis.picture = None
        known = self._values[np.isfinite(self._values)]
        if not len(known):
            self._item.clear()
            return
        low, high = float(known.min()), float(known.max())
        self._item.setImage(self._values, autoLevels=False, levels=(low, high if high > low else low + 1.0))
        self._item.setRect(-0.5, -0.5, values.shape[1], values.shape[0])
        self._bar.setLevels(values=(low, high if high > low else low + 1.0))
        self._bar.getAxis("right").setLabel(label)
        if grown:
            self.home()
        if self._place is not None:
            self._stand(*self._place)

    def show_slice(self, wanted: bool) -> None:
        """Show the row under the crosshair as a curve, or not."""
        self.slice.setVisible(wanted)
        self._draw_slice()

    def home(self) -> None:
        """The whole image in sight."""
        up, across = self._values.shape
        self.plot.plotItem.getViewBox().setRange(xRange=(-0.5, across - 0.5), yRange=(-0.5, up - 0.5), padding=0)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self.plot.recolour(theme)
        self.plot.plotItem.showGrid(x=False, y=False)
        self.slice.recolour(theme)
        self._crosshair.recolour(theme)
        self._slice_curve.setPen(curve_pen(theme.accent))
        axis = self._bar.getAxis("right")
        axis.setPen(QColor(theme.line))
        axis.setTextPen(QColor(theme.text))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Arrows move the crosshair, with Shift ten steps at a time; Home shows everything."""
        assert event is not None
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        steps = {
            Qt.Key.Key_Left: (-far, 0),
            Qt.Key.Key_Right: (far, 0),
            Qt.Key.Key_Up: (0, far),
            Qt.Key.Key_Down: (0, -far),
        }
        key = Qt.Key(event.key())
        if key in steps and self._values.size:
            up, across = self._values.shape
            at = self._place or (across // 2, up // 2)
            self._stand(at[0] + steps[key][0], at[1] + steps[key][1])
        elif key == Qt.Key.Key_Home:
            self.home()
        else:
            super().keyPressEvent(event)

    def _point(self, at: QPointF) -> None:
        box = self.plot.plotItem.getViewBox()
        if self._values.size and box.sceneBoundingRect().contains(at):
            there = box.mapSceneToView(at)
            self._stand(round(there.x()), round(there.y()))

    def _stand(self, across: int, up: int) -> None:
        height, width = self._values.shape
        if not self._values.size:
            return
        across, up = min(max(across, 0), width - 1), min(max(up, 0), height - 1)
        self._place = (across, up)
        self._crosshair.put(across, up)
        self._draw_slice()
        self.pointed.emit(across, up)

    def _draw_slice(self) -> None:
        if self.slice.isHidden() or not self._values.size:
            return
        _, up = self._place or (0, self._values.shape[0] // 2)
        row = self._values[min(up, len(self._values) - 1)]
        known = np.flatnonzero(np.isfinite(row))
        self._slice_curve.setData(x=known.astype(float), y=row[known])
