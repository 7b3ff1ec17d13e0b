"""The table of the hardening study, asked for what the report shows; points that are missing are simply not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labctl.studies.hardening.names import (
    ACCURACY,
    CONSTANT,
    CUT,
    ELSEWHERE,
    LEARNED,
    NOISY,
    ON_BOARD,
    ON_MODEL,
    PLAIN,
    TITLES,
    VANT,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Subject = tuple[str, str]
"""Data and network."""
BoardCells = dict[tuple[int, int], float]
"""A value for each (board, training seed)."""

_KEYS = (
    "quantity",
    "data",
    "net",
    "arm",
    "bits",
    "scale",
    "train_strength",
    "part",
    "condition",
    "coarser",
    "board_noise",
)
_BLANK = {"bits": 0, "scale": 0.0, "train_strength": 0.0, "coarser": 0, "board_noise": 0.0}


@dataclass(frozen=True, order=True)
class Way:
    """A way to train.

    Attributes:
        arm: one of :data:`labctl.studies.hardening.names.ARMS`.
        bits: of quantised networks, else 0.
        scale: constant scale, else 0.
    """

    arm: str
    bits: int = 0
    scale: float = 0.0

    def __str__(self) -> str:
        extra = [f"{self.bits} bit"] if self.bits else []
        extra += [f"scale {self.scale:g}"] if self.scale else []
        return f"{TITLES[self.arm]} ({', '.join(extra)})" if extra else TITLES[self.arm]


@dataclass(frozen=True)
class Judged:
    """Accuracies of the networks of a few seeds.

    Attributes:
        seeds: of the trainings.
        strengths: that they were judged at, without 0, shape (strengths,).
        values: shape (seeds, strengths).
        clean: without noise, shape (seeds,).
        count: decisions for each value.
        clean_count: decisions for each clean one.
        chance: accuracy of guessing.
    """

    seeds: tuple[int, ...]
    strengths: Floats
    values: Floats
    clean: Floats
    count: int
    clean_count: int
    chance: float

    def of_seeds(self, seeds: Iterable[int]) -> Judged:
        """Some of the seeds, in this order."""
        rows = [self.seeds.index(seed) for seed in seeds]
        chosen = tuple(self.seeds[row] for row in rows)
        return replace(self, seeds=chosen, values=self.values[rows], clean=self.clean[rows])


class Results:
    """The table of the study by what the rows are of."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._rows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in table.to_dict("records"):
            known = {str(name): value for name, value in row.items() if value == value}
            key = tuple(known.get(name, _BLANK.get(name, "")) for name in _KEYS)
            self._rows.setdefault(key, []).append(known)

    def subjects(self) -> list[Subject]:
        """Data and networks that plain trainings are judged of, in the order of the table."""
        found = (key for key in self._rows if key[0] == ACCURACY and key[3] == PLAIN)
        return list(dict.fromkeys((str(key[1]), str(key[2])) for key in found))

    def ways(self, subject: Subject) -> list[Way]:
        """Ways in which a network was trained: plain, noisy, variance-aware, then by bits and scale."""
        order = {name: index for index, name in enumerate((PLAIN, NOISY, VANT, LEARNED, CONSTANT))}
        found = {
            Way(str(key[3]), int(key[4]), float(key[5]))
            for key in self._rows
            if key[0] == ACCURACY and key[1:3] == subject
        }
        return sorted(found, key=lambda way: (order[way.arm], way.bits, way.scale))

    def trained_at(self, subject: Subject, arm: str) -> list[float]:
        """Strengths that an arm was trained under, ascending."""
        found = {key[6] for key in self._rows if key[0] == ACCURACY and key[1:3] == subject and key[3] == arm}
        return sorted(float(value) for value in found)

    def judged(self, subject: Subject, way: Way, part: str, train_strength: float = 0.0) -> Judged | None:
        """Accuracies of one network for each seed; None where there are none."""
        key = (ACCURACY, *subject, way.arm, way.bits, way.scale, train_strength, part, "", 0, 0.0)
        rows = self._rows.get(key, [])
        by_seed: dict[int, dict[float, dict[str, Any]]] = {}
        for row in rows:
            by_seed.setdefault(int(row["seed"]), {})[float(row["strength"])] = row
        if not rows:
            return None
        seeds = tuple(sorted(by_seed))
        strengths = sorted(strength for strength in by_seed[seeds[0]] if strength > 0)
        values = np.array([[by_seed[seed][strength]["value"] for strength in strengths] for seed in seeds], np.float64)
        clean = np.array([by_seed[seed][0.0]["value"] for seed in seeds], np.float64)
        count, clean_count = (int(by_seed[seeds[0]][at]["count"]) for at in (strengths[0], 0.0))
        chance = float(rows[0]["chance"])
        return Judged(seeds, np.array(strengths), values, clean, count, clean_count, chance)

    def matched(self, subject: Subject, way: Way, part: str) -> Judged | None:
        """Accuracies against strength, of networks trained at each strength where the arm trains under noise.

        Such an arm is without noise what the plain one is, whose accuracy counts as its clean one.
        """
        if way.arm not in (NOISY, VANT):
            return self.judged(subject, way, part)
        plain = self.judged(subject, Way(PLAIN), part)
        own = {
            strength: found
            for strength in self.trained_at(subject, way.arm)
            if (found := self.judged(subject, way, part, strength)) is not None
        }
        if plain is None or not own:
            return None
        first = next(iter(own.values()))
        seeds = tuple(seed for seed in first.seeds if seed in plain.seeds)
        diagonal = [
            item.of_seeds(seeds).values[:, list(item.strengths).index(strength)] for strength, item in own.items()
        ]
        clean = plain.of_seeds(seeds)
        return replace(clean, strengths=np.array(list(own)), values=np.array(diagonal).T, count=first.count)

    def cut(self, subject: Subject, way: Way, part: str) -> list[float]:
        """Share of activations that a quantised network cuts, for each seed."""
        key = (CUT, *subject, way.arm, way.bits, way.scale, 0.0, part, "", 0, 0.0)
        return [float(row["value"]) for row in self._rows.get(key, [])]

    def conditions(self) -> list[str]:
        """Kinds of board, in the order of the table."""
        found = (str(key[8]) for key in self._rows if key[0] == ON_BOARD)
        return list(dict.fromkeys(found))

    def on_board(self, condition: str, arm: str, coarser: int = 0) -> BoardCells:
        """Accuracy on the board."""
        return self._cells(ON_BOARD, condition, arm, coarser)

    def on_model(self, condition: str, arm: str, coarser: int = 0) -> BoardCells:
        """Accuracy of the validation voices on the ordered model, its noise included."""
        return self._cells(ON_MODEL, condition, arm, coarser)

    def other_noises(self, condition: str) -> list[float]:
        """Trial noises that the boards of a condition were given after the calibration, in output codes."""
        return sorted({float(key[10]) for key in self._rows if key[0] == ELSEWHERE and key[8] == condition})

    def elsewhere(self, condition: str, noise: float, arm: str, coarser: int = 0) -> BoardCells:
        """Accuracy on the board with other noise than was measured."""
        return self._cells(ELSEWHERE, condition, arm, coarser, noise)

    def coarser(self, condition: str, arm: str) -> list[int]:
        """Powers of 2 by which an arm's steps are larger."""
        return sorted(
            {int(key[9]) for key in self._rows if key[0] == ON_BOARD and key[8] == condition and key[3] == arm}
        )

    def of_boards(self, quantity: str, condition: str) -> list[float]:
        """A figure of every calibration of a condition."""
        return [
            float(row["value"])
            for key, rows in self._rows.items()
            if key[0] == quantity and key[8] == condition
            for row in rows
        ]

    def _cells(self, quantity: str, condition: str, arm: str, coarser: int, noise: float = 0.0) -> BoardCells:
        key = (quantity, "", "", arm, 0, 0.0, 0.0, "", condition, coarser, noise)
        return {(int(row["board"]), int(row["seed"])): float(row["value"]) for row in self._rows.get(key, [])}
