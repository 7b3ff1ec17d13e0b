"""A bounded box of messages between two threads: neither can make the other wait."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Final

from labctl.service.messages import Message

CAPACITY: Final = 2048
"""Messages that may be dropped which wait at most."""


class Letterbox:
    """Messages in their order, thinned out when nobody takes them.

    A message that replaces another takes its place; of those that may be dropped the oldest goes first; all others are
    kept.

    Args:
        capacity: how many droppable messages wait at most.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._messages: dict[Hashable, Message] = {}
        self._next = 0
        self._droppable = 0
        self._dropped = 0
        self._arrived = threading.Condition()

    @property
    def dropped(self) -> int:
        """How many messages nobody took in time."""
        return self._dropped

    def put(self, message: Message) -> None:
        """Add a message; never waits."""
        with self._arrived:
            key = message.replaces()
            if key is None:
                key = self._next
                self._next += 1
                self._droppable += message.droppable
            else:
                self._messages.pop(key, None)  # the newest goes to the end: it may speak of what came between
            self._messages[key] = message
            if self._droppable > self._capacity:
                self._drop_oldest()
            self._arrived.notify()

    def take(self, timeout_s: float | None = 0.0) -> tuple[Message, ...]:
        """All messages there are; the first is waited for at most so many seconds, None as long as it takes."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._messages, timeout_s)
            found = tuple(self._messages.values())
            self._messages.clear()
            self._droppable = 0
            return found

    def _drop_oldest(self) -> None:
        key = next(key for key, message in self._messages.items() if message.droppable)
        del self._messages[key]
        self._droppable -= 1
        self._dropped += 1
