"""The requests under way."""

from __future__ import annotations

import threading

from labctl.service.request import Lane, Task


class Tasks:
    """The requests that wait or are carried out, by number; may be used from any thread."""

    def __init__(self) -> None:
        self._tasks: dict[int, tuple[Lane, Task]] = {}
        self._lock = threading.Lock()

    def add(self, lane: Lane, task: Task) -> None:
        """One more."""
        with self._lock:
            self._tasks[task.number] = (lane, task)

    def remove(self, number: int) -> None:
        """One is over."""
        with self._lock:
            self._tasks.pop(number, None)

    def cancel(self, number: int) -> None:
        """Ask one to end; nothing happens when it is over."""
        with self._lock:
            found = self._tasks.get(number)
        if found is not None:
            found[1].cancel()

    def cancel_all(self, lane: Lane | None = None) -> None:
        """Ask all of a lane to end; None for every lane."""
        with self._lock:
            tasks = [task for its, task in self._tasks.values() if lane in (None, its)]
        for task in tasks:
            task.cancel()

    def any_in(self, lane: Lane) -> bool:
        """Whether a lane has something to do."""
        with self._lock:
            return any(its is lane for its, _ in self._tasks.values())
