"""A status light: colour and shape, so that it can be read without colours."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF
from PyQt6.QtWidgets import QLabel

from gui.theme import Theme
from labctl.service.messages import Light


class LightLabel(QLabel):
    """A light that stands by itself; drawn when it changes, however often it is told.

    Args:
        size: in pixels, before scaling.
    """

    def __init__(self, size: int = 16) -> None:
        super().__init__()
        self._size = size
        self._shown: tuple[str, Light] | None = None

    def show_light(self, theme: Theme, light: Light) -> None:
        """Show a light in the colours of a theme."""
        if (theme.name, light) != self._shown:
            self._shown = theme.name, light
            self.setPixmap(_pixmap(theme, light, self._size, chosen=False))


def light_icon(theme: Theme, light: Light, size: int = 16) -> QIcon:
    """A light as an icon: ring (off), dotted ring (busy), tick (ok), triangle (warning), cross (fault).

    Args:
        theme: where the colour comes from.
        light: which one.
        size: in pixels, before scaling.
    """
    icon = QIcon(_pixmap(theme, light, size, chosen=False))
    # A style tints what is selected, and the colour means something: it stands on the colour of the list instead.
    icon.addPixmap(_pixmap(theme, light, size, chosen=True), QIcon.Mode.Selected)
    return icon


def _pixmap(theme: Theme, light: Light, size: int, *, chosen: bool) -> QPixmap:
    pixmap = QPixmap(QSize(size * 2, size * 2))
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    if chosen:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.surface))
        painter.drawEllipse(QRectF(0, 0, 16, 16))
        painter.setBrush(Qt.BrushStyle.NoBrush)
    _draw(painter, QColor(theme.light(light)), QColor(theme.surface), light)
    painter.end()
    return pixmap


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
