"""What the engine can run: work cut into chunks that can be repeated until they are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from data.metadata import RunMetadata
from data.metadata import Status as Ending
from data.sweep import Coordinate

CALL_S = 60.0
"""Seconds that a call may take when nothing else is known about it; the links' own deadlines are shorter."""


@runtime_checkable
class HasSafeState(Protocol):
    """Hardware that can be brought to a safe state."""

    def safe(self) -> None:
        """Go to the safe state, e.g. supply off and weights zero."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One conversation with hardware.

    Attributes:
        name: what it does, in words.
        do: carries it out, on the one thread that touches hardware.
        device: whom it talks to; reconnected when its link is lost.
        deadline_s: how long it may take.
    """

    name: str
    do: Callable[[], object]
    device: object | None = None
    deadline_s: float = CALL_S


@dataclass(frozen=True, slots=True)
class Wait:
    """Time that has to pass, e.g. for a temperature to settle; pause, stop and abort end it.

    Attributes:
        name: what is waited for, in words.
        seconds: how long.
        over: ends it earlier; asked now and then, and when somebody calls :meth:`labctl.engine.Engine.look_again`.
    """

    name: str
    seconds: float
    over: Callable[[], bool] | None = None


Action = Call | Wait


@dataclass(frozen=True)
class Saved:
    """What a checkpoint has saved.

    Attributes:
        done: steps of the work that are saved.
        message: how far it is, in words.
        first: index of the first row of ``rows``.
        rows: the rows by variable.
    """

    done: int
    message: str
    first: int = 0
    rows: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class About:
    """What is known about a run besides its title.

    Attributes:
        kind: what is done, as in its file.
        run_id: as in its file, empty where it keeps none.
        simulated: whether the numbers come from a model, an emulated board or a simulated instrument.
        axes: what varies over its steps, by name, where that is known beforehand.
        shape: steps of each dimension; empty for anything that is no grid.
    """

    kind: str
    run_id: str = ""
    simulated: bool = False
    axes: Mapping[str, Coordinate] = field(default_factory=dict)
    shape: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, metadata: RunMetadata, axes: Mapping[str, Coordinate] | None = None, shape: tuple[int, ...] = ()
    ) -> About:
        """What a file says of its run."""
        return cls(metadata.kind, metadata.run_id, metadata.simulated, axes or {}, shape)


class Work(Protocol):
    """A run as the engine sees it.

    Everything but the calls inside a chunk happens on the engine's thread; no method but those calls may talk to
    hardware.
    """

    @property
    def title(self) -> str:
        """What it is, for messages."""
        ...

    @property
    def about(self) -> About:
        """What kind of run it is."""
        ...

    @property
    def total(self) -> int:
        """Steps in all; at most so many when it is not known."""
        ...

    @property
    def devices(self) -> Mapping[str, HasSafeState]:
        """The hardware that takes part, by name; it is made safe on every way out, in this order."""
        ...

    @property
    def path(self) -> Path | None:
        """The file, None before it is made."""
        ...

    def problems(self) -> Iterable[str]:
        """Why it cannot start, a sentence each; nothing has been sent or written then."""
        ...

    def begin(self) -> None:
        """Make the file."""
        ...

    def chunk(self) -> Iterator[Action] | None:
        """The actions that measure the next chunk, or None when everything is saved.

        Called again before :meth:`save`, it begins the same chunk anew.
        """
        ...

    def save(self) -> Saved:
        """Write the chunk that was measured and make it safe from a kill; from here on the next one comes.

        Raises:
            DiskFull: nothing has been acknowledged; call it again once there is room.
        """
        ...

    def forget(self) -> None:
        """Believe nothing about the state of the hardware: the next chunk sets all that it needs."""
        ...

    def end(self, status: Ending, message: str) -> None:
        """Close the file; not called when :meth:`begin` failed.

        Raises:
            DiskFull: how the run ended could not be written; call it again once there is room.
        """
        ...

    def abandon(self, error: Exception) -> None:
        """Let go of the file as it is, because :meth:`end` failed for good."""
        ...
