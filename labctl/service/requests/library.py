"""Requests about finished runs: list, mark, look at what a file says, verify, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.service.messages import Light
from labctl.service.messages_runs import RunFacts, Stamp, Verified
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.service.session import Session


@dataclass(frozen=True, slots=True)
class ListRuns(Looking):
    """Look for runs; what is new is told as :class:`labctl.service.messages_runs.RunsChanged`.

    Attributes:
        anew: the window knows nothing yet.
    """

    anew: bool = False

    @property
    def lane(self) -> Lane:
        """Only new files are read."""
        return Lane.LISTS

    def do(self, session: Session, task: Task) -> int:
        """Carry it out; the answer is how many there are."""
        return session.library.refresh(session.runs, session.tell, anew=self.anew)


@dataclass(frozen=True, slots=True)
class StampRuns:
    """Give runs a star or a cross, or take it away."""

    run_ids: tuple[str, ...]
    stamp: Stamp

    @property
    def lane(self) -> Lane:
        """Writes a small file."""
        return Lane.LISTS

    @property
    def title(self) -> str:
        """The list shows it."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"from data.marks import RunMarks\nRunMarks(bench.runs).stamp({list(self.run_ids)!r}, {self.stamp!r})"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        from data.marks import RunMarks

        RunMarks(session.runs).stamp(self.run_ids, self.stamp)
        session.library.refresh(session.runs, session.tell)


@dataclass(frozen=True, slots=True)
class NoteRun:
    """Say something about a run; empty text takes it away. Its file stays as it is, with its seal."""

    run_id: str
    text: str

    @property
    def lane(self) -> Lane:
        """Writes a small file."""
        return Lane.LISTS

    @property
    def title(self) -> str:
        """The list shows it."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"from data.marks import RunMarks\nRunMarks(bench.runs).note({self.run_id!r}, {self.text!r})"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        from data.marks import RunMarks

        RunMarks(session.runs).note(self.run_id, self.text)
        session.library.refresh(session.runs, session.tell)


@dataclass(frozen=True, slots=True)
class ReadFacts(Looking):
    """What a run file says, without its arrays."""

    file: str

    @property
    def lane(self) -> Lane:
        """Reads a little of a file."""
        return Lane.LISTS

    def do(self, session: Session, task: Task) -> RunFacts:
        """Carry it out."""
        from labctl.service.facts import facts_of

        return facts_of(Path(self.file))


@dataclass(frozen=True, slots=True)
class VerifyRun:
    """Read a whole file and compare it with its checksums; nothing is changed."""

    file: str

    @property
    def lane(self) -> Lane:
        """Reads a file."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """For people."""
        return f"verify {Path(self.file).name}"

    def script(self) -> str:
        """The same in Python."""
        return f"from pathlib import Path\nfrom data.upkeep import verify\nverify(Path({self.file!r}))"

    def do(self, session: Session, task: Task) -> Verified:
        """Carry it out."""
        from data.upkeep import verify

        found = verify(Path(self.file))
        lights: dict[str, Light] = {"sound": "ok", "damaged": "fault"}
        words = {
            "sound": "sound: every checksum is as it was written",
            "running": "is still being written",
            "unchecked": "can be read and has no checksums",
            "unfinished": "was left by a process that is gone",
            "damaged": "damaged",
        }
        said = f"{Path(self.file).name}: {words[found.verdict]}"
        if found.rows is not None and found.verdict == "sound":
            said += f"; {found.rows} rows"
        return Verified(
            self.file, lights.get(found.verdict, "warning"), f"{said}. {found.note}" if found.note else said
        )


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Write the page of a run beside its file."""

    file: str

    @property
    def lane(self) -> Lane:
        """Reads and writes files."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """For people."""
        return f"report of {Path(self.file).name}"

    def script(self) -> str:
        """The same in Python."""
        return f"from pathlib import Path\nlabctl.write_report(Path({self.file!r}))"

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the page's file."""
        from labctl.report import write_report

        return str(write_report(Path(self.file)))
