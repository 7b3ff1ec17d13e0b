"""Requests that take runs to other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.service.messages_runs import ExportFormat, ExportFormats, ExportPiece
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.service.session import Session


@dataclass(frozen=True, slots=True)
class ListFormats(Looking):
    """The formats there are, those of plug-ins too."""

    @property
    def lane(self) -> Lane:
        """Quick, once the plug-ins are loaded."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> ExportFormats:
        """Carry it out."""
        from data.export import broken_plugins, formats

        found = tuple(ExportFormat(item.name, item.suffix, item.description) for item in formats())
        return ExportFormats(found, tuple(f"{item.name}: {item.why}" for item in broken_plugins()))


@dataclass(frozen=True, slots=True)
class PreviewExport(Looking):
    """What an export of a run would write; nothing is written."""

    file: str
    format: str
    target: str

    @property
    def lane(self) -> Lane:
        """Reads a file."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[ExportPiece, ...]:
        """Carry it out."""
        from data.export import preview

        pieces = preview(Path(self.file), Path(self.target), self.format)
        return tuple(ExportPiece(item.file, item.title, item.header, item.units, item.lines) for item in pieces)


@dataclass(frozen=True, slots=True)
class ExportRuns:
    """Write runs for other programs.

    Attributes:
        files: the run files.
        targets: the file to write for each.
        format: name of the format.
        overwrite: replace files that exist.
    """

    files: tuple[str, ...]
    targets: tuple[str, ...]
    format: str
    overwrite: bool = False

    @property
    def lane(self) -> Lane:
        """Reads and writes files."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """For people."""
        return f"export {Path(self.files[0]).name if len(self.files) == 1 else f'{len(self.files)} runs'}"

    def script(self) -> str:
        """The same in Python."""
        more = ", overwrite=True" if self.overwrite else ""
        pairs = zip(self.files, self.targets, strict=True)
        return "\n".join(f"labctl.export({file!r}, {target!r}, {self.format!r}{more})" for file, target in pairs)

    def do(self, session: Session, task: Task) -> tuple[str, ...]:
        """Carry it out; the answer is the files that were written. A stop keeps those that are finished."""
        from data.errors import Cancelled
        from data.export import export

        written: list[str] = []
        for number, (file, target) in enumerate(zip(self.files, self.targets, strict=True)):
            if task.stop():
                raise Cancelled(f"stopped after {number} of {len(self.files)} runs; those are written")
            task.progress(number / len(self.files), Path(file).name)
            made = export(Path(file), Path(target), self.format, overwrite=self.overwrite)
            written += [str(path) for path in made]
        return tuple(written)
