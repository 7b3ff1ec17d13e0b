"""What can be asked of a bench service: values that know what they do and how a script would say it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from labctl.service.messages import Message, TaskProgress

if TYPE_CHECKING:
    from labctl.service.session import Session


class Lane(StrEnum):
    """Requests of one lane are carried out one after another; lanes do not wait for one another."""

    AT_ONCE = "at once"
    """On the thread that receives: must neither wait nor fail slowly."""
    BOARD = "board"
    INSTRUMENTS = "instruments"
    FILES = "files"
    LISTS = "lists"
    """Short looks at the queue and at the list of runs, and short changes of them: must not wait for an export."""
    COMPUTE = "compute"
    STUDIES = "studies"
    """Hours of work by processes of its own."""
    CHECKS = "checks"
    """Looks at plans while they are edited: short, and waits neither for files nor for arithmetic."""


class Request(Protocol):
    """A frozen dataclass that travels to the service and is carried out there.

    The modules of requests import what is heavy only where it is used: a window imports them all.
    """

    @property
    def lane(self) -> Lane:
        """Where it is carried out."""
        ...

    @property
    def title(self) -> str:
        """What it does, for people; empty for one that only looks and is not worth a line."""
        ...

    def script(self) -> str:
        """Lines of Python that do the same with ``bench`` open; empty for one that changes and measures nothing."""
        ...

    def do(self, session: Session, task: Task) -> Any:
        """Carry it out; what is returned travels back."""
        ...


class Looking:
    """What requests have in common that change and measure nothing: no line in the log, none in the script."""

    __slots__ = ()

    @property
    def title(self) -> str:
        """Not worth a line."""
        return ""

    def script(self) -> str:
        """Only looks."""
        return ""


class Task:
    """A request under way.

    Args:
        number: of the request.
        title: what it does.
        tell: takes messages to the client.
    """

    def __init__(self, number: int, title: str, tell: Callable[[Message], None]) -> None:
        self.number = number
        self.title = title
        self.tell = tell
        self._stop = threading.Event()
        self._fraction = 0.0
        self._message = ""

    def progress(self, fraction: float, message: str) -> None:
        """Say how far it is; fits where a :data:`labctl.progress.Listener` is wanted."""
        self._fraction, self._message = fraction, message
        self._report("running")

    def stop(self) -> bool:
        """Whether somebody wants it to end; fits where a :data:`labctl.progress.Stop` is wanted."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def began(self) -> None:
        """It is under way."""
        self._report("running")

    def waits(self) -> None:
        """It waits for its lane."""
        self._report("waiting")

    def ended(self, state: str) -> None:
        """It is over."""
        if state == "done":
            self._fraction = 1.0
        self._report(state)

    def _report(self, state: Any) -> None:
        if self.title:
            self.tell(TaskProgress(self.number, self.title, state, self._fraction, self._message))
