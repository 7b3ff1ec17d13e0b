"""A figure on paper: what a widget shows, and below it in small print where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QMimeData, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter
from PyQt6.QtSvg import QSvgGenerator
from PyQt6.QtWidgets import QWidget

from data.errors import LabctlError
from gui.theme import Theme

SCALE: Final = 2
"""Pixels of a saved picture for each pixel of the window."""
FOOT: Final = 22


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from.

    Attributes:
        title: of the run.
        run_id: of the run.
        board: who it was measured on.
        date: when it was measured.
        origin: SIMULATED or measured.
        others: ids of the runs that are drawn over it.
    """

    title: str
    run_id: str
    board: str
    date: str
    origin: str
    others: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """In one line."""
        over = f"with {', '.join(self.others)}" if self.others else ""
        return " · ".join(part for part in (self.run_id, self.title, self.board, self.date, self.origin, over) if part)

    def facts(self) -> dict[str, str]:
        """For the metadata of a picture."""
        named = {
            "Title": self.title,
            "run_id": self.run_id,
            "board": self.board,
            "date": self.date,
            "origin": self.origin,
            "overlays": ", ".join(self.others),
            "Software": "labctl",
        }
        return {key: value for key, value in named.items() if value}


def save_figure(widget: QWidget, path: Path, source: Source, theme: Theme) -> None:
    """Save what a widget shows, as PNG or SVG by the ending of the file.

    Raises:
        LabctlError: the ending is another one, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".svg":
        _save_svg(widget, path, source, theme)
    elif ending == ".png":
        picture = figure_image(widget, source, theme)
        if not picture.save(str(path), "PNG"):
            raise LabctlError(f"{path} cannot be written; choose another folder")
    else:
        raise LabctlError(f"a figure is saved as .png or .svg, not as {ending or 'a file without ending'}")


def copy_figure(widget: QWidget, source: Source, theme: Theme) -> None:
    """Put what a widget shows on the clipboard."""
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        data = QMimeData()
        data.setImageData(figure_image(widget, source, theme))
        data.setText(source.line)
        clipboard.setMimeData(data)


def figure_image(widget: QWidget, source: Source, theme: Theme) -> QImage:
    """What a widget shows, as an image that knows where it comes from."""
    size = _size(widget)
    picture = QImage(size * SCALE, QImage.Format.Format_RGB32)
    picture.setDevicePixelRatio(SCALE)
    for key, value in source.facts().items():
        picture.setText(key, value)
    painter = QPainter(picture)
    _draw(painter, widget, source, theme)
    painter.end()
    return picture


def _save_svg(widget: QWidget, path: Path, source: Source, theme: Theme) -> None:
    size = _size(widget)
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(size)
    generator.setViewBox(QRect(0, 0, size.width(), size.height()))
    generator.setTitle(source.title or source.run_id)
    generator.setDescription("; ".join(f"{key}: {value}" for key, value in source.facts().items()))
    painter = QPainter()
    if not painter.begin(generator):
        raise LabctlError(f"{path} cannot be written; choose another folder")
    _draw(painter, widget, source, theme)
    painter.end()


def _size(widget: QWidget) -> QSize:
    return QSize(max(widget.width(), 200), max(widget.height(), 100) + FOOT)


def _draw(painter: QPainter, widget: QWidget, source: Source, theme: Theme) -> None:
    size = _size(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRect(0, 0, size.width(), size.height()), QColor(theme.surface))
    widget.render(painter)
    painter.setPen(QColor(theme.muted))
    font = QFont(widget.font())
    font.setPointSizeF(7.5)
    painter.setFont(font)
    foot = QRectF(8, size.height() - FOOT, size.width() - 16, FOOT)
    text = painter.fontMetrics().elidedText(source.line, Qt.TextElideMode.ElideRight, int(foot.width()))
    painter.drawText(foot, int(Qt.AlignmentFlag.AlignVCenter), text)
