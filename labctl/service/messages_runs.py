"""Finished runs as a window lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from labctl.service.messages import Light, Message

Stamp = Literal["", "star", "cross"]

LIGHTS: Final[dict[str, Light]] = {
    "complete": "ok",
    "running": "busy",
    "stopped": "warning",
    "interrupted": "warning",
    "aborted": "warning",
    "failed": "fault",
    "unreadable": "fault",
}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run file.

    Attributes:
        file: the file; what a row is known by.
        run_id: of the run.
        kind: what was done.
        status: how it ended; ``unreadable`` for a file that is damaged or no run.
        title: one line.
        message: why it ended so.
        started: ISO 8601, UTC; empty for an unreadable file.
        board: serial number, empty where no board took part.
        simulated: whether its numbers are not from hardware.
        calibration: id of the calibration in use, empty for none.
        size: of the file in bytes.
        stamp: star, cross or nothing.
        note: what was noted about it.
    """

    file: str
    run_id: str
    kind: str
    status: str
    title: str = ""
    message: str = ""
    started: str = ""
    board: str = ""
    simulated: bool = False
    calibration: str = ""
    size: int = 0
    stamp: Stamp = ""
    note: str = ""

    @property
    def light(self) -> Light:
        """Its status for a colour and a shape."""
        return LIGHTS.get(self.status, "off")


@dataclass(frozen=True, slots=True)
class RunsChanged(Message):
    """Some rows of the list of runs; a long list comes in several of these.

    Attributes:
        folder: of the run files.
        rows: new and changed ones, the newest first.
        gone: files that are no longer there.
        anew: the list begins anew: what was there before is forgotten.
    """

    folder: str
    rows: tuple[RunRow, ...]
    gone: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run file says, without its arrays.

    Attributes:
        file: the file.
        facts: a label and a value each.
        plan: the scan plan as JSON text, empty for anything that is no scan.
    """

    file: str
    facts: tuple[tuple[str, str], ...]
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What comparing a file with its checksums found.

    Attributes:
        file: the file.
        light: good or bad.
        sentence: in words.
    """

    file: str
    light: Light
    sentence: str


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format that runs can be exported to.

    Attributes:
        name: of the format.
        suffix: ending of its files, with the dot.
        description: one line.
    """

    name: str
    suffix: str
    description: str


@dataclass(frozen=True, slots=True)
class ExportFormats:
    """The formats there are.

    Attributes:
        formats: those that can be used.
        broken: plug-ins that were found and cannot be used, a sentence each.
    """

    formats: tuple[ExportFormat, ...]
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportPiece:
    """A file that an export would write, as a table of its first lines.

    Attributes:
        file: its name.
        title: what it holds and how much.
        header: names of the columns.
        units: of the columns, empty where they have none.
        lines: the first lines.
    """

    file: str
    title: str
    header: tuple[str, ...]
    units: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
