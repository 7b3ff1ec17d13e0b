"""Everything that was done here, as Python that does it again."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from gui.desk import Desk
from gui.offers import Offer
from gui.theme import Theme, figures_font


def as_script(lines: list[str]) -> str:
    """The lines as a program."""
    every = [line for text in lines for line in text.splitlines()]
    imports = sorted({line for line in every if _imports(line)})
    does = [line for line in every if not _imports(line)]
    head = ["import labctl", *imports, ""]
    if not any(line.startswith("bench = ") for line in does):
        head.append("bench = labctl.open_bench()")
    return "\n".join([*head, *does, "bench.close()", ""])


def _imports(line: str) -> bool:
    """Whether a line belongs to the head of the program."""
    return line.startswith("import ") or (line.startswith("from ") and " import " in line)


class ScriptPanel(QWidget):
    """The lines in their order, to be copied.

    Args:
        desk: the service, which knows them.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._view = QPlainTextEdit()
        self._view.setReadOnly(True)
        self._view.setUndoRedoEnabled(False)  # what was never typed is not undone, and a day has many lines
        self._view.setFont(figures_font())
        self._view.setPlaceholderText("What you do in this window appears here as Python that does it again.")
        self._view.setAccessibleName("Script of this session")
        self._copied = QLabel()
        copy = QPushButton("Copy as script")
        copy.clicked.connect(self.copy)
        row = QHBoxLayout()
        row.addWidget(copy)
        row.addWidget(self._copied, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(row)
        column.addWidget(self._view, 1)
        self._imported: set[str] = set()
        for text in desk.lines:
            self._add(text)
        desk.scripted.connect(self._add)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        yield Offer("Copy as script", self.copy)

    def recolour(self, theme: Theme) -> None:
        """The palette does it."""

    def copy(self) -> None:
        """Put the whole script on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(as_script(self._desk.lines))
        self._copied.setText(f"{len(self._desk.lines)} lines copied")

    def _add(self, text: str) -> None:
        for line in text.splitlines():
            if line not in self._imported:
                self._view.appendPlainText(line)
            if _imports(line):
                self._imported.add(line)
        self._copied.clear()
