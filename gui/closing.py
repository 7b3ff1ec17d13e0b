"""Closing: the service is ended on a thread of its own, so that the window can say what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

LOOK_MS: Final = 20


class Closing(QObject):
    """Ends the service once.

    The thread touches nothing of Qt, whose objects may be gone before it: a timer looks whether it has ended.

    Args:
        close_service: ends it, the hardware safe; may take its time.
    """

    closed = pyqtSignal()
    """It has ended."""

    def __init__(self, close_service: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._close_service = close_service
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def begun(self) -> bool:
        """Whether it has been asked to."""
        return self._thread is not None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._thread is not None and not self._thread.is_alive()

    def begin(self) -> None:
        """End the service; :attr:`closed` follows."""
        self._thread = threading.Thread(target=self._close_service, name="labctl-closing")
        self._thread.start()
        self._timer.start()

    def _look(self) -> None:
        if self.done:
            self._timer.stop()
            self.closed.emit()
