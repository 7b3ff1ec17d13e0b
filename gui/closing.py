"""Closing: the service is ended on a thread of its own, so that the window can say what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal


class Closing(QObject):
    """Ends the service once.

    Args:
        close_service: ends it, the hardware safe; may take its time.
    """

    closed = pyqtSignal()
    """It has ended."""

    def __init__(self, close_service: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._close_service = close_service
        self._thread: threading.Thread | None = None
        self.done = False

    @property
    def begun(self) -> bool:
        """Whether it has been asked to."""
        return self._thread is not None

    def begin(self) -> None:
        """End the service; :attr:`closed` follows."""
        self._thread = threading.Thread(target=self._run, name="labctl-closing")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._close_service()
        finally:
            self.done = True
            self.closed.emit()
