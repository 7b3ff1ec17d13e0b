"""The table of the study, asked for what the report shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labctl.studies.walking.names import (
    ACCURACY,
    CHANCE,
    EVERYWHERE,
    EXECUTED,
    LEVEL_EXECUTED,
    NOWHERE,
    Trained,
)
from models.robustness import Curve, Midpoint, fit_midpoint
from models.robustness.survival import EXTREME

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, order=True)
class Setup:
    """A network on a data set under one kind of noise."""

    data: str
    net: str
    batch_norm: bool
    noise: str

    def __str__(self) -> str:
        return f"{self.network}, {self.noise}"

    @property
    def network(self) -> str:
        """Without the noise."""
        return f"{self.net} on {self.data}{', batch norm' if self.batch_norm else ''}"

    @property
    def key(self) -> tuple[object, ...]:
        """Values of the columns that name it."""
        return self.data, self.net, self.batch_norm, self.noise


@dataclass(frozen=True)
class Accuracies:
    """Accuracy of the same trainings at some strengths.

    Attributes:
        strengths: ascending, shape (strengths,).
        values: shape (seeds, strengths).
        trials: decisions behind each.
    """

    strengths: Floats
    values: Floats
    trials: int


class Results:
    """The table of the study; points that are missing are simply not there."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._rows: dict[tuple[object, ...], list[Row]] = {}
        for row in table.to_dict("records"):
            if row.get("net"):
                names = {str(name): value for name, value in row.items()}
                key = (row["data"], row["net"], bool(row["batch_norm"]), row["noise"], row["trained"], row["quantity"])
                self._rows.setdefault(key, []).append(names)
        self._midpoints: dict[tuple[Setup, str, str], Midpoint | None] = {}

    @cached_property
    def setups(self) -> tuple[Setup, ...]:
        """What there are accuracies of, in the order of the plan."""
        found = (Setup(*key[:4]) for key in self._rows if key[5] == ACCURACY)  # type: ignore[arg-type]
        return tuple(dict.fromkeys(found))

    @cached_property
    def networks(self) -> tuple[tuple[str, str, bool], ...]:
        """Data, net and batch norm of the setups."""
        return tuple(dict.fromkeys((s.data, s.net, s.batch_norm) for s in self.setups))

    def injections(self, setup: Setup, trained: Trained) -> tuple[str, ...]:
        """Points of the network, from input to output, that there are accuracies for."""
        rows = self._of(setup, trained, ACCURACY)
        depth = {str(row["injection"]): int(row["depth"]) for row in rows}
        return tuple(sorted((name for name in depth if name not in (EVERYWHERE, NOWHERE)), key=lambda n: depth[n]))

    def seeds(self, setup: Setup, trained: Trained) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(sorted({int(row["seed"]) for row in self._of(setup, trained, ACCURACY)}))

    def chance(self, setup: Setup) -> float:
        """Accuracy of guessing."""
        for trained in ("clean", "noisy"):
            for row in self._rows.get((*setup.key, trained, CHANCE), ()):
                return float(row["value"])
        return float("nan")

    def accuracies(self, setup: Setup, trained: Trained, injection: str) -> Accuracies | None:
        """Accuracy against strength; None where there is none. ``nowhere`` has the one strength 0."""
        rows = [row for row in self._of(setup, trained, ACCURACY) if row["injection"] == injection]
        if not rows:
            return None
        strengths = sorted({float(row["strength"]) for row in rows})
        seeds = self.seeds(setup, trained)
        values = np.full((len(seeds), len(strengths)), np.nan)
        for row in rows:
            values[seeds.index(int(row["seed"])), strengths.index(float(row["strength"]))] = row["value"]
        return Accuracies(np.array(strengths), values, int(rows[0]["count"]))

    def clean(self, setup: Setup, trained: Trained) -> Accuracies | None:
        """Accuracy without noise of trainings without noise, of the same seeds as those of ``trained``."""
        return self.accuracies(setup, trained, NOWHERE)

    def midpoint(self, setup: Setup, trained: Trained, injection: str) -> Midpoint | None:
        """The midpoint of a curve; None where there is none. Extreme strengths, asked for survival, do not count."""
        key = (setup, trained, injection)
        if key not in self._midpoints:
            self._midpoints[key] = self._fitted(setup, trained, injection)
        return self._midpoints[key]

    def _fitted(self, setup: Setup, trained: Trained, injection: str) -> Midpoint | None:
        noisy, clean = self.accuracies(setup, trained, injection), self.clean(setup, trained)
        if noisy is None or clean is None:
            return None
        usual = noisy.strengths < EXTREME
        if usual.sum() < 2:
            return None
        curve = Curve(
            strengths=noisy.strengths[usual],
            correct=noisy.values[:, usual] * noisy.trials,
            trials=noisy.trials,
            clean_correct=clean.values[:, 0] * clean.trials,
            clean_trials=clean.trials,
            chance=self.chance(setup),
        )
        return fit_midpoint(curve)

    def strongest_bearable(self, setup: Setup, injection: str) -> float | None:
        """The strongest noise in training under which more than half of the accuracy above chance is left, on average.

        None where there is no such strength.
        """
        noisy, clean = self.accuracies(setup, "noisy", injection), self.clean(setup, "noisy")
        if noisy is None or clean is None:
            return None
        half = (clean.values[:, 0].mean() + self.chance(setup)) / 2
        borne = noisy.strengths[noisy.values.mean(axis=0) > half]
        return float(borne[-1]) if len(borne) else None

    def by_seed(self, quantity: str, setup: Setup, trained: Trained, injection: str, strength: float) -> list[float]:
        """A figure of every seed, in the order of seeds; empty unless every seed has one."""
        found = {
            int(row["seed"]): float(row["value"])
            for row in self._of(setup, trained, quantity)
            if row["injection"] == injection and float(row["strength"]) == strength
        }
        seeds = self.seeds(setup, trained)
        return [found[seed] for seed in seeds] if found.keys() >= set(seeds) else []

    def growth(self, quantity: str, setup: Setup, injection: str, strength: float) -> list[float]:
        """Size of weights or signal of trainings with noise over that of the same seeds without, by seed."""
        trained = self.by_seed(quantity, setup, "noisy", injection, strength)
        reference = self.by_seed(quantity, setup, "noisy", injection, 0.0)
        return [size / base for size, base in zip(trained, reference, strict=False) if base > 0]

    def executed(self, setup: Setup) -> dict[tuple[int, str], list[float]]:
        """Accuracy by seed of repeated execution, by mean repeats of an operation and kind of budget."""
        found: dict[tuple[int, str], dict[int, float]] = {}
        for row in self._of(setup, "clean", EXECUTED):
            key = int(row["repeats"]), str(row["budget"])
            found.setdefault(key, {})[int(row["seed"])] = float(row["value"])
        return {key: [values[seed] for seed in sorted(values)] for key, values in sorted(found.items())}

    def executed_strength(self, setup: Setup) -> float:
        """Strength of the noise under which execution was repeated; NaN where it was not."""
        rows = self._of(setup, "clean", LEVEL_EXECUTED)
        return float(rows[0]["value"]) if rows else float("nan")

    def _of(self, setup: Setup, trained: str, quantity: str) -> list[Row]:
        return self._rows.get((*setup.key, trained, quantity), [])
