"""The queue on disk: one SQLite file, changed in transactions, so that a kill at any moment leaves it whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from data._writers import WriterMark
from data.errors import BadInput, DiskFull, LabctlError
from data.metadata import utc_now
from labctl.queue.entries import Entry, EntryState, OnFailure, OnHalt
from labctl.queue.jobs import Job, job_as_json, job_of_json

QUEUE_NAME: Final = "queue.sqlite"
LAYOUT: Final = 1
MOST_ROUNDS: Final = 1_000_000
_BUSY_S: Final = 10.0
_TABLES: Final = (
    """CREATE TABLE entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL, job TEXT NOT NULL, rounds INTEGER NOT NULL,
        rounds_done INTEGER NOT NULL DEFAULT 0, on_failure TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
        message TEXT NOT NULL DEFAULT '', files TEXT NOT NULL DEFAULT '[]', added TEXT NOT NULL,
        began TEXT NOT NULL DEFAULT '', ended TEXT NOT NULL DEFAULT '')""",
    "CREATE TABLE runner (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), mark TEXT NOT NULL, halt TEXT NOT NULL)",
    f"PRAGMA user_version = {LAYOUT}",
)
_FIELDS: Final = "number, job, rounds, rounds_done, on_failure, state, message, files, added, began, ended"


class RunQueue:
    """A queue of runs in one file; any process may look and change, one at a time may run it.

    Nothing is read or written before a method is called. Every method may raise :class:`BadInput` for a file that is no
    queue or was written by a newer labctl, :class:`DiskFull`, and :class:`LabctlError` when the disk fails.

    Args:
        path: its file; made when the first entry is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they run or ran."""
        if not self.path.exists():
            return ()
        with self._open() as database:
            lost = self._runner(database) is None
            rows = database.execute(f"SELECT {_FIELDS} FROM entries ORDER BY place").fetchall()
        return tuple(_entry(row, lost) for row in rows)

    def find(self, number: int) -> Entry:
        """One entry.

        Raises:
            BadInput: there is none of this number.
        """
        for entry in self.entries():
            if entry.number == number:
                return entry
        raise BadInput(f"the queue has no entry {number}; `labctl queue list` shows those there are")

    def runner(self) -> int | None:
        """The process that runs the queue now, None when none does."""
        if not self.path.exists():
            return None
        with self._open() as database:
            mark = self._runner(database)
        return None if mark is None else mark.process

    def add(self, job: Job, *, rounds: int = 1, on_failure: OnFailure = "stop") -> Entry:
        """Put a job at the end.

        Args:
            job: what is done.
            rounds: how often, one after another.
            on_failure: whether the queue stops or goes on when it fails.

        Raises:
            BadInput: fewer than one round.
        """
        _check_rounds(rounds)
        with self._change() as database:
            values = (job_as_json(job), rounds, on_failure, utc_now())
            number = database.execute(
                "INSERT INTO entries (place, job, rounds, on_failure, added)"
                " VALUES ((SELECT COALESCE(MAX(place), 0) + 1 FROM entries), ?, ?, ?, ?)",
                values,
            ).lastrowid
        return self.find(number or 0)

    def duplicate(self, number: int) -> Entry:
        """The same job once more, at the end.

        Raises:
            BadInput: there is no such entry.
        """
        entry = self.find(number)
        return self.add(entry.job, rounds=entry.rounds, on_failure=entry.on_failure)

    def edit(
        self, number: int, *, job: Job | None = None, rounds: int | None = None, on_failure: OnFailure | None = None
    ) -> Entry:
        """Change an entry that waits; None leaves as it is.

        Raises:
            BadInput: there is no such entry, it does not wait any more, or fewer than one round.
        """
        if rounds is not None:
            _check_rounds(rounds)
        changes = {
            "job": None if job is None else job_as_json(job),
            "rounds": rounds,
            "on_failure": on_failure,
        }
        with self._change() as database:
            self._must_wait(database, number, "edited")
            for name, value in changes.items():
                if value is not None:
                    database.execute(f"UPDATE entries SET {name} = ? WHERE number = ?", (value, number))
        return self.find(number)

    def move(self, number: int, place: int) -> None:
        """Put an entry that waits at a place among those that wait; 1 is next.

        Raises:
            BadInput: there is no such entry, it does not wait any more, or there is no such place.
        """
        with self._change() as database:
            self._must_wait(database, number, "moved")
            rows = database.execute("SELECT number, place FROM entries WHERE state = 'waiting' ORDER BY place")
            numbers, places = zip(*rows.fetchall(), strict=True)
            if not 1 <= place <= len(numbers):
                raise BadInput(f"there is no place {place} among the {len(numbers)} entries that wait")
            order = [other for other in numbers if other != number]
            order.insert(place - 1, number)
            database.executemany("UPDATE entries SET place = ? WHERE number = ?", zip(places, order, strict=True))

    def remove(self, number: int) -> None:
        """Take an entry out, whatever its state; not while it runs.

        Raises:
            BadInput: there is no such entry, or it runs.
        """
        with self._change() as database:
            if self._state(database, number) is EntryState.RUNNING:
                raise BadInput(f"entry {number} is running; stop it first")
            database.execute("DELETE FROM entries WHERE number = ?", (number,))

    def clear(self) -> int:
        """Take out all that has ended; says how many."""
        if not self.path.exists():
            return 0
        with self._change() as database:
            lost = "" if self._runner(database) is not None else "OR state = 'running'"
            found = database.execute(f"DELETE FROM entries WHERE state NOT IN ('waiting', 'running') {lost}")
            return found.rowcount

    def halt(self, when: OnHalt) -> None:
        """Ask the process that runs the queue to stop: ``now``, keeping what is measured, or ``after`` this entry.

        Raises:
            BadInput: no process runs it.
        """
        if self.runner() is None:
            raise BadInput("no process runs the queue; there is nothing to stop")
        with self._change() as database:
            database.execute("UPDATE runner SET halt = ?", (when,))

    def halted(self) -> str:
        """``now``, ``after``, or nothing: what was asked of the process that runs the queue.

        Being asked by that process, the file also shows other computers that it lives.
        """
        self.path.touch()
        return self.halting()

    def halting(self) -> str:
        """As :meth:`halted`, for whoever only looks."""
        if not self.path.exists():
            return ""
        with self._open() as database:
            found = database.execute("SELECT halt FROM runner").fetchone()
        return str(found[0]) if found else ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the process that runs the queue; what a killed one was at is marked as interrupted.

        Raises:
            BadInput: another process runs it.
        """
        with self._change() as database:
            other = self._runner(database)
            if other is not None:
                raise BadInput(f"process {other.process} on {other.host} runs the queue {self.path} already")
            database.execute(
                "UPDATE entries SET state = 'interrupted', ended = ?, message = ? WHERE state = 'running'",
                (utc_now(), _INTERRUPTED),
            )
            mark = WriterMark.of_this_process().as_json()
            database.execute("INSERT OR REPLACE INTO runner VALUES (1, ?, '')", (mark,))
        try:
            yield
        finally:
            with self._change() as database:
                database.execute("DELETE FROM runner")

    def claim(self) -> Entry | None:
        """The next entry that waits, now running; None when there is none. Only while holding the queue."""
        with self._change() as database:
            row = database.execute("SELECT number FROM entries WHERE state = 'waiting' ORDER BY place").fetchone()
            if row is None:
                return None
            change = "UPDATE entries SET state = 'running', began = ?, message = '' WHERE number = ?"
            database.execute(change, (utc_now(), row[0]))
        return self.find(row[0])

    def note(self, number: int, files: tuple[Path, ...], *, rounds: int) -> None:
        """A running entry has made files, and finished so many more rounds."""
        with self._change() as database:
            (known,) = database.execute("SELECT files FROM entries WHERE number = ?", (number,)).fetchone()
            text = json.dumps([*json.loads(known), *map(str, files)])
            change = "UPDATE entries SET rounds_done = rounds_done + ?, files = ? WHERE number = ?"
            database.execute(change, (rounds, text, number))

    def finish(self, number: int, state: EntryState, message: str = "") -> None:
        """A running entry has ended, or waits again."""
        ended = "" if state is EntryState.WAITING else utc_now()
        with self._change() as database:
            change = "UPDATE entries SET state = ?, message = ?, ended = ? WHERE number = ?"
            database.execute(change, (state.value, message, ended, number))

    def _must_wait(self, database: sqlite3.Connection, number: int, done: str) -> None:
        state = self._state(database, number)
        if state is not EntryState.WAITING:
            raise BadInput(
                f"entry {number} is {state}; only one that waits can be {done}; duplicate it to run it again"
            )

    def _state(self, database: sqlite3.Connection, number: int) -> EntryState:
        row = database.execute("SELECT state FROM entries WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise BadInput(f"the queue has no entry {number}; `labctl queue list` shows those there are")
        state = EntryState(row[0])
        lost = state is EntryState.RUNNING and self._runner(database) is None
        return EntryState.INTERRUPTED if lost else state

    def _runner(self, database: sqlite3.Connection) -> WriterMark | None:
        row = database.execute("SELECT mark FROM runner").fetchone()
        if row is None:
            return None
        mark = WriterMark.from_json(row[0])
        return None if mark.gone(self.path) else mark

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else's falls into."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:  # SQLite ends it by itself where the disk is full
                    database.execute("ROLLBACK")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = FULL")
                self._lay_out(database)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise _said(self.path, error) from error

    def _lay_out(self, database: sqlite3.Connection) -> None:
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        if layout == LAYOUT:
            return
        if layout > LAYOUT:
            raise BadInput(f"{self.path} was written by a newer labctl (layout {layout}); update labctl")
        database.execute("BEGIN IMMEDIATE")
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        for statement in _TABLES if layout == 0 else ():
            database.execute(statement)
        database.execute("COMMIT")


_INTERRUPTED: Final = "the process that ran it is gone"


def _entry(row: tuple[Any, ...], lost: bool) -> Entry:
    number, job, rounds, rounds_done, on_failure, state, message, files, added, began, ended = row
    interrupted = lost and state == EntryState.RUNNING
    return Entry(
        number,
        job_of_json(job),
        rounds,
        rounds_done,
        on_failure,
        EntryState.INTERRUPTED if interrupted else EntryState(state),
        _INTERRUPTED if interrupted else message,
        tuple(json.loads(files)),
        added,
        began,
        ended,
    )


def _check_rounds(rounds: int) -> None:
    if not 1 <= rounds <= MOST_ROUNDS:
        raise BadInput(f"an entry cannot be done {rounds} times; give 1 to {MOST_ROUNDS} rounds")


def _said(path: Path, error: Exception) -> LabctlError:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return DiskFull(f"the disk has no room left for the queue {path}; make room and try again")
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return LabctlError(f"another process has kept the queue {path} busy for {_BUSY_S:g} s; try again")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return BadInput(f"{path} is no queue of labctl, or is damaged ({error}); move it away to begin a new one")
    return LabctlError(f"the queue {path} cannot be used: {error}")
