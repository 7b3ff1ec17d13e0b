"""A status light: colour and shape, so that it can be read without colours."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from gui.theme import Theme
from labctl.service.messages import Light


def light_icon(theme: Theme, light: Light, size: int = 16) -> QIcon:
    """A light as an icon: ring (off), dotted ring (busy), tick (ok), triangle (warning), cross (fault).

    Args:
        theme: where the colour comes from.
        light: which one.
        size: in pixels, before scaling.
    """
    pixmap = QPixmap(QSize(size * 2, size * 2))
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    _draw(painter, QColor(theme.light(light)), QColor(theme.surface), light)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # a style tints what is selected, and the colour means something
    return icon


def _draw(painter: QPainter, colour: QColor, ground: QColor, light: Light) -> None:
    ring = QRectF(2.5, 2.5, 11, 11)
    pen = QPen(colour, 2.0)
    if light in ("off", "busy"):
        if light == "busy":
            pen.setStyle(Qt.PenStyle.DotLine)
        painter.setPen(pen)
        painter.drawEllipse(ring)
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if light == "warning":
        painter.drawPolygon(QPolygonF([QPointF(8, 1.5), QPointF(15, 14), QPointF(1, 14)]))
    else:
        painter.drawEllipse(QRectF(1, 1, 14, 14))
    painter.setPen(QPen(ground, 2.0, cap=Qt.PenCapStyle.RoundCap))
    mark = QPainterPath()
    if light == "ok":
        mark.moveTo(4.5, 8.5)
        mark.lineTo(7, 11)
        mark.lineTo(11.5, 5.5)
    elif light == "fault":
        mark.moveTo(5, 5)
        mark.lineTo(11, 11)
        mark.moveTo(11, 5)
        mark.lineTo(5, 11)
    else:
        mark.moveTo(8, 6)
        mark.lineTo(8, 9.5)
        mark.moveTo(8, 12)
        mark.lineTo(8, 12.1)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(mark)
