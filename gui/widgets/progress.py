"""A bar for how far something is, cheap enough to be told several times between two frames."""

from __future__ import annotations

from PyQt6.QtCore import QSize
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QStyle, QStyleOptionProgressBar, QWidget

STEPS = 1000


class ProgressLine(QWidget):
    """Looks like Qt's progress bar without its words.

    Qt's own paints everything that waits to be painted, the plots too, whenever its value changes; this one waits for
    the next frame like any other widget.

    Args:
        parent: as everywhere in Qt.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Progress")

    @property
    def fraction(self) -> float:
        """How far it is, from 0 to 1."""
        return self._steps / STEPS

    def show_fraction(self, fraction: float) -> None:
        """Say how far it is, from 0 to 1."""
        steps = round(STEPS * min(max(fraction, 0.0), 1.0))
        if steps != self._steps:
            self._steps = steps
            self.setAccessibleDescription(f"{100 * steps // STEPS} %")
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Low, and as wide as it may be."""
        return QSize(120, 10)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Wide enough to be read."""
        return QSize(60, 10)

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802
        """The bar of the style."""
        option = QStyleOptionProgressBar()
        option.initFrom(self)
        option.minimum, option.maximum, option.progress = 0, STEPS, self._steps
        option.textVisible = False
        option.state |= QStyle.StateFlag.State_Horizontal
        style = self.style()
        assert style is not None
        painter = QPainter(self)
        style.drawControl(QStyle.ControlElement.CE_ProgressBar, option, painter, self)
        painter.end()
