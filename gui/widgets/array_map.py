"""The synapse array as an image: gain of every synapse, and the columns that fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QBrush, QColor, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.theme import Theme

SPAN = 0.25
"""Relative difference from the median gain at which the shade ends."""


class ArrayMap(QWidget):
    """Rows down, columns across; a column that fails is hatched.

    Arrow keys go to the next column, with Ctrl to the next one that fails.

    Args:
        theme: colours.
    """

    column_chosen = pyqtSignal(int)
    """Somebody has chosen this column."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._gain: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._reasons: tuple[str, ...] = ()
        self._image = QImage()
        self._column: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(110)
        self.setAccessibleName("Pass mask of the array")

    @property
    def column(self) -> int | None:
        """The column that is chosen."""
        return self._column

    def show_array(self, gain: NDArray[np.float32], reasons: tuple[str, ...]) -> None:
        """Show an array.

        Args:
            gain: of every synapse relative to the median, shape (rows, columns).
            reasons: why a column fails, empty where it passes.
        """
        self._gain, self._reasons = gain, reasons
        self._image = self._shaded()
        if self._column is not None and self._column >= len(reasons):
            self._column = None
        self.update()

    def choose(self, column: int | None) -> None:
        """Mark a column; nobody is told."""
        self._column = column if column is not None and column < len(self._reasons) else None
        self._describe()
        self.update()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._image = self._shaded()
        self.update()

    def column_at(self, x: float) -> int | None:
        """The column under a place of this widget."""
        where = self._frame()
        if not self._reasons or not where.left() <= x < where.right():
            return None
        return int((x - where.left()) / where.width() * len(self._reasons))

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802
        """Image, hatched columns, mark of the chosen one, frame."""
        painter = QPainter(self)
        where = self._frame()
        painter.drawImage(where, self._image)
        fault = QColor(self._theme.fault)
        for column, reason in enumerate(self._reasons):
            if reason:
                stripe = self._stripe(column)
                painter.fillRect(stripe, QColor(self._theme.surface))
                painter.fillRect(stripe, QBrush(fault, Qt.BrushStyle.BDiagPattern))
                painter.setPen(QPen(fault, 1))
                for x in (stripe.left(), stripe.right()):
                    painter.drawLine(QPointF(x, stripe.top()), QPointF(x, stripe.bottom()))
        painter.setPen(QPen(QColor(self._theme.line), 1))
        painter.drawRect(where)
        if self._column is not None:
            painter.setPen(QPen(QColor(self._theme.accent), 2))
            painter.drawRect(self._stripe(self._column).adjusted(-2, -2, 2, 2))
        elif self.hasFocus():
            painter.setPen(QPen(QColor(self._theme.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(where.adjusted(-2, -2, 2, 2))
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        """A tool tip says what is under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            column = self.column_at(event.pos().x())
            QToolTip.showText(event.globalPos(), "" if column is None else self._words(column), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """A click chooses a column."""
        if event is not None and (column := self.column_at(event.position().x())) is not None:
            self._told(column)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Arrow keys, Home and End."""
        if event is None or not self._reasons:
            super().keyPressEvent(event)
            return
        key, last = event.key(), len(self._reasons) - 1
        here = -1 if self._column is None else self._column
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            failing = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self._told(self._next_failing(here, step) if failing else min(max(here + step, 0), last))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._told(0 if key == Qt.Key.Key_Home else last)
        else:
            super().keyPressEvent(event)

    def _told(self, column: int) -> None:
        self.choose(column)
        self.column_chosen.emit(column)

    def _next_failing(self, here: int, step: int) -> int:
        failing = [column for column, reason in enumerate(self._reasons) if reason]
        ahead = [column for column in failing if (column - here) * step > 0]
        if not ahead:
            return max(here, 0)
        return min(ahead) if step > 0 else max(ahead)

    def _describe(self) -> None:
        self.setAccessibleDescription("" if self._column is None else self._words(self._column))

    def _words(self, column: int) -> str:
        reason = self._reasons[column]
        return f"column {column}: {'passes' if not reason else f'fails, {reason}'}"

    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(4, 4, -4, -4)

    def _stripe(self, column: int) -> QRectF:
        where = self._frame()
        width = where.width() / max(len(self._reasons), 1)
        return QRectF(where.left() + column * width, where.top(), max(width, 2.0), where.height())

    def _shaded(self) -> QImage:
        """Blue where the gain is higher, orange where it is lower, the ground where it is the median's."""
        rows, columns = self._gain.shape
        if not self._gain.size:
            return QImage()
        off = np.clip((np.nan_to_num(self._gain, nan=1.0) - 1) / SPAN, -1, 1)[:, :, None]
        ground, high, low = (
            np.array(QColor(name).getRgb()[:3], np.float32)
            for name in (self._theme.surface, self._theme.series[0], self._theme.series[1])
        )
        shade = np.where(off > 0, ground + off * (high - ground), ground - off * (low - ground))
        pixels = np.ascontiguousarray(shade.round().astype(np.uint8))
        return QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
