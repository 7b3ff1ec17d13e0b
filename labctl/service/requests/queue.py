"""Requests to the queue of runs: look, add, change, run, stop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labctl.service.messages import FolderChanged
from labctl.service.messages_queue import QueueList, QueueRow
from labctl.service.request import Lane, Task

if TYPE_CHECKING:
    from labctl.queue import Entry
    from labctl.queue import RunQueue as Queue
    from labctl.service.session import Session

OnFailure = Literal["stop", "go-on"]

_IMPORT = "from labctl.queue import QUEUE_NAME, RunQueue\n"
_QUEUE = "RunQueue(bench.runs / QUEUE_NAME)"


def scan_job(plan: str) -> str:
    """The job that measures a scan plan, given as JSON text, itself as JSON text."""
    return json.dumps({"job": "scan", "plan": json.loads(plan)})


def sweep_job(kinds: tuple[str, ...] = (), budget: Literal["quick", "full"] = "quick", seed: int = 0) -> str:
    """The job that measures standard sweeps, as JSON text."""
    return json.dumps({"job": "sweep", "kinds": kinds, "budget": budget, "seed": seed})


def calibrate_job(budget: Literal["quick", "full"] = "quick", seed: int = 0) -> str:
    """The job that measures and fits the board, as JSON text."""
    return json.dumps({"job": "calibrate", "budget": budget, "seed": seed})


class _Short:
    """What the short requests have in common."""

    __slots__ = ()

    @property
    def lane(self) -> Lane:
        """Short looks and changes."""
        return Lane.LISTS

    @property
    def title(self) -> str:
        """The panel shows what it did."""
        return ""


@dataclass(frozen=True, slots=True)
class ListQueue(_Short):
    """Look at the queue of the bench."""

    def script(self) -> str:
        """Only looks."""
        return ""

    def do(self, session: Session, task: Task) -> QueueList:
        """Carry it out."""
        import os

        queue = _queue_of(session)
        entries, runner = queue.entries(), queue.runner()
        bench = session.opened
        geometry = None if bench is None else bench.board.geometry
        seconds = session.estimates.of_entries(entries, geometry, session.config.schedule.value())
        rows = tuple(_row(entry, seconds[entry.number]) for entry in entries)
        return QueueList(str(queue.path), rows, runner, runner == os.getpid(), queue.halting() if runner else "")


@dataclass(frozen=True, slots=True)
class AddToQueue(_Short):
    """Put a job at the end.

    Attributes:
        job_json: as :func:`labctl.queue.job_as_json` gives it; see :func:`scan_job`.
        rounds: how often it is done.
        on_failure: what the queue does when it fails.
    """

    job_json: str
    rounds: int = 1
    on_failure: OnFailure = "stop"

    def script(self) -> str:
        """The same in Python."""
        needed, job = _job_script(self.job_json)
        return f"{_IMPORT}{needed}{_QUEUE}.add({job}, rounds={self.rounds}, on_failure={self.on_failure!r})"

    def do(self, session: Session, task: Task) -> int:
        """Carry it out; the answer is the number of the entry."""
        from labctl.queue import job_of_json

        entry = _queue_of(session).add(job_of_json(self.job_json), rounds=self.rounds, on_failure=self.on_failure)
        session.tell(FolderChanged("queue"))
        return entry.number


@dataclass(frozen=True, slots=True)
class EditEntry(_Short):
    """Change an entry that waits; None leaves as it is.

    Attributes:
        number: of the entry.
        job_json: what is done instead.
        rounds: how often.
        on_failure: what the queue does when it fails.
    """

    number: int
    job_json: str | None = None
    rounds: int | None = None
    on_failure: OnFailure | None = None

    def script(self) -> str:
        """The same in Python."""
        needed, job = ("", "") if self.job_json is None else _job_script(self.job_json)
        given = {"job": job, "rounds": self.rounds, "on_failure": self.on_failure and repr(self.on_failure)}
        changes = "".join(f", {name}={value}" for name, value in given.items() if value)
        return f"{_IMPORT}{needed}{_QUEUE}.edit({self.number}{changes})"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        from labctl.queue import job_of_json

        job = None if self.job_json is None else job_of_json(self.job_json)
        _queue_of(session).edit(self.number, job=job, rounds=self.rounds, on_failure=self.on_failure)
        session.tell(FolderChanged("queue"))


@dataclass(frozen=True, slots=True)
class MoveEntry(_Short):
    """Put an entry that waits at a place among those that wait; 1 is next."""

    number: int
    place: int

    def script(self) -> str:
        """The same in Python."""
        return f"{_IMPORT}{_QUEUE}.move({self.number}, {self.place})"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        _queue_of(session).move(self.number, self.place)
        session.tell(FolderChanged("queue"))


@dataclass(frozen=True, slots=True)
class DuplicateEntry(_Short):
    """Put the job of an entry at the end once more."""

    number: int

    def script(self) -> str:
        """The same in Python."""
        return f"{_IMPORT}{_QUEUE}.duplicate({self.number})"

    def do(self, session: Session, task: Task) -> int:
        """Carry it out; the answer is the number of the new entry."""
        entry = _queue_of(session).duplicate(self.number)
        session.tell(FolderChanged("queue"))
        return entry.number


@dataclass(frozen=True, slots=True)
class RemoveEntries(_Short):
    """Take entries out; their run files stay."""

    numbers: tuple[int, ...]

    def script(self) -> str:
        """The same in Python."""
        lines = [f"{_QUEUE}.remove({number})" for number in self.numbers]
        return _IMPORT + "\n".join(lines)

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        queue = _queue_of(session)
        try:
            for number in self.numbers:
                queue.remove(number)
        finally:
            session.tell(FolderChanged("queue"))


@dataclass(frozen=True, slots=True)
class ClearQueue(_Short):
    """Take out all entries that have ended; their run files stay."""

    def script(self) -> str:
        """The same in Python."""
        return f"{_IMPORT}{_QUEUE}.clear()"

    def do(self, session: Session, task: Task) -> int:
        """Carry it out; the answer is how many there were."""
        count = _queue_of(session).clear()
        session.tell(FolderChanged("queue"))
        return count


@dataclass(frozen=True, slots=True)
class PlanOfEntry(_Short):
    """The plan of an entry that measures a scan, to be edited."""

    number: int

    def script(self) -> str:
        """Only looks."""
        return ""

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the plan as JSON text."""
        from data.errors import BadInput
        from data.scanfile import scan_plan_as_json
        from labctl.queue import ScanJob

        entry = _queue_of(session).find(self.number)
        if not isinstance(entry.job, ScanJob):
            raise BadInput(f"entry {self.number} is no scan and has no plan that could be edited")
        return scan_plan_as_json(entry.job.plan)


@dataclass(frozen=True, slots=True)
class HaltQueue(_Short):
    """Ask the process that runs the queue to stop, whichever it is; what is measured is kept.

    Attributes:
        when: ``now`` at the next checkpoint, or ``after`` the entry that is running.
    """

    when: Literal["now", "after"]

    def script(self) -> str:
        """The same in Python; from elsewhere, as a program that runs the queue waits for its end."""
        return f"# from another program: {_QUEUE}.halt({self.when!r})"

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        _queue_of(session).halt(self.when)
        session.tell(FolderChanged("queue"))


@dataclass(frozen=True, slots=True)
class RunQueue:
    """Run what waits, in its order, on the bench that is open."""

    @property
    def lane(self) -> Lane:
        """Measures."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return "run the queue"

    def script(self) -> str:
        """The same in Python."""
        return (
            f"from contextlib import nullcontext\n{_IMPORT}from labctl.queue import run_queue\n"
            f"run_queue({_QUEUE}, lambda: nullcontext(bench))"
        )

    def do(self, session: Session, task: Task) -> tuple[QueueRow, ...]:
        """Carry it out; the answer is the entries that were run, as they ended."""
        from contextlib import nullcontext

        from labctl.queue import run_queue

        bench = session.bench  # says at once when there is none
        said: list[str] = []

        def heard(fraction: float, message: str) -> None:
            task.progress(fraction, " · ".join([*said[-1:], message]))

        def say(text: str) -> None:
            said.append(text)
            session.tell(FolderChanged("queue"))

        try:
            result = run_queue(_queue_of(session), lambda: nullcontext(bench), listener=heard, say=say, stop=task.stop)
        finally:
            session.tell(FolderChanged("queue"))
            session.tell(FolderChanged("runs"))
        return tuple(_row(entry, None) for entry in result.entries)


def _queue_of(session: Session) -> Queue:
    from labctl.queue import QUEUE_NAME
    from labctl.queue import RunQueue as Queue

    return Queue(session.runs / QUEUE_NAME)


def _row(entry: Entry, seconds: float | None) -> QueueRow:
    from labctl.queue import CalibrateJob, ScanJob

    job: Literal["scan", "sweep", "calibrate"] = "sweep"
    if isinstance(entry.job, ScanJob):
        job = "scan"
    elif isinstance(entry.job, CalibrateJob):
        job = "calibrate"
    return QueueRow(
        entry.number,
        entry.job.title,
        job,
        entry.state.value,
        entry.rounds,
        entry.rounds_done,
        entry.on_failure,
        entry.message,
        entry.files,
        entry.added,
        entry.began,
        entry.ended,
        seconds,
    )


def _job_script(text: str) -> tuple[str, str]:
    """A line that imports what is needed, and the job in Python."""
    content = json.loads(text)
    kind = content.pop("job")
    if kind == "scan":
        return "from labctl.queue import job_of_json\n", f"job_of_json({text!r})"
    if kind == "sweep":
        content["kinds"] = tuple(content["kinds"])
    name = "SweepJob" if kind == "sweep" else "CalibrateJob"
    given = ", ".join(f"{key}={value!r}" for key, value in content.items())
    return f"from labctl.queue import {name}\n", f"{name}({given})"
