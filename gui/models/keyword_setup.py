"""What a live session is to be: networks, source and counterparts as they are ticked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from labctl.service.messages_keyword import NetworkRow
from labctl.service.requests.keyword import SourceChoice, SpotWords

MODELS = ("ordered", "unordered", "ideal")


@dataclass
class Setup:
    """The choices; changed by the panel, read when something is started."""

    rows: tuple[NetworkRow, ...] = ()
    ticked: set[str] = field(default_factory=set)
    added: list[str] = field(default_factory=list)
    models: set[str] = field(default_factory=lambda: set(MODELS))
    source: SourceChoice = field(default_factory=SourceChoice)
    record: bool = False
    real_time: bool = False

    def take(self, rows: Iterable[NetworkRow]) -> None:
        """Take the networks that there are; ticks stay, and the best one is ticked where none is."""
        self.rows = tuple(rows)
        known = {row.path for row in self.rows}
        self.ticked &= known
        if not self.ticked and self.rows:
            self.ticked.add(max(self.rows, key=lambda row: row.accuracy).path)

    def add_files(self, files: Iterable[str]) -> None:
        """Networks from elsewhere, ticked at once."""
        for file in files:
            if file not in self.added:
                self.added.append(file)
            self.ticked.add(file)

    @property
    def networks(self) -> tuple[str, ...]:
        """Files of the networks that are ticked, in the order of the list."""
        return tuple(row.path for row in self.rows if row.path in self.ticked)

    def problems(self) -> tuple[str, ...]:
        """Why it cannot be started, as far as that can be seen here."""
        found = []
        if not self.networks:
            found.append("No network is ticked; tick one, or train one first.")
        if self.source.kind == "words" and not self.source.text.strip():
            found.append("No words are typed in; type some, e.g. yes no stop.")
        if self.source.kind == "files" and not self.source.paths:
            found.append("No WAV files are chosen; choose files or a folder, or drop them here.")
        return tuple(found)

    def request(self) -> SpotWords:
        """What is asked of the service."""
        models = tuple(name for name in MODELS if name in self.models)
        return SpotWords(self.networks, self.source, models, self.record, self.real_time)
