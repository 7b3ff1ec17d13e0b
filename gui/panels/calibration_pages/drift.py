"""The calibrations of one board over time."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from gui.panels.calibration_pages.page import Page, refill
from gui.plotting import curve_pen
from gui.theme import Theme
from gui.widgets.elided import ElidedLabel
from gui.widgets.labelled_plot import LabelledPlot
from gui.widgets.legend import colour_of
from labctl.calibrations.values import CalibrationHistory


class DriftPage(Page):
    """Median and quartiles of one figure at every calibration."""

    calibration_chosen = pyqtSignal(str)
    """The file of a calibration that should be shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._history: CalibrationHistory | None = None
        self._shown = ""
        self._figures = QComboBox()
        self._figures.setAccessibleName("Figure")
        self._figures.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._words = ElidedLabel()
        self._plot = LabelledPlot(theme, "Figure over time")
        self._plot.plot.plotItem.setAxisItems({"bottom": pyqtgraph.DateAxisItem("bottom")})
        self._plot.setToolTip("Median and quartiles over the passing columns; a click opens the calibration")
        self._plot.recolour(theme)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.hide()
        top = QHBoxLayout()
        top.addWidget(self._figures)
        top.addWidget(self._words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addLayout(top)
        column.addWidget(self._plot, 1)
        column.addWidget(self._note)
        self._figures.currentIndexChanged.connect(lambda _: self._draw())

    @property
    def board(self) -> str:
        """Whose history is shown; empty for none."""
        return "" if self._history is None else self._history.board

    def show_history(self, history: CalibrationHistory | None) -> None:
        """Show the calibrations of a board."""
        self._history = history
        if history is None:
            self._plot.plot.plotItem.clear()
            return
        names = dict.fromkeys(name for point in history.points for name in point.figures)
        refill(self._figures, [(history.labels.get(name, name).split(" / ")[0], name) for name in names])
        bad = len(history.unreadable)
        self._note.setVisible(bool(bad))
        self._note.setText(f"{bad} of its calibrations cannot be read." if bad else "")
        self._note.setToolTip("\n".join(item.problem for item in history.unreadable))
        self._draw()

    def mark(self, file: str) -> None:
        """Mark the calibration that is shown."""
        self._shown = file
        self._draw()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        super().recolour(theme)
        self._plot.recolour(theme)
        self._draw()

    def _draw(self) -> None:
        item = self._plot.plot.plotItem
        item.clear()
        history, name = self._history, str(self._figures.currentData())
        points = [] if history is None else [point for point in history.points if name in point.figures]
        if history is None or not points:
            return
        at = np.array([point.at for point in points])
        median, low, high = np.array([point.figures[name] for point in points]).T
        colour = colour_of("ordered", self.theme)
        muted = curve_pen(self.theme.muted)
        item.addItem(pyqtgraph.ErrorBarItem(x=at, y=median, top=high - median, bottom=median - low, pen=muted))
        item.plot(at, median, pen=curve_pen(colour))
        shown = [point.entry.file == self._shown for point in points]
        brushes = [QColor(self.theme.accent if here else colour) for here in shown]
        spots = pyqtgraph.ScatterPlotItem(
            x=at,
            y=median,
            size=[12 if here else 8 for here in shown],
            symbol=["d" if here else "s" for here in shown],
            pen=None,
            brush=brushes,
            data=[point.entry.file for point in points],
        )
        spots.sigClicked.connect(lambda _item, hit, *_: self.calibration_chosen.emit(str(hit[0].data())))
        item.addItem(spots)
        lead = f"{history.labels.get(name, name)}, median and quartiles over the passing columns"
        self._plot.say(lead)
        item.enableAutoRange()
        change = f", {100 * (median[-1] / median[0] - 1):+.2f} % since the first" if median[0] else ""
        self._words.say(f"{len(points)} calibrations of {history.board}{change if len(points) > 1 else ''}")
