"""A bench service in this process, for tests that ask it something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from labctl.service.messages import Answered, Failed, Message
from labctl.service.request import Request
from labctl.service.service import Service

M = TypeVar("M", bound=Message)
PATIENCE_S = 60.0


class Told:
    """A service, and what it has told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.service = Service(self.messages.append)
        self._number = 0

    def ask(self, request: Request) -> int:
        """Ask without waiting."""
        self._number += 1
        self.service.submit(self._number, request)
        return self._number

    def answer(self, request: Request) -> object:
        """Ask and wait for the answer."""
        number = self.ask(request)
        reply = self.until(lambda: self.reply(number))
        assert isinstance(reply, Answered), reply
        return reply.value

    def refusal(self, request: Request) -> Failed:
        """Ask and wait for the refusal."""
        number = self.ask(request)
        reply = self.until(lambda: self.reply(number))
        assert isinstance(reply, Failed), reply
        return reply

    def reply(self, number: int) -> Answered | Failed | None:
        """What was replied to a request."""
        replies = (m for m in list(self.messages) if isinstance(m, Answered | Failed) and m.number == number)
        return next(replies, None)

    def replied(self, request: Request | int) -> Answered | Failed:
        """Wait for what is replied to a request, which is asked first unless its number is given."""
        number = request if isinstance(request, int) else self.ask(request)
        return self.until(lambda: self.reply(number))

    def all(self, kind: type[M]) -> list[M]:
        """All messages of a kind."""
        return [message for message in list(self.messages) if isinstance(message, kind)]

    def until(self, found: Callable[[], Any]) -> Any:
        """Wait for something to be so."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            value = found()
            if value:
                return value
            time.sleep(0.01)
        raise AssertionError("it did not happen")
