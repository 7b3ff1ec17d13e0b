"""What the table of the ordering study says: means, spreads over seeds and boards, differences pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t

if TYPE_CHECKING:
    import pandas as pd

Cells = Mapping[tuple[int, int], float]
"""A value for each (board, training seed)."""

LEVEL = 0.99
"""Confidence from which on a mean difference counts as seen (Student's t): high, because many are looked at."""


@dataclass(frozen=True)
class Spread:
    """A mean over cells and what it varies with.

    Attributes:
        mean: over all cells; NaN without any.
        seeds: standard deviation over the training seeds of one board, averaged over boards; NaN with one seed.
        boards: standard deviation of the boards' means; NaN with one board.
        count: cells.
    """

    mean: float
    seeds: float
    boards: float
    count: int


@dataclass(frozen=True)
class Difference:
    """One thing less another, cell by cell, so that board and training seed are the same on both sides.

    Attributes:
        spread: of the differences.
        above: cells in which the difference is above 0.
        error: standard error of the mean difference, cells taken as independent; NaN with one cell.
    """

    spread: Spread
    above: int
    error: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or ``not told apart`` where the :data:`LEVEL` interval of the mean holds 0."""
        mean, count = self.spread.mean, self.spread.count
        if count < 2 or abs(mean) <= float(t.ppf(0.5 + LEVEL / 2, count - 1)) * self.error:
            return "not told apart"
        return "better" if mean > 0 else "worse"


def spread(values: Cells) -> Spread:
    """Mean and spreads of a value."""
    boards: dict[int, list[float]] = {}
    for (board, _), value in values.items():
        boards.setdefault(board, []).append(value)
    if not boards:
        return Spread(float("nan"), float("nan"), float("nan"), 0)
    several = [np.var(own, ddof=1) for own in boards.values() if len(own) > 1]
    means = [float(np.mean(own)) for own in boards.values()]
    return Spread(
        mean=float(np.mean(list(values.values()))),
        seeds=sqrt(float(np.mean(several))) if several else float("nan"),
        boards=float(np.std(means, ddof=1)) if len(means) > 1 else float("nan"),
        count=len(values),
    )


def difference(these: Cells, those: Cells) -> Difference:
    """``these`` less ``those`` in the cells that both have."""
    pairs = {cell: value - those[cell] for cell, value in these.items() if cell in those}
    values = list(pairs.values())
    error = float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else float("nan")
    return Difference(spread(pairs), sum(value > 0 for value in values), error)


class Results:
    """The table of the study, asked for what the report shows; points that are missing are simply not there."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._rows: list[dict[str, Any]] = [dict(row) for _, row in table.iterrows()]

    def names(self, column: str) -> tuple[str, ...]:
        """Names in a column, in the order in which they come first."""
        found = (row.get(column, "") for row in self._rows)
        return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    def conditions(self) -> tuple[str, ...]:
        """Conditions with results, those in which networks tell orders apart least first."""
        cells = {name for name in self.names("condition") if self.cells("accuracy", condition=name)}
        return tuple(sorted(cells, key=lambda name: (self.non_associativity(name, "", 1).mean, name)))

    def cells(self, quantity: str, **where: str | int) -> dict[tuple[int, int], float]:
        """A quantity by (board, training seed), in rows whose columns have the values of ``where``."""
        return {
            (int(row["board"]), int(row["seed"])): float(row["value"])
            for row in self._rows
            if row["quantity"] == quantity
            and row.get("board") == row.get("board")
            and row.get("seed") == row.get("seed")
            and all(row.get(column) == value for column, value in where.items())
        }

    def accuracy(self, condition: str, arm: str) -> dict[tuple[int, int], float]:
        """Accuracy on the board."""
        return self.cells("accuracy", condition=condition, arm=arm)

    def believed(self, condition: str, arm: str) -> dict[tuple[int, int], float]:
        """Accuracy of the validation voices on what the arm was trained on."""
        return self.cells("validation accuracy in training", condition=condition, arm=arm)

    def in_order(self, condition: str, arm: str, order: str) -> dict[tuple[int, int], float]:
        """Accuracy on the board in an event order."""
        return self.cells("accuracy in order", condition=condition, arm=arm, order=order)

    def loss(self, condition: str, arm: str, order: str) -> dict[tuple[int, int], float]:
        """Loss on the ordered model of the training utterances that orders were searched by."""
        return self.cells("training loss on the ordered model", condition=condition, arm=arm, order=order)

    def non_associativity(self, condition: str, arm: str, layer: int) -> Spread:
        """Spread over orders divided by spread over repeats of a layer; all arms together where ``arm`` is empty."""
        if arm:
            return spread(self.cells("non-associativity", condition=condition, arm=arm, layer=layer))
        arms = self.names("arm")
        every = [self.non_associativity(condition, name, layer) for name in arms if name != "float"]
        known = [item.mean for item in every if item.count]
        mean = float(np.mean(known)) if known else float("nan")
        return Spread(mean, float("nan"), float("nan"), sum(item.count for item in every))

    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers, from 1."""
        found = {int(row["layer"]) for row in self._rows if row.get("layer") == row.get("layer") and "layer" in row}
        return tuple(sorted(number for number in found if number > 0))

    def float_accuracy(self) -> list[float]:
        """Accuracy of the float networks, by training seed."""
        return [float(r["value"]) for r in self._rows if r.get("arm") == "float" and r["quantity"] == "accuracy"]

    def of_boards(self, quantity: str, condition: str) -> list[float]:
        """A figure of the calibrations of a condition."""
        rows = (row for row in self._rows if row["quantity"] == quantity and row.get("condition") == condition)
        return [float(row["value"]) for row in rows]

    def one(self, quantity: str) -> float:
        """A figure that is the same for the whole study; NaN when it is not there."""
        return next((float(row["value"]) for row in self._rows if row["quantity"] == quantity), float("nan"))
