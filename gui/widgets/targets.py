"""How the board and its counterparts look wherever they stand side by side: a colour and a shape each."""

from __future__ import annotations

from typing import Final

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

from gui.theme import Theme

SYMBOLS: Final = {"board": "o", "ordered": "s", "unordered": "t", "ideal": "d"}
"""Shapes as pyqtgraph names them."""


def target_colour(theme: Theme, target: str) -> str:
    """The colour of a target."""
    colours = {
        "board": theme.measured,
        "ordered": theme.series[1],
        "unordered": theme.series[2],
        "ideal": theme.series[3],
    }
    return colours.get(target, theme.muted)


def target_icon(theme: Theme, target: str, size: int = 12) -> QIcon:
    """The shape of a target in its colour."""
    pixmap = QPixmap(QSize(size * 2, size * 2))
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(target_colour(theme, target)))
    edge = size - 2.0
    symbol = SYMBOLS.get(target, "o")
    if symbol == "o":
        painter.drawEllipse(QRectF(1, 1, edge, edge))
    elif symbol == "s":
        painter.drawRect(QRectF(1.5, 1.5, edge - 1, edge - 1))
    elif symbol == "t":
        painter.drawPolygon(QPolygonF([QPointF(1, 1), QPointF(size - 1, 1), QPointF(size / 2, size - 1)]))
    else:
        half = size / 2
        corners = [QPointF(half, 0), QPointF(size, half), QPointF(half, size), QPointF(0, half)]
        painter.drawPolygon(QPolygonF(corners))
    painter.end()
    return QIcon(pixmap)
