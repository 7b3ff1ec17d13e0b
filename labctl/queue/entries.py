"""An entry of the queue as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from labctl.queue.jobs import Job

OnFailure = Literal["stop", "go-on"]
OnHalt = Literal["now", "after"]


class EntryState(StrEnum):
    """Where an entry is; the last four are its endings."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the queue.

    Attributes:
        number: its name; never given twice.
        job: what is done.
        rounds: how often it is done, one after another.
        rounds_done: how often it was.
        on_failure: whether the queue stops or goes on when it fails.
        state: where it is; ``interrupted`` when the process that ran it is gone.
        message: why it ended so.
        files: the run files.
        added: UTC, ISO 8601, as all times here.
        began: empty before.
        ended: empty before.
    """

    number: int
    job: Job
    rounds: int = 1
    rounds_done: int = 0
    on_failure: OnFailure = "stop"
    state: EntryState = EntryState.WAITING
    message: str = ""
    files: tuple[str, ...] = ()
    added: str = ""
    began: str = ""
    ended: str = ""
