"""Plots that look like the window: colours of the theme, quiet axes, thin lines."""

from __future__ import annotations

from typing import Any

import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QGuiApplication

from gui.theme import Theme

# A wider pen is drawn a line at a time, ten times slower.
pyqtgraph.setConfigOptions(antialias=False, exitCleanup=False)

AXES = ("left", "bottom", "right", "top")


class Plot(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """A plot with axes on two sides.

    Args:
        theme: colours.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        axis_items: axes in place of the usual ones, by side.
    """

    def __init__(self, theme: Theme, x: str = "", y: str = "", axis_items: dict[str, Any] | None = None) -> None:
        super().__init__(axisItems=axis_items)
        self.setLabel("bottom", x)
        self.setLabel("left", y)
        self.plotItem.setMenuEnabled(False)
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme; curves are the panel's."""
        self.setBackground(QColor(theme.surface))
        for name in AXES:
            axis = self.plotItem.getAxis(name)
            axis.setPen(QColor(theme.line))
            axis.setTextPen(QColor(theme.text))
            # Codes have no unit: a factor of a thousand in small print beside them only misleads.
            axis.enableAutoSIPrefix(bool(axis.labelUnits))
        self.plotItem.showGrid(x=True, y=True, alpha=0.2)


def curve_pen(colour: str, *, dashed: bool = False) -> Any:
    """A pen for a curve: as thin as can be seen well, which on a screen of twice the density is two of its pixels."""
    app = QGuiApplication.instance()
    density = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    return pyqtgraph.mkPen(colour, width=max(1, round(density)), style=style)
