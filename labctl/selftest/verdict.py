"""What a campaign counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Tally:
    """How often what happened.

    Attributes:
        injected: faults that were brought about.
        wrong_values: values that were accepted and differ from those of the same board without faults.
        lost_rows: rows that were reported as saved and are not in the file.
        hangs: calls that took longer than their deadline.
        unsafe: ends of the work after which a board was not in its safe state.
    """

    injected: int = 0
    wrong_values: int = 0
    lost_rows: int = 0
    hangs: int = 0
    unsafe: int = 0

    def __add__(self, other: Self) -> Tally:
        return Tally(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.wrong_values or self.lost_rows or self.hangs or self.unsafe)


@dataclass(frozen=True)
class CampaignResult:
    """What a campaign found.

    Attributes:
        cells: tallies by link and kind of fault; ``/in`` marks faults of requests.
        slowest_s: the longest that one call has taken.
        deadline_s: what one call was allowed.
        reconnections: how often a board was reconnected.
        seed: of all draws.
        complaints: what went wrong, in words; empty when nothing did.
    """

    cells: Mapping[tuple[str, str], Tally]
    slowest_s: float
    deadline_s: float
    reconnections: int
    seed: int
    complaints: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Tally:
        """Everything together."""
        return _sum(self.cells.values())

    def by_link(self) -> dict[str, Tally]:
        """One tally a link."""
        return self._by(0)

    def by_kind(self) -> dict[str, Tally]:
        """One tally a kind of fault."""
        return self._by(1)

    def document(self) -> dict[str, object]:
        """For JSON: the totals, and the same by kind, by link, and by both."""
        both: dict[str, dict[str, Tally]] = {}
        for (link, kind), tally in self.cells.items():
            both.setdefault(link, {})[kind] = tally
        return {
            **asdict(self.total),
            "seed": self.seed,
            "slowest_s": round(self.slowest_s, 3),
            "deadline_s": round(self.deadline_s, 3),
            "reconnections": self.reconnections,
            "kinds": self.by_kind(),
            "links": self.by_link(),
            "cells": both,
            "complaints": self.complaints,
        }

    def _by(self, part: int) -> dict[str, Tally]:
        names = dict.fromkeys(key[part] for key in self.cells)
        return {name: _sum(t for key, t in self.cells.items() if key[part] == name) for name in names}


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total += tally
    return total
