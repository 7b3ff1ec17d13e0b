"""The utterances as they come: the list, and what everything says to the one that is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontMetrics
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.models.keyword import MOST_ROWS, LiveSession, Row, levelled, mark, times
from gui.plotting import Plot, curve_pen
from gui.theme import Theme, figures_font
from gui.widgets.targets import target_colour, target_icon

_NUMBER = Qt.ItemDataRole.UserRole
_DECISIONS_HIGH = 106
_SMALL = QFont()
_SMALL.setPointSizeF(7.5)


class LivePage(QWidget):
    """Draws a :class:`gui.models.keyword.LiveSession`.

    Args:
        theme: colours.
        session: what is drawn.
    """

    chosen = pyqtSignal()
    """Another utterance is looked at."""

    def __init__(self, theme: Theme, session: LiveSession) -> None:
        super().__init__()
        self._theme = theme
        self._session = session
        self._list = _tree(["#", "said"])
        self._list.setAccessibleName("Utterances")
        self._list.setToolTip("Choose an utterance to see it again; choose the last one to follow the newest")
        self._title = QLabel()
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._wave = Plot(theme, "time (s)", "")
        self._wave.setYRange(-1, 1, padding=0.06)
        self._wave.setXRange(0, 1, padding=0)
        self._low = self._wave.plot()
        self._high = self._wave.plot()
        self._fill = pyqtgraph.FillBetweenItem(self._low, self._high)
        self._wave.addItem(self._fill)
        self._features = Plot(theme, "time (s)", "coefficient")
        self._image = pyqtgraph.ImageItem(axisOrder="row-major")
        self._image.setColorMap(pyqtgraph.colormap.get("viridis"))
        self._features.addItem(self._image)
        self._scores = Plot(theme, "", "score")
        self._scores.setYRange(0, 1, padding=0.06)
        axis = self._scores.plotItem.getAxis("bottom")
        axis.setTickFont(_SMALL)
        axis.setStyle(hideOverlappingLabels=False)
        self._bars: dict[str, Any] = {}
        self._decisions = _tree(["on", "decision", "margin"])
        self._decisions.setAccessibleName("Decisions on this utterance")
        self._decisions.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        for plot in (self._wave, self._features, self._scores):
            plot.setMouseEnabled(x=False, y=False)
            plot.hideButtons()
        self._lay_out()
        self._list.currentItemChanged.connect(self._choose)
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        for plot in (self._wave, self._features, self._scores):
            plot.recolour(theme)
            plot.plotItem.showGrid(x=False, y=False)  # drawn anew with every utterance, it costs more than the curves
        colour = QColor(theme.accent)
        for curve in (self._low, self._high):
            curve.setPen(curve_pen(theme.accent))
        colour.setAlpha(120)
        self._fill.setBrush(colour)
        self.rebuild()

    def rebuild(self) -> None:
        """Draw everything anew: another session, network or theme."""
        self._list.blockSignals(True)
        self._list.clear()
        self._list.setColumnCount(2 + len(self._session.targets))
        self._list.setHeaderLabels(["#", "said", *self._session.targets])
        self._list.addTopLevelItems([self._item(row) for row in self._session.rows])
        self._list.blockSignals(False)
        for bars in self._bars.values():
            self._scores.removeItem(bars)
        self._bars.clear()
        self._follow()
        shown = self._session.shown
        if shown is not None and not self._session.follows:
            items = map(self._list.topLevelItem, range(self._list.topLevelItemCount()))
            self._mark(next((item for item in items if item and item.data(0, _NUMBER) == shown.number), None))
        self.show_utterance()

    def append(self, rows: list[Row]) -> None:
        """More utterances in the list."""
        shown = self._list.topLevelItem(self._list.topLevelItemCount() - 1)
        last = 0 if shown is None else int(shown.data(0, _NUMBER))
        self._list.blockSignals(True)
        self._list.addTopLevelItems([self._item(row) for row in rows if row.number > last])
        while self._list.topLevelItemCount() > MOST_ROWS:
            self._list.takeTopLevelItem(0)
        self._list.blockSignals(False)
        self._follow()

    def show_utterance(self) -> None:
        """Draw the utterance that is looked at."""
        told, answer = self._session.shown, self._session.answer
        if told is None or answer is None:
            self._title.setText("" if self._session.follows else "The layers of this utterance are not kept any more.")
            self._decisions.clear()
            return
        said = f"<b>{told.truth or '?'}</b>" + (f" ({told.said})" if told.said not in ("", told.truth) else "")
        where = f" · {told.name}" if told.name else ""
        self._title.setText(f"{told.number}: {said}{where} · {times(told.array_s, told.board_s, told.total_s)}")
        self._title.setToolTip(f"{told.name}\narray by the schedule; board with its link; all with the counterparts")
        moments = (np.arange(len(told.low)) + 0.5) / len(told.low)
        self._low.setData(moments, told.low)
        self._high.setData(moments, told.high)
        self._image.setImage(levelled(told.features).T, levels=(-2.5, 2.5))
        self._image.setRect(0.0, 0.0, 1.0, float(told.features.shape[1]))
        self._features.setXRange(0, 1, padding=0)
        self._show_scores(answer.labels)

    def _show_scores(self, labels: tuple[str, ...]) -> None:
        answer = self._session.answer
        assert answer is not None
        self._decisions.clear()
        count = len(answer.decisions)
        width = 0.8 / count
        for index, (target, decision) in enumerate(answer.decisions.items()):
            word = f"{mark(decision.right)} {decision.word}".strip()
            item = QTreeWidgetItem([target, word, f"{decision.margin:.2f}"])
            item.setIcon(0, target_icon(self._theme, target))
            item.setFont(2, figures_font())
            item.setToolTip(2, "Logit of the decision less that of the next class")
            self._tint(item, 1, decision.right)
            self._decisions.addTopLevelItem(item)
            at = np.arange(len(labels)) + (index - (count - 1) / 2) * width
            if target not in self._bars:
                colour = QColor(target_colour(self._theme, target))
                self._bars[target] = pyqtgraph.BarGraphItem(x=at, height=0, width=width, brush=colour, pen=None)
                self._scores.addItem(self._bars[target])
            self._bars[target].setOpts(x=at, height=decision.scores, width=width)
        self._label_scores(labels)
        self._scores.setXRange(-0.6, len(labels) - 0.4, padding=0)

    def _label_scores(self, labels: tuple[str, ...]) -> None:
        """As many letters of each class as there is room for, and a gap."""
        axis = self._scores.plotItem.getAxis("bottom")
        metrics = QFontMetrics(_SMALL)
        room = int(axis.width() / max(len(labels), 1)) - metrics.averageCharWidth()
        short = [metrics.elidedText(label, Qt.TextElideMode.ElideRight, room) for label in labels]
        words = [label[:1] if word in ("", "…") else word for word, label in zip(short, labels, strict=True)]
        axis.setTicks([list(enumerate(words))])

    def _item(self, row: Row) -> QTreeWidgetItem:
        words = row.words.get(self._session.network, {})
        found = [words.get(target, ("", None)) for target in self._session.targets]
        item = QTreeWidgetItem([str(row.number), row.said, *(f"{mark(right)} {word}".strip() for word, right in found)])
        item.setData(0, _NUMBER, row.number)
        item.setFont(0, figures_font())
        item.setToolTip(1, row.name)
        for index, (_, right) in enumerate(found):
            self._tint(item, 2 + index, right)
        return item

    def _tint(self, item: QTreeWidgetItem, column: int, right: bool | None) -> None:
        if right is not None:
            item.setForeground(column, QColor(self._theme.ok if right else self._theme.fault))

    def _follow(self) -> None:
        if self._session.follows:
            self._mark(self._list.topLevelItem(self._list.topLevelItemCount() - 1))

    def _mark(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self._list.blockSignals(True)
            self._list.setCurrentItem(item)
            self._list.blockSignals(False)
            self._list.scrollToItem(item)

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self._session.choose(item.data(0, _NUMBER))
            self.chosen.emit()

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.addWidget(self._wave, 1)
        above.addWidget(self._features, 1)
        left, right = QWidget(), QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._list, 1)
        column.addWidget(self._decisions)
        self._decisions.setFixedHeight(_DECISIONS_HIGH)
        self._decisions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._title)
        column.addLayout(above, 1)
        column.addWidget(self._scores, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([226, 414])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(2, 4, 2, 2)
        whole.addWidget(split)


def _tree(headings: list[str]) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels(headings)
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setIndentation(0)
    header = tree.header()
    assert header is not None
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    header.setMinimumSectionSize(24)
    return tree
