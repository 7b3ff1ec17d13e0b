"""The log as messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labctl.service.messages import LogLine, Message


class TellingHandler(logging.Handler):
    """Turns log records into messages.

    Args:
        tell: takes them; must not wait.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        self._tell(LogLine(record.created, record.levelno, record.name, self.format(record)))


@contextmanager
def tell_logs(tell: Callable[[Message], None]) -> Iterator[None]:
    """Tell everything that is logged here, warnings of Python too, while the context is open."""
    handler = TellingHandler(tell)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        root.setLevel(level)
