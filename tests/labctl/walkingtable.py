"""Tables of the study of walking noise whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from typing import Any

import numpy as np
import pandas as pd

from labctl.studies.walking.names import (
    ACCURACY,
    ADDITIVE,
    ALL_LEVELS,
    CHANCE,
    EVERYWHERE,
    EXECUTED,
    EXPLAINED_SIZES,
    LEVEL_EXECUTED,
    MULTIPLICATIVE,
    NOWHERE,
    ON_OFF,
    SIGNAL,
    SIGNS,
    TAILORED,
    UNIFORM,
    WEIGHTS,
)
from models.robustness.survival import EXTREME

POINTS = ("input", "fc1", "relu1", "fc2", "relu2", "out")
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
TRIALS = 1000


@dataclass(frozen=True)
class Truth:
    """What the networks of a table are like.

    Attributes:
        levels: midpoint of every point of :data:`POINTS`, trained without noise.
        everywhere: midpoint of noise everywhere.
        raised: midpoints of training with noise over those without.
        grown: size of weights and signal, with noise in training over without.
        explained: variance of sizes that two levels explain, with noise in training; 0.7 without.
        signs: accuracy with two levels, trained with noise; 0.5 without.
        left: accuracy at extreme strength.
        gain: accuracy of tailored less uniform repeats.
        normed: midpoint everywhere with batch norm over without.
        scatter: of all midpoints between seeds, in decades.
        seeds: trainings.
        data: name of the data.
    """

    levels: tuple[float, ...] = (0.3, 0.5, 1.0, 3.0, 5.0, 10.0)
    everywhere: float = 0.3
    raised: float = 3.0
    grown: float = 4.0
    explained: float = 0.95
    signs: float = 0.94
    left: float = 0.9
    gain: float = 0.05
    normed: float = 0.5
    scatter: float = 0.02
    seeds: int = 3
    data: str = "digits"

    def but(self, **changes: Any) -> Truth:
        return replace(self, **changes)


def known_table(truth: Truth, batch_norms: Sequence[bool] = (False, True)) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for batch_norm in batch_norms:
        for noise in (ADDITIVE, MULTIPLICATIVE):
            for trained in ("clean", "noisy"):
                names = {"data": truth.data, "net": "mlp", "batch_norm": batch_norm, "noise": noise, "trained": trained}
                rows += [{"point": "p", **names, **row} for row in _cell(truth, rng, batch_norm, noise, trained)]
    table = pd.DataFrame(rows)
    text = [name for name in table.columns if table[name].map(lambda value: isinstance(value, str)).any()]
    return table.assign(**{name: table[name].fillna("") for name in text})


def _cell(truth: Truth, rng: np.random.Generator, batch_norm: bool, noise: str, trained: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"quantity": CHANCE, "value": 0.1}]
    factor = truth.raised if trained == "noisy" else 1.0
    everywhere = truth.everywhere * (truth.normed if batch_norm else 1.0)
    levels = {EVERYWHERE: everywhere, **dict(zip(POINTS, truth.levels, strict=True))}
    for seed in range(truth.seeds):
        of = {"seed": seed, "depth": -2, "injection": NOWHERE, "strength": 0.0}
        rows.append({**of, "quantity": ACCURACY, "value": 0.95, "count": TRIALS})
        if trained == "noisy":
            rows += _inside((EVERYWHERE, *POINTS), of, 1.0, 0.7, 0.5)
        for depth, (name, level) in enumerate(levels.items(), start=-1):
            middle = log10(level * factor) + truth.scatter * rng.standard_normal()
            for strength in STRENGTHS:
                share = 0.1 + 0.85 / (1 + 10 ** (3 * (log10(strength) - middle)))
                at = {"seed": seed, "depth": depth, "injection": name, "strength": strength}
                value = rng.binomial(TRIALS, share) / TRIALS
                rows.append({**at, "quantity": ACCURACY, "value": value, "count": TRIALS})
                if trained == "noisy":
                    rows += _inside((name,), at, truth.grown, truth.explained, truth.signs)
            if trained == "noisy" and name != EVERYWHERE:
                at = {"seed": seed, "depth": depth, "injection": name, "strength": EXTREME}
                rows.append({**at, "quantity": ACCURACY, "value": truth.left, "count": TRIALS})
                rows += _inside((name,), at, truth.grown, truth.explained, truth.signs)
        if trained == "clean" and noise == ADDITIVE:
            rows += _executed(seed, rng, truth.gain)
    return rows


def _inside(
    points: Sequence[str], at: dict[str, Any], size: float, explained: float, signs: float
) -> list[dict[str, Any]]:
    jitter = 1 + 0.01 * at["seed"]
    rows = []
    for point in points:
        where = {**at, "injection": point}
        rows += [
            {**where, "quantity": WEIGHTS, "value": size * jitter},
            {**where, "quantity": SIGNAL, "value": size * jitter},
            {**where, "quantity": EXPLAINED_SIZES, "value": explained + 0.001 * at["seed"]},
            {**where, "quantity": SIGNS, "value": signs + 0.001 * at["seed"]},
            {**where, "quantity": ON_OFF, "value": signs + 0.001 * at["seed"]},
            {**where, "quantity": ALL_LEVELS, "value": 0.95},
        ]
    return rows


def _executed(seed: int, rng: np.random.Generator, gain: float) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"quantity": LEVEL_EXECUTED, "value": 0.3}]
    for repeats in (2, 5):
        for budget, more in ((UNIFORM, 0.0), (TAILORED, gain)):
            value = 0.7 + more + 0.002 * rng.standard_normal()
            at = {"seed": seed, "repeats": repeats, "budget": budget, "strength": 0.3}
            rows.append({**at, "quantity": EXECUTED, "value": value, "count": TRIALS})
    return rows
