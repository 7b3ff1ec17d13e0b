"""Runs the queue: one entry after another, each on a bench of its own, until nothing waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from data.errors import Cancelled, LabctlError
from labctl.progress import Listener, Stop, never, part, silent
from labctl.queue.entries import Entry, EntryState
from labctl.queue.store import RunQueue

if TYPE_CHECKING:
    from labctl.bench import Bench
    from labctl.queue.jobs import Say

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""Seconds between two looks whether somebody has asked the queue to stop."""


@dataclass(frozen=True, slots=True)
class QueueResult:
    """What a run of the queue did.

    Attributes:
        entries: those that were run, as they ended.
        waiting: how many still wait.
    """

    entries: tuple[Entry, ...]
    waiting: int

    @property
    def failed(self) -> tuple[Entry, ...]:
        """Those that failed."""
        return tuple(entry for entry in self.entries if entry.state is EntryState.FAILED)


def run_queue(
    queue: RunQueue,
    bench: Callable[[], AbstractContextManager[Bench]],
    *,
    listener: Listener = silent,
    say: Say = lambda text: None,
    stop: Stop = never,
) -> QueueResult:
    """Run what waits, in its order.

    Args:
        queue: the queue; no other process runs it meanwhile.
        bench: gives the bench for each entry: opened anew, so that one that failed leaves nothing behind, or one that
            is open already (:class:`contextlib.nullcontext`).
        listener: hears of the progress of each entry.
        say: hears which entry begins, and why a scan is paused.
        stop: asked at every checkpoint; true keeps what was measured and ends the queue, as does a stop or an abort by
            the bench's engine.

    Raises:
        BadInput: another process runs it, or the bench cannot be opened; the entry waits again then.
    """
    ran: list[int] = []
    with queue.held():
        asked = _Asked(queue, stop)
        while not asked.after() and (entry := queue.claim()) is not None:
            ran.append(entry.number)
            say(f"entry {entry.number}: {entry.job.title}")
            if not _run_entry(queue, entry, bench, listener, say, asked):
                break
    entries = queue.entries()
    done = tuple(entry for number in ran for entry in entries if entry.number == number)
    return QueueResult(done, sum(entry.state is EntryState.WAITING for entry in entries))


class _Asked:
    """Whether somebody wants the queue to stop, here or in another process."""

    def __init__(self, queue: RunQueue, stop: Stop) -> None:
        self._queue = queue
        self._stop = stop
        self._looked = -LOOK_S
        self._halt = ""

    def now(self) -> bool:
        """Stop at this checkpoint; asked often."""
        if self._stop():
            return True
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            try:
                self._halt = self._queue.halted()
            except (LabctlError, OSError) as error:  # a run must not end because nobody can ask it to
                log.warning("the queue cannot be asked whether to stop: %s", error)
        return self._halt == "now"

    def after(self) -> bool:
        """Begin nothing more."""
        return self._stop() or bool(self._queue.halted())


def _was_stopped(bench: Bench) -> bool:
    """Whether the last run was stopped by somebody who steers the engine."""
    outcome = bench.engine.status().outcome
    return outcome is not None and outcome.status == "stopped"


def _run_entry(
    queue: RunQueue,
    entry: Entry,
    bench: Callable[[], AbstractContextManager[Bench]],
    listener: Listener,
    say: Say,
    asked: _Asked,
) -> bool:
    """Run one entry to its end; says whether the queue goes on."""
    number, rounds = entry.number, entry.rounds
    try:
        context = bench()
    except BaseException:
        queue.finish(number, EntryState.WAITING, "the bench could not be opened")
        raise
    try:
        with context as opened:
            for index in range(entry.rounds_done, rounds):
                heard = part(listener, index / rounds, (index + 1) / rounds)
                files = entry.job.run(opened, heard, say, asked.now)
                stopped = asked.now() or _was_stopped(opened)
                queue.note(number, files, rounds=0 if stopped else 1)
                if stopped:
                    queue.finish(number, EntryState.STOPPED, f"stopped in round {index + 1} of {rounds}")
                    return False
    except (KeyboardInterrupt, Cancelled) as error:
        queue.finish(number, EntryState.STOPPED, str(error) or "stopped with Ctrl-C")
        if isinstance(error, KeyboardInterrupt):
            raise
        return False
    except Exception as error:
        log.debug("entry %d failed", number, exc_info=True)
        queue.finish(number, EntryState.FAILED, str(error) or type(error).__name__)
        say(f"entry {number} failed: {error}")
        return entry.on_failure == "go-on"
    queue.finish(number, EntryState.DONE)
    return True
