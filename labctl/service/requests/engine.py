"""Requests to the run engine: pause, resume, stop, abort; heard at once, whatever else is going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labctl.service.request import Lane, Task

if TYPE_CHECKING:
    from labctl.service.session import Session

Verb = Literal["pause", "resume", "stop", "abort", "acknowledge"]


@dataclass(frozen=True, slots=True)
class Steer:
    """Pause, resume, stop (keeps what was measured) or abort (safe state at once) what runs; or leave ``failed``."""

    verb: Verb

    @property
    def lane(self) -> Lane:
        """Must not wait for the run that it stops."""
        return Lane.AT_ONCE

    @property
    def title(self) -> str:
        """The engine's state says it."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"bench.engine.{self.verb}()"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        session.steer(self.verb)
