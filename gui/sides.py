"""When the window grows, its centre does: panels at the sides keep their width, those at the bottom their height."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer
from PyQt6.QtWidgets import QApplication, QDockWidget, QMainWindow

_ALONG = {"left": Qt.Orientation.Horizontal, "right": Qt.Orientation.Horizontal, "bottom": Qt.Orientation.Vertical}


class Sides(QObject):
    """After the window was resized, shares it as the user has, or by default.

    Args:
        window: the window.
        areas: its docks by where they stand in the default layout.
        share: shares the window by default.
    """

    def __init__(
        self, window: QMainWindow, areas: Mapping[str, Sequence[QDockWidget]], share: Callable[[], None]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._areas = {area: areas[area] for area in _ALONG if area in areas}
        self._share = share
        self._chosen: dict[str, int] = {}
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._restore)
        window.installEventFilter(self)
        for docks in self._areas.values():
            for dock in docks:
                dock.installEventFilter(self)

    def forget(self) -> None:
        """The user's choice does not count any more."""
        self._chosen.clear()
        self._later.start(0)

    def keep(self) -> None:
        """What is there now counts as the user's choice."""
        for area in self._areas:
            self._note(area)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """See that the window was resized, or that the user draws a border."""
        if event is not None and event.type() == QEvent.Type.Resize:
            if watched is self._window:
                self._later.start(0)
            elif QApplication.mouseButtons() & Qt.MouseButton.LeftButton:
                for area, docks in self._areas.items():
                    if watched in docks:
                        self._note(area)
        return super().eventFilter(watched, event)

    def _note(self, area: str) -> None:
        dock = self._seen(area)
        if dock is not None:
            self._chosen[area] = dock.width() if _ALONG[area] == Qt.Orientation.Horizontal else dock.height()

    def _restore(self) -> None:
        self._share()
        for area, size in self._chosen.items():
            dock = self._seen(area)
            if dock is not None:
                self._window.resizeDocks([dock], [size], _ALONG[area])

    def _seen(self, area: str) -> QDockWidget | None:
        """A dock of an area that is in sight and in the window."""
        docks = (dock for dock in self._areas[area] if not dock.isFloating() and not dock.visibleRegion().isEmpty())
        return next(docks, None)
