"""What a bench service tells of studies under way."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from labctl.service.messages import Message


@dataclass(frozen=True, slots=True)
class StudyProgress(Message):
    """How far a study is that this service runs.

    Attributes:
        number: of the request, by which it can be stopped.
        folder: the study's.
        done: points that are finished.
        total: points in all.
        message: what was finished last.
        left_s: seconds that are left, None where nobody knows.
        over: whether it has ended, however.
    """

    number: int
    folder: str
    done: int
    total: int
    message: str = ""
    left_s: float | None = None
    over: bool = False

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return ("study", self.folder)
