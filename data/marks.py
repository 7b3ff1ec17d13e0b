"""What people think of runs: a star, a cross, a note; kept in one small file beside the runs, never inside them.

Run files are sealed when they end, so that what was measured cannot change unnoticed. What is thought of a run later is
therefore no part of its file.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout

from data.errors import BadInput, LabctlError
from data.metadata import check_text

MARKS_NAME: Final = "marks.json"
LONGEST_NOTE: Final = 2000

Stamp = Literal["", "star", "cross"]
"""Good, not to be used, or nothing said."""

_LAYOUT: Final = 1
_BUSY_S: Final = 5.0


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
        self.path = Path(folder) / MARKS_NAME

    def read(self) -> Mapping[str, Mark]:
        """The marks by run id; runs without any are not among them.

        Raises:
            BadInput: the file is no file of marks, or of a newer labctl.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            layout = content["labctl_marks"]
            if layout == _LAYOUT:
                return {run_id: Mark(**item) for run_id, item in content["runs"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{self.path} holds no marks ({error}); move it away to begin a new one") from error
        raise BadInput(f"{self.path} was written by a newer labctl (layout {layout}); update labctl")

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
        """Read, let the caller change, replace the file whole; nobody else's change falls between."""
        try:
            with FileLock(self.path.with_name(f".{MARKS_NAME}.lock"), timeout=_BUSY_S):
                marks = dict(self.read())
                yield marks
                self._write({run_id: mark for run_id, mark in marks.items() if mark != Mark()})
        except Timeout as error:
            raise LabctlError(f"another process keeps {self.path} busy; try again") from error
        except OSError as error:
            raise BadInput(f"the marks cannot be kept in {self.path} ({error.strerror or error})") from error

    def _write(self, marks: Mapping[str, Mark]) -> None:
        content = {"labctl_marks": _LAYOUT, "runs": {run_id: asdict(marks[run_id]) for run_id in sorted(marks)}}
        temporary = self.path.with_name(f".{MARKS_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.replace(self.path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
