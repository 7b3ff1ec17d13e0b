"""One self-contained HTML page: text, tables and figures, no file beside it and no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d5dae0; --page: #ffffff; --card: #f6f8fa;
        --accent: #0072b2; --mark: #b35900; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa4b0; --line: #343b44; --page: #14171b; --card: #1d2228; --accent: #56b4e9;
          --mark: #f0a04b; }
}
body { font: 15px/1.55 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page);
       max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
p.lead { color: var(--soft); margin-top: 0; }
.badge { display: inline-block; font-weight: 700; letter-spacing: .06em; color: var(--page); background: var(--mark);
         border-radius: 4px; padding: .1rem .5rem; font-size: .8rem; vertical-align: .2em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
a { color: var(--accent); }
th { color: var(--soft); font-weight: 600; }
td.best { font-weight: 700; color: var(--accent); }
figure { margin: 1rem 0 1.6rem; padding: .8rem; background: var(--card); border: 1px solid var(--line);
         border-radius: 8px; }
figure img { display: block; width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; }
footer { color: var(--soft); font-size: .85rem; margin-top: 3rem; border-top: 1px solid var(--line); }
@media print { body { max-width: none; } figure { break-inside: avoid; } }
"""


@dataclass
class Page:
    """A report under construction; :meth:`html` gives the whole document."""

    title: str
    lead: str = ""
    simulated: bool = False
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs of plain text."""
        self._parts.extend(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add a list of names and values."""
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
        self._parts.append(f"<dl>{rows}</dl>")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], best: Sequence[tuple[int, int]] = ()) -> None:
        """Add a table; ``best`` are the (row, column) cells to stress."""
        head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in header)
        body = ""
        for i, row in enumerate(rows):
            cells = "".join(
                f"<td{' class=best' if (i, j) in best else ''}>{escape(cell)}</td>" for j, cell in enumerate(row)
            )
            body += f"<tr>{cells}</tr>"
        self._parts.append(f"<div class='scroll'><table><tr>{head}</tr>{body}</table></div>")

    def links(self, files: Mapping[str, str]) -> None:
        """Add links, by name, to pages beside this one."""
        items = "".join(
            f"<li><a href='{escape(file, quote=True)}'>{escape(name)}</a></li>" for name, file in files.items()
        )
        self._parts.append(f"<ul>{items}</ul>")

    def figure(self, figure: Figure, caption: str) -> None:
        """Add a matplotlib figure with a caption that can be read without it."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160, metadata={"Title": self.title, "Description": self.lead})
        figure.clear()
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        self._parts.append(
            f"<figure><img alt='{escape(caption, quote=True)}' src='data:image/png;base64,{data}'>"
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def html(self) -> str:
        """The document."""
        badge = " <span class='badge'>SIMULATED</span>" if self.simulated else ""
        return (
            "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head><body>"
            f"<h1>{escape(self.title)}{badge}</h1><p class='lead'>{escape(self.lead)}</p>"
            + "".join(self._parts)
            + "</body></html>\n"
        )
