"""What people think of runs: a star, a cross, a note; kept in one small file beside the runs, never inside them.

Run files are sealed when they end, so that what was measured cannot change unnoticed. What is thought of a run later is
therefore no part of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from data.errors import BadInput
from data.metadata import check_text
from data.smallfile import SmallFile

MARKS_NAME: Final = "marks.json"
LONGEST_NOTE: Final = 2000

Stamp = Literal["", "star", "cross"]
"""Good, not to be used, or nothing said."""

_LAYOUT: Final = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What was said of one run.

    Attributes:
        stamp: a star, a cross, or nothing.
        note: free text.
    """

    stamp: Stamp = ""
    note: str = ""


class RunMarks:
    """The marks of the runs in one folder; any process may change them.

    Args:
        folder: where the run files are.
    """

    def __init__(self, folder: Path | str) -> None:
        self._file = SmallFile(Path(folder) / MARKS_NAME, "marks", "runs", _LAYOUT, lambda item: Mark(**item), asdict)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def read(self) -> Mapping[str, Mark]:
        """The marks by run id; runs without any are not among them.

        Raises:
            BadInput: the file is no file of marks, or of a newer labctl.
        """
        return self._file.read()

    def stamp(self, run_ids: Iterable[str], stamp: Stamp) -> None:
        """Give runs a star or a cross, or take it away.

        Raises:
            BadInput: as :meth:`read`, or the folder cannot be written.
        """
        with self._change() as marks:
            for run_id in run_ids:
                marks[run_id] = replace(marks.get(run_id, Mark()), stamp=stamp)

    def note(self, run_id: str, text: str) -> None:
        """Say something about a run; empty text takes it away.

        Raises:
            BadInput: as :meth:`stamp`, or the note is too long.
        """
        check_text("the note", text)
        if len(text) > LONGEST_NOTE:
            raise BadInput(f"the note has {len(text)} characters; {LONGEST_NOTE} are the most")
        with self._change() as marks:
            marks[run_id] = replace(marks.get(run_id, Mark()), note=text.strip())

    @contextmanager
    def _change(self) -> Iterator[dict[str, Mark]]:
        """As :meth:`SmallFile.change`; runs of which nothing is said are left out."""
        with self._file.change() as marks:
            yield marks
            for run_id in [run_id for run_id, mark in marks.items() if mark == Mark()]:
                del marks[run_id]
