"""A panel that scrolls where there is less room than it needs, instead of making the window higher than the screen."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, QSize
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QFrame, QScrollArea, QWidget


class Scrolled(QScrollArea):
    """Shows a widget as large as there is room for, and scrolls where it needs more than that.

    Args:
        inner: the widget.
        least: height in pixels that it gets at least, if it needs as much.
    """

    def __init__(self, inner: QWidget, least: int) -> None:
        super().__init__()
        self._inner = inner
        self._least = least
        self.setWidget(_Holder(inner))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusProxy(inner)
        inner.installEventFilter(self)

    def sizeHint(self) -> QSize:  # noqa: N802
        """As the widget would have it."""
        return self._inner.sizeHint()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As wide as the widget has to be, and no higher than said."""
        needed = self._inner.minimumSizeHint()
        return QSize(needed.width(), min(needed.height(), self._least))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """What the widget needs has changed."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest and watched is self._inner:
            self.setWidgetResizable(True)  # makes it look at what is needed
        return super().eventFilter(watched, event)


class _Holder(QWidget):
    """Has the widget's needs without its wishes.

    The area would give a widget whose text is broken the height that it would like, and scroll where it need not.
    """

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self._inner = inner
        inner.setParent(self)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As the widget's."""
        return self._inner.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """All of it is the widget's."""
        super().resizeEvent(event)
        self._inner.setGeometry(self.rect())
