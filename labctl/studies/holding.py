"""Which process is at work on a study, wherever it runs: a file beside the points, kept fresh while it works.

On its own machine a process is known by its number and start; of one on another machine, over a shared file system,
only the age of the file can be seen.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

from data.errors import BadInput

FRESH_S: Final = 15.0
"""Seconds after which a process says again that it is at work."""
STALE_S: Final = 900.0
"""Seconds without a word after which a process of another machine counts as gone; a report may take some minutes."""
BUSY_S: Final = 5.0
"""Seconds to wait while another process looks whether anybody is at work."""


@dataclass(frozen=True)
class Holder:
    """A process that works on a study.

    Attributes:
        pid: its number.
        host: its machine, empty for this one.
    """

    pid: int
    host: str = ""

    def __str__(self) -> str:
        return f"process {self.pid}" + (f" on {self.host}" if self.host else "")


class Holding:
    """The file that says who is at work; nothing is read or written before a method is called."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def holder(self) -> Holder | None:
        """The process that is at work; None where there is none, or it ended without a word."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            pid, host = int(content["pid"]), str(content.get("host", socket.gethostname()))
            if host != socket.gethostname():
                return Holder(pid, host) if time.time() - self._path.stat().st_mtime < STALE_S else None
            process = psutil.Process(pid)
            return Holder(pid) if abs(process.create_time() - float(content["started"])) < 1.0 else None
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    @contextmanager
    def held(self, place: Path) -> Iterator[None]:
        """Be the only process at work.

        Args:
            place: the study's folder, for the message.

        Raises:
            BadInput: another one is.
        """
        me = psutil.Process()
        about = {"pid": me.pid, "started": me.create_time(), "host": socket.gethostname(), "since": time.time()}
        said = json.dumps(about)
        # Two that begin at the same moment must not both find nobody at work.
        try:
            with FileLock(self._path.with_name(f".{self._path.name}.lock"), timeout=BUSY_S):
                if (other := self.holder()) is not None:
                    raise BadInput(f"{other} is at work on the study in {place}; wait for it")
                self._say(said)
        except Timeout as error:
            raise BadInput(f"another process begins work on the study in {place}; wait for it") from error
        try:
            yield
        finally:
            # Who was silent for too long has been replaced by another one, whose file it is now.
            with suppress(OSError):
                if self._path.read_text(encoding="utf-8") == said:
                    self._path.unlink(missing_ok=True)

    def _say(self, said: str) -> None:
        """Write the file in one step: whoever looks meets the whole of it or none."""
        part = self._path.with_name(f".{self._path.name}.{mark()}.part")
        try:
            part.write_text(said, encoding="utf-8")
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Say again that we are at work; to be called now and then while :meth:`held`."""
        with suppress(OSError):
            if time.time() - self._path.stat().st_mtime > FRESH_S:
                os.utime(self._path)

    @property
    def since(self) -> float | None:
        """When the work began, in seconds since the epoch; None where nobody is at work."""
        if self.holder() is None:
            return None
        try:
            return float(json.loads(self._path.read_text(encoding="utf-8"))["since"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def mark() -> str:
    """What names this process among those of all machines, without a dot."""
    return f"{socket.gethostname().replace('.', '-')}-{os.getpid()}"
