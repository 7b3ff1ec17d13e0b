"""What a run tells: plain values in bounded mailboxes, so that whoever listens can neither slow nor stop it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from labctl.engine.states import Began, Outcome, State


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The engine went from one state to another; ``reason`` says why, where there is something to say."""

    old: State
    new: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the run is.

    Attributes:
        done: steps saved.
        total: steps in all.
        message: what is being done.
        left_s: estimate of the seconds left, None before the first step.
    """

    done: int
    total: int
    message: str
    left_s: float | None = None

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 1.0


@dataclass(frozen=True)
class Rows:
    """Rows that have just been saved.

    Attributes:
        first: index of the first of them along the first dimension of every variable.
        values: the rows by variable, read only.
    """

    first: int
    values: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for whoever watches; ``warning`` when something should be done about it."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, its hardware safe and its file closed; the last event of a run."""

    outcome: Outcome


Event = StateChanged | Began | Progress | Rows | Message | Ended

_KEPT = (StateChanged, Began, Ended)
"""What no listener may miss, however slow it is."""

CAPACITY = 256
"""Events that wait in a mailbox; rows, messages and progress beyond that are dropped, the oldest first."""


class Mailbox:
    """Events for one listener.

    Putting never waits. Progress replaces progress that has not been taken; when the box is full the oldest rows,
    messages and progress go, and are counted. Changes of state, the beginning and the end are never dropped.

    Args:
        capacity: how many rows, messages and progress wait at most.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._droppable = 0
        self._dropped = 0
        self._arrived = threading.Condition()

    @property
    def dropped(self) -> int:
        """How many events this listener was too slow for, progress not counted."""
        return self._dropped

    def put(self, event: Event) -> None:
        """Add an event; for the engine."""
        with self._arrived:
            if isinstance(event, Progress) and self._events and isinstance(self._events[-1], Progress):
                self._events[-1] = event
                return
            self._events.append(event)
            self._droppable += not isinstance(event, _KEPT)
            if self._droppable > self._capacity:
                self._drop_oldest()
            self._arrived.notify()

    def take(self, timeout_s: float = 0.0) -> Event | None:
        """The oldest event, waited for at most so many seconds; None when there was none."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._events, timeout_s)
            return self._pop() if self._events else None

    def drain(self) -> tuple[Event, ...]:
        """All events there are, the oldest first; for a listener that looks in by a timer."""
        with self._arrived:
            found = tuple(self._events)
            self._events.clear()
            self._droppable = 0
            return found

    def _pop(self) -> Event:
        event = self._events.popleft()
        self._droppable -= not isinstance(event, _KEPT)
        return event

    def _drop_oldest(self) -> None:
        index = next(i for i, event in enumerate(self._events) if not isinstance(event, _KEPT))
        self._dropped += not isinstance(self._events[index], Progress)
        self._droppable -= 1
        del self._events[index]
