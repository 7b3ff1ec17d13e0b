"""Finished runs as a list that can be sorted, filtered and ticked; fast for many thousands."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from gui.models.spans import size
from labctl.service.messages_runs import RunRow, RunsChanged

COLUMNS: Final = ("", "mark", "started", "kind", "status", "origin", "title", "board", "calibration", "size", "note")
TICK, MARK, STARTED, KIND, STATUS, ORIGIN, TITLE, BOARD, CALIBRATION, SIZE, NOTE = range(len(COLUMNS))
STARRED: Final = "starred"
CROSSED: Final = "crossed out"
ANY: Final = ""
MOST_TICKED: Final = 12
"""Runs that can be drawn over one another."""


class RunList:
    """The rows there are, those that are wanted in the order that is wanted, and those that are ticked."""

    def __init__(self) -> None:
        self._rows: dict[str, RunRow] = {}
        self._shown: list[RunRow] = []
        self._place: dict[str, int] = {}
        self.column = STARTED
        self.descending = True
        self.text = ANY
        self.kind = ANY
        self.status = ANY
        self.board = ANY
        self.ticked: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shown(self) -> list[RunRow]:
        """The rows that are wanted, in their order."""
        return self._shown

    def row(self, file: str) -> RunRow | None:
        """The row of a file."""
        return self._rows.get(file)

    def place(self, file: str) -> int | None:
        """Where a file stands among those shown."""
        return self._place.get(file)

    def take(self, change: RunsChanged) -> None:
        """Rows have come, changed or gone."""
        if change.anew:
            self._rows.clear()
        for file in change.gone:
            self._rows.pop(file, None)
        for row in change.rows:
            self._rows[row.file] = row
        self.arrange()

    def arrange(self) -> None:
        """Filter and sort anew; what filters and sorts was changed."""
        words = self.text.lower().split()
        wanted = [row for row in self._rows.values() if self._wanted(row, words)]
        # Runs that are alike stand in the order of time.
        wanted.sort(key=lambda row: row.run_id, reverse=self.descending)
        wanted.sort(key=_KEYS[self.column], reverse=self.descending)
        self._shown = wanted
        self._place = {row.file: index for index, row in enumerate(wanted)}

    def choices(self, field: str) -> list[str]:
        """The values of ``kind``, ``status`` or ``board`` that there are, for a choice."""
        found: list[str] = []
        for value in {getattr(row, field) for row in self._rows.values()} - {ANY}:
            bisect.insort(found, value)
        return found

    def tick(self, file: str) -> int | None:
        """Tick a run: the number of its colour, the lowest that is free; None when too many are ticked."""
        if file in self.ticked:
            return self.ticked[file]
        free = next((number for number in range(MOST_TICKED) if number not in self.ticked.values()), None)
        if free is not None:
            self.ticked[file] = free
        return free

    def untick(self, file: str) -> None:
        """Tick it no longer; its colour is free again."""
        self.ticked.pop(file, None)

    def summary(self) -> str:
        """How many there are, in words."""
        total, shown = len(self._rows), len(self._shown)
        runs = f"{total} run{'s' if total != 1 else ''}"
        ticked = f" · {len(self.ticked)} ticked" if self.ticked else ""
        return (runs if shown == total else f"{shown} of {runs}") + ticked

    def _wanted(self, row: RunRow, words: list[str]) -> bool:
        if self.kind not in (ANY, row.kind) or self.board not in (ANY, row.board):
            return False
        if self.status == STARRED or self.status == CROSSED:
            if row.stamp != ("star" if self.status == STARRED else "cross"):
                return False
        elif self.status not in (ANY, row.status):
            return False
        if not words:
            return True
        text = searched(row)
        return all(word in text for word in words)


def searched(row: RunRow) -> str:
    """What the filter looks at."""
    origin = "simulated" if row.simulated else "measured"
    parts = (row.run_id, row.kind, row.title, row.status, row.board, origin, row.calibration, row.note, row.message)
    return " ".join(parts).lower()


def cell(row: RunRow, column: int) -> str:
    """What stands in a cell; the mark is a word for those who hear it."""
    if column == STARTED:
        return local_time(row.started) or row.run_id
    if column == SIZE:
        return size(row.size)
    if column == ORIGIN:
        return "SIMULATED" if row.simulated else ("" if row.status == "unreadable" else "measured")
    if column == MARK:
        return ""
    texts = {KIND: row.kind, TITLE: row.title, STATUS: row.status, BOARD: row.board, CALIBRATION: row.calibration}
    return texts.get(column, row.note if column == NOTE else "").replace("\n", " ")


def local_time(iso: str) -> str:
    """A time of a run file as clocks here show it; empty for none."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return ""


def compared(
    runs: Iterable[tuple[tuple[str, str], ...]], *, only_differences: bool
) -> list[tuple[str, list[str], bool]]:
    """The facts of several runs side by side.

    Args:
        runs: labels and values of each run.
        only_differences: leave out what is the same in all of them.

    Returns:
        For each label its value in each run, and whether they differ; a run that does not have it has an empty value.
    """
    tables = [dict(facts) for facts in runs]
    labels = dict.fromkeys(label for table in tables for label in table)
    found = []
    for label in labels:
        values = [table.get(label, "") for table in tables]
        differ = len(set(values)) > 1
        if differ or not only_differences:
            found.append((label, values, differ))
    return found


_KEYS: Final[dict[int, Callable[[RunRow], Any]]] = {
    TICK: lambda row: row.run_id,
    MARK: lambda row: {"star": 2, "": 1, "cross": 0}[row.stamp],
    STARTED: lambda row: (row.run_id[:15], row.started),
    KIND: lambda row: row.kind,
    TITLE: lambda row: row.title.lower(),
    STATUS: lambda row: row.status,
    BOARD: lambda row: row.board,
    ORIGIN: lambda row: row.simulated,
    CALIBRATION: lambda row: row.calibration,
    SIZE: lambda row: row.size,
    NOTE: lambda row: row.note.lower(),
}
