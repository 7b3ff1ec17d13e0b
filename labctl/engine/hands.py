"""The one thread that touches the hardware of a run, so that the engine itself never hangs in a driver."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from labctl.engine.work import Call


class Task:
    """A call on its way; read it only once ``done`` is true."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.done = False
        self.error: BaseException | None = None


class Hands:
    """Carries calls out, one after another, on a thread of its own.

    A call that does not come back keeps that thread; :meth:`abandon` leaves it behind and the next call gets a new one.

    Args:
        changed: notified when a call is done.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._tasks: SimpleQueue[Task | None] | None = None
        self._thread: threading.Thread | None = None

    def begin(self, call: Call) -> Task:
        """Begin a call; the one before must be done or abandoned."""
        if self._tasks is None:
            self._tasks = SimpleQueue()
            # A thread stuck in a driver must not keep the program from ending.
            self._thread = threading.Thread(target=self._work, args=(self._tasks,), name="labctl-hardware", daemon=True)
            self._thread.start()
        task = Task(call)
        self._tasks.put(task)
        return task

    def abandon(self) -> None:
        """Leave the thread to its call; it ends when the call does."""
        if self._tasks is not None:
            self._tasks.put(None)
        self._tasks = self._thread = None

    def close(self) -> None:
        """End the thread; every call is done or abandoned."""
        thread = self._thread
        self.abandon()
        if thread is not None:
            thread.join()

    def _work(self, tasks: SimpleQueue[Task | None]) -> None:
        while (task := tasks.get()) is not None:
            try:
                task.call.do()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for the call
                task.error = error
            with self._changed:
                task.done = True
                self._changed.notify_all()
            del task
