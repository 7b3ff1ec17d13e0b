"""The queue of runs as rows and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gui.models.spans import span
from labctl.service.messages_queue import QueueList, QueueRow

COLUMNS: Final = ("entry", "state", "what", "rounds", "if it fails", "progress", "time", "note")
NUMBER, STATE, WHAT, ROUNDS, ON_FAILURE, PROGRESS, TIME, NOTE = range(len(COLUMNS))
ON_FAILURE_WORDS: Final = {"stop": "stop", "go-on": "go on"}


@dataclass(frozen=True, slots=True)
class QueueModel:
    """The queue, and how far the entry is that this window's service runs.

    Attributes:
        queue: as it was last told.
        fraction: of the running entry, from 0 to 1; None while nobody here knows.
    """

    queue: QueueList
    fraction: float | None = None

    @property
    def rows(self) -> tuple[QueueRow, ...]:
        """The entries in their order."""
        return self.queue.rows

    @property
    def waiting(self) -> tuple[int, ...]:
        """Numbers of the entries that wait, the next one first."""
        return tuple(row.number for row in self.rows if row.state == "waiting")

    @property
    def ended(self) -> int:
        """How many entries have ended."""
        return sum(row.state not in ("waiting", "running") for row in self.rows)

    @property
    def running(self) -> QueueRow | None:
        """The entry that is running."""
        return next((row for row in self.rows if row.state == "running"), None)

    def row_of(self, number: int) -> int | None:
        """Where an entry stands, None when it is gone."""
        return next((index for index, row in enumerate(self.rows) if row.number == number), None)

    def moved(self, number: int, step: int) -> int | None:
        """The place among those that wait that is so many steps away; None where there is none."""
        if number not in self.waiting:
            return None
        place = self.waiting.index(number) + 1 + step
        return place if 1 <= place <= len(self.waiting) else None

    def dropped(self, number: int, before: int) -> int | None:
        """The place among those that wait of an entry that is dropped before a row; None where nothing changes.

        Args:
            number: of the entry.
            before: the row that it is dropped before; the number of rows for the end.
        """
        if number not in self.waiting:
            return None
        above = sum(row.state == "waiting" and row.number != number for row in self.rows[:before])
        return None if above == self.waiting.index(number) else above + 1

    def progress(self, row: QueueRow) -> float | None:
        """How far an entry is, from 0 to 1; None for one that has not begun."""
        if row.state == "running" and self.queue.here and self.fraction is not None:
            return self.fraction
        if row.state != "running" and not row.rounds_done:
            return None
        return row.rounds_done / row.rounds

    def left_s(self) -> float | None:
        """Seconds until nothing waits any more, as far as they are known; None when nothing is known."""
        known = []
        for row in self.rows:
            if row.seconds is not None and row.state in ("waiting", "running"):
                known.append(row.seconds * (1.0 - (self.progress(row) or 0.0)))
        return sum(known) if known else None

    def text(self, row: QueueRow, column: int) -> str:
        """What stands in a cell."""
        if column == NUMBER:
            return str(row.number)
        if column == ROUNDS:
            return f"{row.rounds_done} of {row.rounds}"
        if column == ON_FAILURE:
            return ON_FAILURE_WORDS[row.on_failure]
        if column == PROGRESS:
            done = self.progress(row)
            return "" if done is None else f"{100 * done:.0f} %"
        if column == TIME:
            return span(row.seconds)
        return {STATE: row.state, WHAT: row.title, NOTE: row.message}[column]

    def summary(self) -> str:
        """The queue in a few words."""
        queue, running = self.queue, self.running
        words = []
        if running is not None:
            where = "here" if queue.here else f"by process {queue.runner}"
            words.append(f"entry {running.number} runs {where}")
        elif queue.runner is not None:
            words.append("begins here" if queue.here else f"process {queue.runner} runs it")
        if queue.halt:
            words.append("stops at the next checkpoint" if queue.halt == "now" else "stops after this entry")
        words.append(f"{len(self.waiting)} wait" if len(self.waiting) != 1 else "1 waits")
        left = self.left_s()
        if left is not None:
            unknown = any(row.seconds is None and row.state in ("waiting", "running") for row in self.rows)
            words.append(f"{'more than' if unknown else 'about'} {span(left)}")
        return " · ".join(words)
