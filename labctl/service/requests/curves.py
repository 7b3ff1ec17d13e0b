"""Requests of the live plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.service.request import Lane, Task

if TYPE_CHECKING:
    from labctl.service.session import Session


@dataclass(frozen=True, slots=True)
class SaveCurves:
    """Write quantities of runs as a table.

    Attributes:
        files: run files.
        out: the table, CSV.
        x: what the horizontal axis shows.
        ys: the quantities.
    """

    files: tuple[str, ...]
    out: str
    x: str
    ys: tuple[str, ...]

    @property
    def lane(self) -> Lane:
        """Reads and writes files."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """For people."""
        return f"save data as {self.out}"

    def script(self) -> str:
        """The same in Python."""
        return f"labctl.save_curves({list(self.files)!r}, {self.out!r}, x={self.x!r}, ys={list(self.ys)!r})"

    def do(self, session: Session, task: Task) -> str:
        """Carry it out; the answer is the table."""
        from labctl.curves import save_curves

        return str(save_curves(self.files, self.out, self.x, self.ys))
