"""An exception that nobody foresaw: shown and logged, the bench made safe, the window lives on."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

log = logging.getLogger(__name__)

Show = Callable[[str], None]


class Guard:
    """Takes exceptions that reach the top while it is installed; PyQt would end the process otherwise.

    Args:
        show: gets a sentence; called on whichever thread the exception was raised.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._before = sys.excepthook
        self._before_in_threads = threading.excepthook
        self._busy = threading.local()

    def install(self) -> None:
        """From now on."""
        self._before, self._before_in_threads = sys.excepthook, threading.excepthook
        sys.excepthook = self._caught
        threading.excepthook = self._caught_in_thread

    def remove(self) -> None:
        """As before."""
        sys.excepthook, threading.excepthook = self._before, self._before_in_threads

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before(kind, error, trace)
            return
        if getattr(self._busy, "now", False):  # showing it failed as well
            return
        self._busy.now = True
        try:
            log.critical("%s", "".join(traceback.format_exception(kind, error, trace)))
            self._show(f"{kind.__name__}: {error}" if str(error) else kind.__name__)
        finally:
            self._busy.now = False

    def _caught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._caught(args.exc_type, args.exc_value, args.exc_traceback)
