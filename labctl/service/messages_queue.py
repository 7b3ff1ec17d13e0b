"""The queue of runs as a window shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from labctl.service.messages import Light

QueueState = Literal["waiting", "running", "done", "failed", "stopped", "interrupted"]

LIGHTS: Final[dict[QueueState, Light]] = {
    "waiting": "off",
    "running": "busy",
    "done": "ok",
    "failed": "fault",
    "stopped": "warning",
    "interrupted": "warning",
}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One entry.

    Attributes:
        number: its name.
        title: what is done.
        job: ``scan``, ``sweep`` or ``calibrate``.
        state: where it is.
        rounds: how often it is done.
        rounds_done: how often it was.
        on_failure: what the queue does when it fails.
        message: why it ended so.
        files: the run files.
        added: UTC, ISO 8601, as all times here.
        began: empty before.
        ended: empty before.
        seconds: how long all rounds will take, None where nobody knows.
    """

    number: int
    title: str
    job: Literal["scan", "sweep", "calibrate"]
    state: QueueState
    rounds: int = 1
    rounds_done: int = 0
    on_failure: Literal["stop", "go-on"] = "stop"
    message: str = ""
    files: tuple[str, ...] = ()
    added: str = ""
    began: str = ""
    ended: str = ""
    seconds: float | None = None

    @property
    def light(self) -> Light:
        """Its state for a colour and a shape."""
        return LIGHTS[self.state]


@dataclass(frozen=True, slots=True)
class QueueList:
    """The queue at one moment.

    Attributes:
        path: its file.
        rows: the entries in their order.
        runner: the process that runs it, None when none does.
        here: whether that process is the bench service of this window.
        halt: what it was asked to do: stop ``now``, ``after`` the entry, or nothing.
    """

    path: str
    rows: tuple[QueueRow, ...] = ()
    runner: int | None = None
    here: bool = False
    halt: str = ""
