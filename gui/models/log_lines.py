"""The lines of the log, kept up to a cap."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from labctl.service.messages import Light, LogLine

CAP: Final = 5000


class LogLines:
    """The newest lines of the log, and which of them are wanted.

    Args:
        cap: how many are kept.
    """

    def __init__(self, cap: int = CAP) -> None:
        self._lines: deque[LogLine] = deque(maxlen=cap)
        self.level = logging.INFO
        self.text = ""

    def add(self, line: LogLine) -> bool:
        """One more; says whether it is wanted."""
        self._lines.append(line)
        return self.wanted(line)

    def wanted(self, line: LogLine) -> bool:
        """Whether level and text fit."""
        return line.level >= self.level and self.text.lower() in f"{line.source} {line.text}".lower()

    def shown(self) -> Iterable[LogLine]:
        """The lines that are wanted, the oldest first."""
        return [line for line in self._lines if self.wanted(line)]


def light_of(line: LogLine) -> Light:
    """How bad a line is."""
    if line.level >= logging.ERROR:
        return "fault"
    return "warning" if line.level >= logging.WARNING else "off"


def as_text(line: LogLine) -> str:
    """A line as it is shown and copied; the level as a word."""
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    level = logging.getLevelName(line.level).lower()
    return f"{clock}  {level:<8} {line.text}"
