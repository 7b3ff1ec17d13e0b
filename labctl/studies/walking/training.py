"""Networks of a point, trained together and judged together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.images import crop, flip
from data.labelled import Labelled, LabelledSet
from models.batched import Member, Recipe, TrainedMembers, evaluate, evaluate_each, train_members
from models.nets.registry import net_named
from models.noise import SILENT, NoiseKind, Strengths, inject, kind_named

Floats = NDArray[np.float64]

_MOVED = ("fashion-mnist", "svhn", "cifar-10")
"""Data whose training pictures are moved and mirrored at random, as in the experiments of arXiv 2212.10430."""
_PIXELS = 4


def train(data: LabelledSet, settings: Mapping[str, Any], members: Sequence[Member]) -> TrainedMembers:
    """Networks of the point's architecture on its data.

    Args:
        data: what they learn; only the training part is looked at.
        settings: of the point.
        members: seeds and strengths.
    """
    build = partial(
        net_named(settings["net"]), shape=data.shape, classes=len(data.classes), batch_norm=settings["batch_norm"]
    )
    recipe = Recipe(settings["epochs"], settings["batch"], settings["learning_rate"])
    augment = moved if data.name in _MOVED else None
    device, kind = settings["device"], noise_of(settings)
    return train_members(build, data.train, members, recipe, kind=kind, augment=augment, device=device)


def noise_of(settings: Mapping[str, Any]) -> NoiseKind:
    """The point's kind of noise."""
    return kind_named(settings["noise"])


def quiet_accuracies(trained: TrainedMembers, part: Labelled, settings: Mapping[str, Any]) -> Floats:
    """Accuracy of every network without noise, shape (members,)."""
    return np.asarray(evaluate(trained, part, [SILENT], device=settings["device"])[:, 0], np.float64)


def accuracies(
    trained: TrainedMembers, part: Labelled, settings: Mapping[str, Any], grid: Sequence[Strengths]
) -> Floats:
    """Accuracy of every network at every strength, shape (members, strengths)."""
    return own_accuracies(trained, part, settings, [grid] * len(trained))


def own_accuracies(
    trained: TrainedMembers, part: Labelled, settings: Mapping[str, Any], grids: Sequence[Sequence[Strengths]]
) -> Floats:
    """Accuracy of every network at strengths of its own, as many for each, shape (members, strengths)."""
    kind, draws, device = noise_of(settings), settings["draws"], settings["device"]
    return np.asarray(evaluate_each(trained, part, grids, kind=kind, draws=draws, device=device), np.float64)


def moved(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Training pictures moved by up to 4 pixels and mirrored half of the time."""
    return flip(crop(images, _PIXELS, rng), rng)


def points_of(data: LabelledSet, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the injection points, from input to output."""
    made = net_named(settings["net"])(
        torch.Generator().manual_seed(0),
        shape=data.shape,
        classes=len(data.classes),
        batch_norm=settings["batch_norm"],
    )
    noisy = inject(made, noise_of(settings), torch.from_numpy(data.test.inputs[:2]))
    return tuple(point.name for point in noisy.points)
