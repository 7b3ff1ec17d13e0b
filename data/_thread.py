"""The one thread that works on a run file.

Whoever measures hands over work and goes on; work that must be done before going on is waited for, with a deadline.
Work that the disk refuses is kept and tried again before anything else, and the error goes to the caller at its next
call: nothing that was handed over is dropped, and nothing is written out of order.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

from data.errors import LabctlError

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""Longest time a caller waits for the disk."""

T = TypeVar("T")


@dataclass
class _Awaited:
    work: Callable[[], Any]
    before: list[Callable[[], None]]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None
    cancelled: bool = False


def _DROP() -> None:  # noqa: N802 - a mark, told by its identity
    """Stands in the queue for giving up what was kept."""


@dataclass
class WriterThread:
    """Does what it is handed, one after another. :meth:`stop` must be called.

    Attributes:
        name: of the file, for messages and for the list of threads.
        failed: why work that was handed over is not done yet; None while all is well.
    """

    name: str
    failed: LabctlError | None = None
    _told: bool = False
    _jobs: SimpleQueue[Callable[[], None] | _Awaited | None] = field(default_factory=SimpleQueue)
    _kept: deque[Callable[[], None]] = field(default_factory=deque)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work."""
        self._thread = threading.Thread(target=self._work, name=f"writer of {self.name}", daemon=True)
        self._thread.start()

    def post(self, work: Callable[[], None]) -> None:
        """Hand over work that nobody waits for."""
        self._jobs.put(work)

    def check(self) -> None:
        """Raise what went wrong since the last call; once it has been told, try again what was kept.

        Raises:
            LabctlError: the disk refused; everything handed over is kept.
        """
        if self.failed is None:
            return
        if not self._told:
            self._told = True
            raise self.failed
        self.call("the rows that it refused before", lambda: None)

    def call(self, what: str, work: Callable[[], T], before: list[Callable[[], None]] | None = None) -> T:
        """Hand over work and wait for it; all that was handed over before is done first.

        Args:
            what: it is, in words.
            work: what to do.
            before: work as of :meth:`post`, handed over in one go with the other.

        Raises:
            LabctlError: the disk refused, or was not done after :data:`PATIENCE_S`.
        """
        if self._thread is None or not self._thread.is_alive():
            raise LabctlError(f"{self.name} is written by another process or has been closed")
        job = _Awaited(work, before or [])
        self._jobs.put(job)
        if not job.done.wait(PATIENCE_S):
            job.cancelled = True
            raise LabctlError(
                f"the disk of {self.name} has not taken {what} within {PATIENCE_S:g} s; check it and its connection, "
                "then go on"
            )
        if job.error is not None:
            self._told = True
            raise job.error
        result: T = job.result
        return result

    def drop(self) -> None:
        """Give up what the disk refused."""
        self._jobs.put(_DROP)

    def stop(self) -> None:
        """Do what is left and end. A disk that does not answer is left behind with its thread."""
        if self._thread is None:
            return
        self._jobs.put(None)
        if self._thread is threading.current_thread():  # a writer was collected here
            return
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            log.error("the disk of %s does not answer; its writer is left behind", self.name)
        self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, _Awaited):
                self._answer(job)
            elif job is _DROP:
                self._kept.clear()
                self.failed = None
            else:
                self._kept.append(job)
                if len(self._kept) == 1:  # what came before is done
                    self._try_kept()
            del job  # a job holds rows, and the next one may be long in coming

    def _answer(self, job: _Awaited) -> None:
        self._kept.extend(job.before)
        if self._kept:
            self._try_kept()
        try:
            if self.failed is not None:
                raise self.failed
            if not job.cancelled:
                job.result = job.work()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
            job.error = error
        job.done.set()

    def _try_kept(self) -> None:
        try:
            while self._kept:
                self._kept[0]()
                self._kept.popleft()
        except LabctlError as error:
            self._told, self.failed = False, error
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._told, self.failed = False, LabctlError(f"{self.name} could not be written: {error!r}")
        else:
            self.failed = None
