"""The states of a run, which may follow which, and how long anything may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from data.errors import BadInput, LabctlError
from data.instrument import Quantity
from data.metadata import Status as Ending
from data.sweep import Coordinate


class State(StrEnum):
    """What the engine is doing."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    ABORTING = "aborting"
    FAILED = "failed"


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.IDLE: frozenset({State.RUNNING}),
    State.RUNNING: frozenset({State.PAUSING, State.STOPPING, State.ABORTING}),
    State.PAUSING: frozenset({State.RUNNING, State.PAUSED, State.STOPPING, State.ABORTING}),
    State.PAUSED: frozenset({State.RUNNING, State.STOPPING, State.ABORTING}),
    State.STOPPING: frozenset({State.IDLE, State.ABORTING, State.FAILED}),
    State.ABORTING: frozenset({State.IDLE, State.FAILED}),
    State.FAILED: frozenset({State.IDLE, State.RUNNING}),
}
"""Which states may follow which. A run that comes to its end by itself passes through ``stopping`` too: there the
hardware is made safe and the file closed."""

ACTIVE: Final = frozenset(State) - {State.IDLE, State.FAILED}
LEAVING: Final = frozenset({State.STOPPING, State.ABORTING})


class NotNow(BadInput):
    """What was asked of the engine does not go with its state."""


class Overdue(LabctlError):
    """Hardware did not come back from a call within its deadline."""


class UnsafeState(LabctlError):
    """The safe state of some hardware could not be confirmed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines of the engine, in seconds.

    Attributes:
        pause_s: a run paused for longer is stopped.
        safe_s: for one device to reach its safe state.
        abort_s: after an abort, for the call that is under way to end.
        glitch_s: a link that comes back within this time leaves the other hardware as it is.
        reconnect_s: for a lost link to come back before the run fails.
        losses: how often in a row a link may be lost at the same checkpoint.
        trips: how often in a row interlocks may pause a run at the same checkpoint; what it sets may trip them.
        save_s: for a checkpoint, before the engine says that it takes long.
        retry_s: between two tries to save on a full disk.
        close_s: for room on a full disk when the file is closed.
    """

    pause_s: float = 86_400.0
    safe_s: float = 10.0
    abort_s: float = 5.0
    glitch_s: float = 5.0
    reconnect_s: float = 120.0
    losses: int = 3
    trips: int = 10
    save_s: float = 60.0
    retry_s: float = 5.0
    close_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the engine waits for.

    Attributes:
        name: what, in words.
        waited_s: for how long already.
        deadline_s: how long it may take in all.
    """

    name: str
    waited_s: float
    deadline_s: float

    @property
    def overdue(self) -> bool:
        """Whether it takes longer than it may."""
        return self.waited_s > self.deadline_s


@dataclass(frozen=True, slots=True)
class Began:
    """A run has begun: its file, where it keeps one, is made, and nothing has been sent yet.

    Attributes:
        title: what it is, in words.
        kind: what is done, as in its file.
        run_id: as in its file, empty where it keeps none.
        path: its file, None where it keeps none.
        total: its steps in all; at most so many when it is not known.
        simulated: whether the numbers come from a model, an emulated board or a simulated instrument.
        devices: the hardware that takes part, by name.
        axes: what varies over its steps, by name, where that is known beforehand.
        shape: steps of each dimension; empty for anything that is no grid.
        quantities: what its rows hold, one number each, by variable.
    """

    title: str
    kind: str
    run_id: str
    path: Path | None
    total: int
    simulated: bool
    devices: tuple[str, ...] = ()
    axes: Mapping[str, Coordinate] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    quantities: Mapping[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: as in its file.
        message: why; empty when there is nothing to say.
        path: its file, None when there is none.
        error: what made it fail.
        unsafe: hardware whose safe state could not be confirmed, and why.
        gave_up: whether it ended because nobody took back a pause in time.
        tripped: whether an interlock aborted it.
    """

    status: Ending
    message: str = ""
    path: Path | None = None
    error: BaseException | None = None
    unsafe: tuple[str, ...] = ()
    gave_up: bool = False
    tripped: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """The engine at one moment.

    Attributes:
        state: what it is doing.
        reason: why it is in this state; empty when there is nothing to say.
        title: the run, empty before the first.
        done: of it, in its own steps.
        total: its steps in all.
        waiting: what it waits for, None when it does not.
        began: the run that goes on or was the last, None before the first and until its file is made.
        outcome: how the last run ended, None while there is none.
    """

    state: State
    reason: str
    title: str
    done: int
    total: int
    waiting: Waiting | None
    began: Began | None
    outcome: Outcome | None
