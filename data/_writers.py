"""Which process writes a run file, and whether it still does."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_SAME_START_S = 5.0
_SILENT_S = 600.0


@dataclass(frozen=True, slots=True)
class WriterMark:
    """The process that writes a file.

    Attributes:
        host: name of its machine.
        process: its number there.
        started: when it was started, seconds since 1970; tells it from a later one with the same number.
    """

    host: str
    process: int
    started: float

    @classmethod
    def of_this_process(cls) -> WriterMark:
        """The mark this process leaves."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    def as_json(self) -> str:
        """The mark as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WriterMark:
        """The inverse of :meth:`as_json`.

        Raises:
            KeyError, TypeError, ValueError: not a mark.
        """
        return cls(**json.loads(text))

    def gone(self, path: Path) -> bool:
        """Whether nobody writes ``path`` any more.

        On this machine the process is looked up. Another machine's processes cannot be seen: its writer counts as gone
        when the file has not changed for ten minutes.
        """
        if self.host != socket.gethostname():
            return time.time() - path.stat().st_mtime > _SILENT_S
        try:
            process = psutil.Process(self.process)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            return bool(abs(process.create_time() - self.started) > _SAME_START_S)
        except psutil.NoSuchProcess:
            return True
