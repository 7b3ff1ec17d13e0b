"""Notices what other processes change in the folder of runs: new runs, runs that ended, the queue."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

from data.errors import LabctlError
from labctl.queue import QUEUE_NAME, RunQueue
from labctl.service.messages import FolderChanged, Message

EVERY_S: Final = 0.5
LOST_EVERY: Final = 4
"""Looks between two questions whether the process that runs the queue still lives: no file says when it is gone."""
RUNS_EVERY: Final = 4
"""Looks between two at the run files."""
NEWEST: Final = 3
"""Runs that may still be written."""


class FolderWatch:
    """Watches one folder after another on a thread of its own.

    Args:
        tell: takes messages to the client.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, folder: Path) -> None:
        """Tell what changes in this folder, until :meth:`leave`."""
        self.leave()
        self._left.clear()
        looks = QueueLook(folder), RunsLook(folder)  # whatever changes from now on is noticed
        self._thread = threading.Thread(target=self._watch, args=looks, name="labctl-service-watch", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Watch no longer."""
        self._left.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _watch(self, queue: QueueLook, runs: RunsLook) -> None:
        looks = 0
        while not self._left.wait(EVERY_S):
            looks += 1
            if queue.changed(whatever=looks % LOST_EVERY == 0):
                self._tell(FolderChanged("queue"))
            if looks % RUNS_EVERY == 0 and runs.changed():
                self._tell(FolderChanged("runs"))


class QueueLook:
    """Whether the queue is another one than at the last look.

    Args:
        folder: of the runs.
    """

    def __init__(self, folder: Path) -> None:
        self._queue = RunQueue(folder / QUEUE_NAME)
        self._stamp = stamp(self._queue.path)
        self._seen = self._content()

    def changed(self, *, whatever: bool = False) -> bool:
        """Look.

        Args:
            whatever: read it although the file has not changed.
        """
        found = stamp(self._queue.path)
        if found == self._stamp and not whatever:
            return False
        before, self._stamp, self._seen = self._seen, found, self._content()
        return self._seen != before

    def _content(self) -> Hashable:
        # The process that runs it touches the file all the time: only what it says counts.
        try:
            return self._queue.entries(), self._queue.runner(), self._queue.halting()
        except LabctlError as error:
            return str(error)


class RunsLook:
    """Whether there are other run files than at the last look, or one of the newest has ended.

    Args:
        folder: of the runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = run_names(folder)
        self._stamps = self._newest()
        self._told = self._stamps

    def changed(self) -> bool:
        """Look; a file that is being written counts when it has been left alone for a look."""
        names, stamps = run_names(self._folder), self._newest()
        other = names != self._names
        quiet = stamps == self._stamps != self._told
        self._names, self._stamps = names, stamps
        if other or quiet:
            self._told = stamps
        return other or quiet

    def _newest(self) -> tuple[Hashable, ...]:
        return tuple(stamp(self._folder / name) for name in sorted(run_names(self._folder))[-NEWEST:])


def run_names(folder: Path) -> frozenset[str]:
    """The names of the run files; none where the folder cannot be read."""
    try:
        with os.scandir(folder) as found:
            return frozenset(item.name for item in found if item.name.endswith(".h5"))
    except OSError:
        return frozenset()


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change of a file, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
