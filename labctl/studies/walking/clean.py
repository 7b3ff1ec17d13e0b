"""Networks trained without noise: noise walks through them, and budgets of repeated execution are spent on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from data.labelled import Labelled, LabelledSet
from labctl.studies.points import Row
from labctl.studies.walking.datasets import budgeting_part
from labctl.studies.walking.names import (
    ACCURACY,
    ADDITIVE,
    EVERYWHERE,
    EXECUTED,
    LEVEL_EXECUTED,
    NOWHERE,
    TAILORED,
    UNIFORM,
)
from labctl.studies.walking.training import accuracies, points_of, quiet_accuracies, train
from models.batched import Member, TrainedMembers
from models.noise import Strengths
from models.robustness import Curve, Midpoint, executed_strengths, fit_midpoint, tailored_repeats, uniform_repeats

Settings = Mapping[str, Any]
Place = tuple[str, float]
"""Where noise comes in, and how strong it is."""


def clean_rows(data: LabelledSet, settings: Settings) -> Iterator[Row]:
    """Accuracy with noise everywhere and at each point in turn; under additive noise repeated execution too."""
    seeds = settings["seeds"]
    trained = train(data, settings, [Member(seed) for seed in seeds])
    points = points_of(data, settings)
    places = [(EVERYWHERE, strength) for strength in settings["everywhere"]]
    places += [(point, strength) for point in points for strength in settings["layer"]]
    depth = depths(points)
    quiet = quiet_accuracies(trained, data.test, settings)
    for seed, value in zip(seeds, quiet, strict=True):
        where = {"seed": seed, "injection": NOWHERE, "depth": depth[NOWHERE], "strength": 0.0}
        yield {**where, "quantity": ACCURACY, "value": float(value), "count": len(data.test)}
    found = accuracies(trained, data.test, settings, [strengths_of(place) for place in places])
    for (injection, strength), values in zip(places, found.T, strict=True):
        for seed, value in zip(seeds, values, strict=True):
            where = {"seed": seed, "injection": injection, "depth": depth[injection], "strength": strength}
            yield {**where, "quantity": ACCURACY, "value": float(value), "count": counted(data.test, settings)}
    if settings["noise"] == ADDITIVE:
        yield from _executed(trained, data, settings, points)


def depths(points: Sequence[str]) -> dict[str, int]:
    """Places in the order of tables: no noise, noise everywhere, then the points from input to output."""
    return {name: index for index, name in enumerate((NOWHERE, EVERYWHERE, *points), start=-2)}


def strengths_of(place: Place) -> Strengths:
    """The noise strengths of a place."""
    injection, strength = place
    return Strengths.everywhere(strength) if injection == EVERYWHERE else Strengths.at(injection, strength)


def counted(part: Labelled, settings: Settings) -> int:
    """Decisions behind an accuracy under noise."""
    return len(part) * int(settings["draws"])


def _executed(trained: TrainedMembers, data: LabelledSet, settings: Settings, points: Sequence[str]) -> Iterator[Row]:
    """Each operation executed several times and averaged, under noise at the midpoint of noise everywhere.

    The level and the budgets come from samples that are not those of the test.
    """
    part = budgeting_part(data)
    everywhere = _midpoint(trained, part, data.chance, settings, EVERYWHERE, settings["everywhere"])
    levels = {
        point: _level(_midpoint(trained, part, data.chance, settings, point, settings["layer"])) for point in points
    }
    if everywhere.status != "identified" or not any(0 < level < inf for level in levels.values()):
        return
    strength = everywhere.estimate.value
    yield {"quantity": LEVEL_EXECUTED, "value": strength}
    budgets = [
        (repeats, budget, counts)
        for repeats in settings["repeats"]
        for budget, counts in (
            (UNIFORM, uniform_repeats(levels, repeats)),
            (TAILORED, tailored_repeats(levels, repeats * len(points))),
        )
    ]
    grid = [Strengths.of(executed_strengths(strength, counts)) for _, _, counts in budgets]
    found = accuracies(trained, data.test, settings, grid)
    for (repeats, budget, _), values in zip(budgets, found.T, strict=True):
        for seed, value in zip(settings["seeds"], values, strict=True):
            where = {"seed": seed, "repeats": repeats, "budget": budget, "strength": strength}
            yield {**where, "quantity": EXECUTED, "value": float(value), "count": counted(data.test, settings)}


def _midpoint(
    trained: TrainedMembers,
    part: Labelled,
    chance: float,
    settings: Settings,
    injection: str,
    strengths: Sequence[float],
) -> Midpoint:
    grid = [strengths_of((injection, strength)) for strength in strengths]
    quiet = quiet_accuracies(trained, part, settings)
    found = accuracies(trained, part, settings, grid)
    curve = Curve(
        strengths=np.array(strengths, np.float64),
        correct=found * counted(part, settings),
        trials=counted(part, settings),
        clean_correct=quiet * len(part),
        clean_trials=len(part),
        chance=chance,
    )
    return fit_midpoint(curve)


def _level(midpoint: Midpoint) -> float:
    """What a budget is drawn up from: the midpoint, or what is known of it."""
    match midpoint.status:
        case "identified":
            return midpoint.estimate.value
        case "below" | "partly":
            return midpoint.estimate.high if midpoint.estimate.high < inf else midpoint.estimate.low
        case "above" | "no signal":
            return inf
