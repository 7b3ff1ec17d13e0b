"""What a look at studies gives: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PointState = Literal["done", "computing", "failed", "blocked", "waiting"]


@dataclass(frozen=True, slots=True)
class StudyKind:
    """A study that can be asked for.

    Attributes:
        name: on the command line.
        title: what it is about.
        scopes: name and what it takes in words, the smallest first.
        any_geometry: whether the boards' array can be chosen.
    """

    name: str
    title: str
    scopes: tuple[tuple[str, str], ...]
    any_geometry: bool


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """A study in a folder.

    Attributes:
        folder: where it is.
        study: its name.
        title: what it is about.
        scope: how much of it.
        seed: what everything is drawn from.
        points: how many there are.
        done: how many are finished.
        failed: how many failed.
        running: whether a process is at work on it.
        changed: seconds since the epoch when something was last finished.
        problem: why it cannot be read, empty where it can.
    """

    folder: str
    study: str
    title: str
    scope: str
    seed: int
    points: int = 0
    done: int = 0
    failed: int = 0
    running: bool = False
    changed: float = 0.0
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether every point is finished."""
        return 0 < self.points == self.done


@dataclass(frozen=True, slots=True)
class PointLine:
    """A point of a study.

    Attributes:
        key: names it.
        state: where it is.
        message: why it failed, or what it waits for.
    """

    key: str
    state: PointState
    message: str = ""


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study as it is shown.

    Attributes:
        entry: which one.
        points: in the order of the plan.
        findings: what was found, in sentences; none while there is no report.
        report: the page; empty while there is none.
    """

    entry: StudyEntry
    points: tuple[PointLine, ...]
    findings: tuple[str, ...]
    report: str


@dataclass(frozen=True, slots=True)
class StudyResults:
    """Table and pictures of a study.

    Attributes:
        folder: where it is.
        header: of the table.
        rows: its first lines, as text.
        total: lines in all.
        pictures: name and PNG of each.
    """

    folder: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    pictures: tuple[tuple[str, bytes], ...]
