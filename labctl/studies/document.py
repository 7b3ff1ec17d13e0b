"""A study's report, written once and kept in two forms: a self-contained HTML page, and Markdown with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.report.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|"})


@dataclass
class Document:
    """A report under construction.

    Attributes:
        page: the HTML page; what is added here is added there.
        pictures: folder that figures are saved in, as PNG.
    """

    page: Page
    pictures: Path
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.page.heading(text)
        self._parts.append(f"## {_escape(text)}")

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs of plain text."""
        self.page.text(*paragraphs)
        self._parts.extend(_escape(paragraph) for paragraph in paragraphs)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table; its first column names the rows."""
        self.page.table(header, rows)
        lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
        escaped = [line if number == 1 else [_escape(cell) for cell in line] for number, line in enumerate(lines)]
        self._parts.append("\n".join(f"| {' | '.join(line)} |" for line in escaped))

    def figure(self, figure: Figure, name: str, caption: str) -> None:
        """Save a figure as ``name.png`` among the pictures and add it with a caption that can be read without it."""
        figure.savefig(self.pictures / f"{name}.png", dpi=110, metadata={"Software": None})
        self.page.figure(figure, caption)
        self._parts.append(f"![{_escape(caption)}](pictures/{name}.png)")

    def markdown(self) -> str:
        """The document, with its pictures in a folder ``pictures`` beside it."""
        badge = " (SIMULATED)" if self.page.simulated else ""
        head = [f"# {_escape(self.page.title)}{badge}", _escape(self.page.lead)]
        return "\n\n".join([*head, *self._parts]) + "\n"


def _escape(text: str) -> str:
    return text.translate(_SPECIAL)
