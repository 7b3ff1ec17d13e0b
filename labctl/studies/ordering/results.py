"""The table of the ordering study, asked for what the report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labctl.studies.ordering.analysis import Spread, spread
from labctl.studies.ordering.names import ASCENDING, DESCENDING

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """The table of the study, asked for what the report shows; points that are missing are simply not there."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
        self._by_quantity: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in self._rows:
            self._by_quantity.setdefault((row["quantity"], row.get("condition", "")), []).append(row)

    def names(self, column: str) -> tuple[str, ...]:
        """Names in a column, in the order in which they come first."""
        found = (row.get(column, "") for row in self._rows)
        return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    def conditions(self) -> tuple[str, ...]:
        """Conditions with results, those in which networks tell orders apart least first."""
        cells = {name for name in self.names("condition") if self.cells("accuracy", condition=name)}
        return tuple(sorted(cells, key=lambda name: (round(self.non_associativity(name, "", 1).mean, 1), name)))

    def cells(self, quantity: str, condition: str, **where: str | int) -> dict[tuple[int, int], float]:
        """A quantity by (board, training seed), in rows whose columns have the values of ``where``."""
        return {
            (int(row["board"]), int(row["seed"])): float(row["value"])
            for row in self._by_quantity.get((quantity, condition), ())
            if all(row.get(column) == value for column, value in where.items())
        }

    def accuracy(self, condition: str, arm: str) -> dict[tuple[int, int], float]:
        """Accuracy on the board."""
        return self.cells("accuracy", condition=condition, arm=arm)

    def believed(self, condition: str, arm: str) -> dict[tuple[int, int], float]:
        """Accuracy of the validation voices on what the arm was trained on."""
        return self.cells("validation accuracy in training", condition=condition, arm=arm)

    def trained_order(self, condition: str) -> str:
        """The event order that networks of a condition were trained for; empty where none is finished."""
        return next((str(row["order"]) for row in self._by_quantity.get(("accuracy", condition), ())), "")

    def other_order(self, condition: str) -> str:
        """The other of the two orders that every arm is run in."""
        return DESCENDING if self.trained_order(condition) == ASCENDING else ASCENDING

    def in_order(self, condition: str, arm: str, order: str) -> dict[tuple[int, int], float]:
        """Accuracy on the board in an event order."""
        return self.cells("accuracy in order", condition=condition, arm=arm, order=order)

    def predicted(self, condition: str, arm: str, order: str, model: str) -> dict[tuple[int, int], float]:
        """Accuracy in an event order as a chip model of the board has it."""
        return self.cells(f"accuracy in order, {model} model", condition=condition, arm=arm, order=order)

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
        return [float(row["value"]) for row in self._by_quantity.get((quantity, condition), ())]

    def one(self, quantity: str) -> float:
        """A figure that is the same for the whole study; NaN when it is not there."""
        return next((float(row["value"]) for row in self._rows if row["quantity"] == quantity), float("nan"))
