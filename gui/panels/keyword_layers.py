"""Every layer of one utterance: the board against each model, residuals below, and the events in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from gui.models.keyword import LiveSession, limits
from gui.plotting import Plot, curve_pen
from gui.theme import Theme
from gui.widgets.targets import SYMBOLS, target_colour, target_icon
from labctl.service.messages_keyword import LayerView

MODELS = ("ordered", "unordered", "ideal")


class LayersPage(QWidget):
    """Draws the layers of the utterance that is looked at.

    Args:
        theme: colours.
        session: what is drawn.
    """

    def __init__(self, theme: Theme, session: LiveSession) -> None:
        super().__init__()
        self._theme = theme
        self._session = session
        self._layer, self._block = QComboBox(), QComboBox()
        self._layer.setAccessibleName("Layer")
        self._block.setAccessibleName("Block of the layer whose events are shown")
        self._models = {name: QCheckBox(name) for name in MODELS}
        self._scatter = Plot(theme, "", "board (codes)")
        self._residual = Plot(theme, "model (codes)", "residual")
        self._events = Plot(theme, "event", "activation")
        self._residual.setXLink(self._scatter)
        self._identity = self._scatter.plot()
        self._zero = self._residual.plot()
        self._points = {name: self._scatter_item(self._scatter, name) for name in MODELS}
        self._apart = {name: self._scatter_item(self._residual, name) for name in MODELS}
        self._sent: Any = pyqtgraph.BarGraphItem(x=[0], height=[0], width=0.8, pen=None)
        self._events.addItem(self._sent)
        self._figures, self._schedule = QLabel(), QLabel()
        for label in (self._figures, self._schedule):
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        for box in self._models.values():
            box.setChecked(True)
            box.toggled.connect(lambda _on: self.show_utterance())
        self._layer.currentIndexChanged.connect(lambda _index: self.show_utterance())
        self._block.currentIndexChanged.connect(lambda _index: self._show_events())
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        for plot in (self._scatter, self._residual, self._events):
            plot.recolour(theme)
            plot.plotItem.showGrid(x=False, y=False)  # drawn anew with every utterance, it costs more than the points
        for line in (self._identity, self._zero):
            line.setPen(curve_pen(theme.muted, dashed=True))
        for name, box in self._models.items():
            box.setIcon(target_icon(theme, name))
            colour = QColor(target_colour(theme, name))
            colour.setAlpha(150)
            for item in (self._points[name], self._apart[name]):
                item.setBrush(colour)
        self._sent.setOpts(brush=QColor(theme.measured))
        self.show_utterance()

    def show_utterance(self) -> None:
        """Draw the utterance that is looked at."""
        answer = self._session.answer
        names = [] if answer is None else [f"layer {index + 1}" for index in range(len(answer.layers))]
        _offer(self._layer, names)
        layer = self._chosen()
        _offer(self._block, [] if layer is None else [f"block {index + 1}" for index in range(len(layer.starts))])
        figures = []
        edges = [] if layer is None else [layer.measured]
        for name, box in self._models.items():
            expected = None if layer is None else layer.expected.get(name)
            box.setVisible(layer is None or expected is not None)
            if layer is None or expected is None or not box.isChecked():
                self._points[name].setData([], [])
                self._apart[name].setData([], [])
                continue
            apart = layer.measured - expected
            self._points[name].setData(expected, layer.measured)
            self._apart[name].setData(expected, apart)
            edges.append(expected)
            figures.append(f"{name} {np.sqrt(np.mean(apart**2)):.2f}")
        low, high = limits(*edges)
        self._identity.setData([low, high], [low, high])
        self._zero.setData([low, high], [0.0, 0.0])
        self._figures.setText(f"Residual (rms codes): {', '.join(figures)}" if figures else "")
        self._schedule.setText("" if layer is None else layer.schedule)
        self._show_events()

    def _show_events(self) -> None:
        layer, block = self._chosen(), self._block.currentIndex()
        if layer is None or not 0 <= block < len(layer.starts):
            self._sent.setOpts(x=[0], height=[0])
            return
        ends = (*layer.starts[1:], len(layer.sent))
        sent = layer.sent[layer.starts[block] : ends[block]]
        self._sent.setOpts(x=np.arange(1, len(sent) + 1), height=sent if len(sent) else [0] * len(sent))
        rows = layer.rows[layer.starts[block] : ends[block]]
        listed = ", ".join(str(row) for row in rows[:40])
        self._events.setToolTip(f"Rows in the order in which they sent: {listed}{' …' if len(rows) > 40 else ''}")

    def _chosen(self) -> LayerView | None:
        answer, index = self._session.answer, self._layer.currentIndex()
        return None if answer is None or not 0 <= index < len(answer.layers) else answer.layers[index]

    def _scatter_item(self, plot: Plot, name: str) -> Any:
        item = pyqtgraph.ScatterPlotItem(size=5, symbol=SYMBOLS[name], pen=None)
        item.setZValue(-MODELS.index(name))  # the best model is not hidden by the others
        plot.addItem(item)
        return item

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._layer)
        for box in self._models.values():
            row.addWidget(box)
        row.addStretch(1)
        row.addWidget(QLabel("Events of"))
        row.addWidget(self._block)
        left, right = QWidget(), QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._scatter, 3)
        column.addWidget(self._residual, 2)
        column.addWidget(self._figures)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._events, 1)
        column.addWidget(self._schedule)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([380, 260])
        split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(2, 4, 2, 2)
        whole.addLayout(row)
        whole.addWidget(split, 1)
        # Both plots begin at the same place, so that a point stands above its residual.
        for plot in (self._scatter, self._residual):
            plot.plotItem.getAxis("left").setWidth(52)


def _offer(box: QComboBox, names: list[str]) -> None:
    """Other choices; the one that was chosen stays where it can."""
    if [box.itemText(index) for index in range(box.count())] == names:
        return
    chosen = max(box.currentIndex(), 0)
    box.blockSignals(True)
    box.clear()
    box.addItems(names)
    box.setCurrentIndex(min(chosen, len(names) - 1))
    box.blockSignals(False)
