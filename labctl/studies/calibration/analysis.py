"""What the table of the calibration study says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PROMISED = (0.85, 0.95)
"""Share of the cases that intervals of 90 % are to hold."""


@dataclass(frozen=True)
class Over:
    """A quantity over boards.

    Attributes:
        median: over the boards; NaN without any.
        lowest: of the boards.
        highest: of the boards.
        boards: how many.
    """

    median: float
    lowest: float
    highest: float
    boards: int


def over(values: Sequence[float]) -> Over:
    """Median and range."""
    if not len(values):
        return Over(float("nan"), float("nan"), float("nan"), 0)
    return Over(float(np.median(values)), float(min(values)), float(max(values)), len(values))


class Results:
    """The table, asked by name. It may lack points, and then columns too."""

    def __init__(self, table: pd.DataFrame) -> None:
        wanted = ("board", "budget", "judgement", "parameter", "quantity", "value", "count")
        self._table = table.reindex(columns=list(dict.fromkeys((*table.columns, *wanted))))
        for name in ("judgement", "parameter"):
            self._table[name] = self._table[name].fillna("")

    def budgets(self) -> list[str]:
        """Budgets in the order of the plan."""
        return [str(name) for name in self._table["budget"].dropna().unique()]

    def boards(self, budget: str) -> list[int]:
        """Boards that were calibrated within a budget."""
        rows = self._table[(self._table["budget"] == budget) & (self._table["judgement"] == "")]
        return [int(board) for board in rows["board"].unique()]

    def of_boards(self, quantity: str, budget: str) -> dict[int, float]:
        """A quantity of every board."""
        return self._values(quantity, budget, "", "")

    def judged(self, quantity: str, budget: str, judgement: str, parameter: str) -> dict[int, float]:
        """A quantity of a judgement for every board."""
        return self._values(quantity, budget, judgement, parameter)

    def against(
        self, reference: str, quantity: str, budget: str, judgement: str = "", parameter: str = ""
    ) -> list[float]:
        """A quantity within a budget over that within ``reference``, for every board that was measured within both."""
        usual = self._values(quantity, reference, judgement, parameter)
        other = self._values(quantity, budget, judgement, parameter)
        return [other[board] / usual[board] for board in other if usual.get(board)]

    def parameters(self, judgement: str) -> list[str]:
        """What a judgement was made of."""
        rows = self._table[(self._table["judgement"] == judgement) & (self._table["parameter"] != "")]
        return [str(name) for name in rows["parameter"].unique()]

    def coverage(self, budget: str, judgement: str, parameter: str) -> float:
        """Share of all cases of all boards that the intervals hold; NaN without any."""
        table = self._table
        rows = table[
            (table["budget"] == budget)
            & (table["judgement"] == judgement)
            & (table["parameter"] == parameter)
            & (table["quantity"] == "coverage")
        ]
        total = float(rows["count"].sum())
        return float((rows["value"] * rows["count"]).sum() / total) if total else float("nan")

    def _values(self, quantity: str, budget: str, judgement: str, parameter: str) -> dict[int, float]:
        table = self._table
        rows = table[
            (table["quantity"] == quantity)
            & (table["budget"] == budget)
            & (table["judgement"] == judgement)
            & (table["parameter"] == parameter)
        ]
        return {int(board): float(value) for board, value in zip(rows["board"], rows["value"], strict=True)}
