"""Networks trained with noise, each judged under the noise it was trained with, and looked into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data.labelled import LabelledSet
from labctl.studies.points import Row
from labctl.studies.walking.clean import counted, depths, strengths_of
from labctl.studies.walking.layers import Inside
from labctl.studies.walking.names import ACCURACY, ADDITIVE, EVERYWHERE, MULTIPLICATIVE, NOWHERE
from labctl.studies.walking.training import noise_of, own_accuracies, points_of, quiet_accuracies, train
from models.batched import Member, TrainedMembers

Settings = Mapping[str, Any]


def noisy_rows(data: LabelledSet, settings: Settings) -> Iterator[Row]:
    """Accuracy, weights, signals and levels of a training for each seed, point and strength, and without noise."""
    points = points_of(data, settings)
    depth = depths(points)
    places = [(EVERYWHERE, strength) for strength in settings["everywhere"]]
    places += [(point, strength) for point in points for strength in settings["layer"]]
    seeds = settings["seeds"]
    members = [Member(seed) for seed in seeds]
    members += [Member(seed, strengths_of(place)) for place in places for seed in seeds]
    trained = train(data, settings, members)
    quiet = quiet_accuracies(trained.select(range(len(seeds))), data.test, settings)
    for row, (seed, value) in enumerate(zip(seeds, quiet, strict=True)):
        where = {"seed": seed, "injection": NOWHERE, "depth": depth[NOWHERE], "strength": 0.0}
        yield {**where, "quantity": ACCURACY, "value": float(value), "count": len(data.test)}
        yield from _inside(trained, row, data, settings, (EVERYWHERE, *points), where, depth)
    noisy = range(len(seeds), len(members))
    found = own_accuracies(trained.select(noisy), data.test, settings, [[members[row].strengths] for row in noisy])
    own = [(place, seed) for place in places for seed in seeds]
    for row, ((injection, strength), seed), value in zip(noisy, own, found[:, 0], strict=True):
        where = {"seed": seed, "injection": injection, "depth": depth[injection], "strength": strength}
        yield {**where, "quantity": ACCURACY, "value": float(value), "count": counted(data.test, settings)}
        yield from _inside(trained, row, data, settings, (injection,), where, depth)


def _inside(
    trained: TrainedMembers,
    row: int,
    data: LabelledSet,
    settings: Settings,
    points: tuple[str, ...],
    where: Mapping[str, Any],
    depth: Mapping[str, int],
) -> Iterator[Row]:
    if settings["noise"] in (ADDITIVE, MULTIPLICATIVE):
        inside = Inside(trained.net(row), data.train, data.test, trained.members[row], noise_of(settings))
        for found in inside.rows(points, where, levels=settings["noise"] == MULTIPLICATIVE):
            yield {**found, "depth": depth[str(found["injection"])]}
