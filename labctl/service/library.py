"""The list of runs, told a piece at a time: what a client has been told is not told again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from data.catalogue import Catalogue, RunEntry
from data.errors import BadInput
from data.marks import Mark, RunMarks
from labctl.service.messages import Message
from labctl.service.messages_runs import RunRow, RunsChanged

PIECE: Final = 400
"""Rows in one message: a window takes them in between two frames."""

log = logging.getLogger(__name__)


class RunLibrary:
    """The runs of one folder after another, as one client knows them; for one lane."""

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._told: dict[str, RunRow] = {}

    def refresh(self, folder: Path, tell: Callable[[Message], None], *, anew: bool = False) -> int:
        """Look for new, changed and vanished runs, and tell what the client does not know yet.

        Args:
            folder: of the runs.
            tell: takes messages to the client.
            anew: the client knows nothing.

        Returns:
            How many runs there are.

        Raises:
            BadInput: the folder cannot be read.
        """
        catalogue = self._catalogue
        if catalogue is None or catalogue.folder != folder:
            self._catalogue = catalogue = Catalogue(folder)
            anew = True
        catalogue.refresh()
        marks = _marks(folder)
        rows = {str(entry.path): _row(entry, marks) for entry in reversed(catalogue.runs())}
        known = {} if anew else self._told
        fresh = [row for file, row in rows.items() if known.get(file) != row]
        gone = tuple(file for file in known if file not in rows)
        if fresh or gone or anew:
            tell(RunsChanged(str(folder), tuple(fresh[:PIECE]), gone, anew))
        for start in range(PIECE, len(fresh), PIECE):
            tell(RunsChanged(str(folder), tuple(fresh[start : start + PIECE])))
        self._told = rows
        return len(rows)


def _marks(folder: Path) -> Mapping[str, Mark]:
    """A damaged file of marks must not hide the runs; setting a mark says what is wrong with it."""
    try:
        return RunMarks(folder).read()
    except BadInput as error:
        log.warning("%s", error)
        return {}


def _row(entry: RunEntry, marks: Mapping[str, Mark]) -> RunRow:
    mark = marks.get(entry.run_id, Mark())
    return RunRow(
        file=str(entry.path),
        run_id=entry.run_id,
        kind=entry.kind,
        status=entry.status,
        title=entry.title or entry.comment,
        message=entry.message,
        started=entry.started,
        board=entry.board,
        simulated=entry.simulated,
        calibration=entry.calibration_id,
        size=entry.size,
        stamp=mark.stamp,
        note=mark.note,
    )
