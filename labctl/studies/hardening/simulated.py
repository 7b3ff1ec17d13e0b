"""Networks trained in every way, and judged under noise after every operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.labelled import Labelled, LabelledSet
from labctl.studies.hardening.lessons import builder, lesson_of, load_data
from labctl.studies.hardening.names import (
    ACCURACY,
    ALPHA,
    CONSTANT,
    CUT,
    EVERYWHERE,
    LEARNED,
    NOISY,
    PLAIN,
    TEST,
    THETA,
    VALIDATION,
    VANT,
)
from labctl.studies.hardening.plan import Lesson
from labctl.studies.points import Row
from models.batched import Member, Recipe, evaluate, train_members
from models.noise import ADDITIVE, SILENT, Constant, Strengths, Vant
from models.quantised.rules import Quantisation
from models.quantised.training import accuracies, cut_shares, train_quantised

Needs = Mapping[str, Path]
_COLLECTED = 300
"""Steps whose activations a learned scale starts from: Brevitas' own number, in short trainings half of all steps.

From then on the optimiser moves it, by no more than the learning rate in a step. Activations still grow severalfold
in the first epochs, so a scale that starts from fewer steps is left behind, and cuts a third of them for good.
"""


def train_float_arms(settings: Mapping[str, Any], _: Path, needs: Needs) -> Iterable[Row]:
    """Rows of all seeds of one arm, trained together: a network for each strength; with ``noisy`` the plain one too."""
    lesson = lesson_of(settings)
    data = load_data(lesson.data, needs)
    arm, strengths = settings["arm"], tuple(settings["strengths"])
    schedule = Vant(ALPHA, THETA, rule="half-normal") if arm == VANT else Constant()
    trained_at = (*([0.0] if arm == NOISY else []), *strengths)
    members = [
        Member(seed, Strengths.everywhere(strength), schedule) for seed in settings["seeds"] for strength in trained_at
    ]
    trained = train_members(builder(lesson.net, data), data.train, members, recipe(lesson), threads=1)
    grid = grid_of(strengths)
    for part, samples in parts(data).items():
        found = evaluate(trained, samples, grid, draws=settings["draws"], threads=1)
        for member, own in zip(members, found, strict=True):
            strength = member.strengths.others
            names = {"arm": arm if strength else PLAIN, "train_strength": strength, "seed": member.seed}
            yield from rows(lesson, data, part, names, by_strength(strengths, own), settings["draws"])


def train_quantised_arms(settings: Mapping[str, Any], _: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one seed and number of bits: the learned scale, and every constant one."""
    lesson = lesson_of(settings)
    data = load_data(lesson.data, needs)
    strengths, bits, seed = tuple(settings["strengths"]), settings["bits"], settings["seed"]
    steps = lesson.epochs * -(-len(data.train) // lesson.batch)
    for scale in (None, *settings["scales"]):
        quantisation = Quantisation(bits, scale, min(_COLLECTED, max(steps // 2, 1)))
        net = train_quantised(builder(lesson.net, data), quantisation, data.train, Member(seed), recipe(lesson))
        arm: dict[str, str | float] = {"arm": LEARNED} if scale is None else {"arm": CONSTANT, "scale": scale}
        for part, samples in parts(data).items():
            found = accuracies(net, samples, grid_of(strengths), seed, settings["draws"])
            names = {**arm, "bits": bits, "train_strength": 0.0, "seed": seed}
            yield from rows(lesson, data, part, names, by_strength(strengths, found), settings["draws"])
            where = {"data": lesson.data, "net": lesson.net, "part": part}
            yield {**where, **names, "quantity": CUT, "value": max(cut_shares(net, samples).values())}


def recipe(lesson: Lesson) -> Recipe:
    """How every arm of a lesson is trained."""
    return Recipe(epochs=lesson.epochs, batch=lesson.batch, learning_rate=lesson.learning_rate)


def grid_of(strengths: Sequence[float]) -> tuple[Strengths, ...]:
    """No noise, then each strength everywhere."""
    return (SILENT, *(Strengths.everywhere(strength) for strength in strengths))


def by_strength(strengths: Sequence[float], figures: Iterable[float]) -> dict[float, float]:
    """What was found on the grid of :func:`grid_of`."""
    return dict(zip((0.0, *strengths), figures, strict=True))


def parts(data: LabelledSet) -> dict[str, Labelled]:
    """What networks are judged on: validation inputs to choose by, test inputs to report."""
    return {TEST: data.test} | ({} if data.validation is None else {VALIDATION: data.validation})


def rows(
    lesson: Lesson, data: LabelledSet, part: str, names: Row, figures: Mapping[float, float], draws: int
) -> Iterator[Row]:
    """A row for each strength that a network is judged at.

    Args:
        lesson: what was learnt.
        data: of it.
        part: of the data that it was judged on.
        names: further columns.
        figures: accuracy by strength; 0 is none.
        draws: decisions for every input at each strength but 0.
    """
    common: dict[str, str | int | float | bool] = {
        "data": lesson.data,
        "net": lesson.net,
        "batch_norm": False,
        "noise": ADDITIVE.name,
        "point": EVERYWHERE,
        "chance": data.chance,
        "part": part,
        "quantity": ACCURACY,
    }
    for strength, value in figures.items():
        count = len(parts(data)[part]) * (draws if strength else 1)
        yield {**common, **names, "strength": strength, "value": float(value), "count": count}
