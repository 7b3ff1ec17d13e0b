"""Many small trainings in one computation against the same trainings one after another, in turns in the same run.

What they are compared with is the loop that one would write for a single network: torch's own layers, its fused Adam,
data in memory, the same batches and the same number of threads. A training here is short; networks are made anew for
each, on both sides.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from data.errors import BadInput
from models.batched import Build, Member, Recipe, Stream, generator, train_members
from models.nets import lenet5, mlp

SKLEARN: Final = "sklearn"
EPOCHS = 4
BASE: Final = "one after another"


@dataclass(frozen=True)
class Speedup:
    """One result: how many times more trainings are done in the same time than by the base."""

    case: str
    speedup: float
    threads: int
    shape: str
    base: str = BASE


@dataclass(frozen=True)
class Digits:
    """Samples: inputs (n, 1, side, side) float32 and labels (n,)."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """What is trained, so many together, and so many one after another to compare with."""

    name: str
    side: int
    build: Build
    together: int
    alone: int


CASES: tuple[Case, ...] = (
    Case("mlp", 8, partial(mlp, shape=(1, 8, 8)), 128, 4),
    Case("lenet", 16, partial(lenet5, shape=(1, 16, 16)), 64, 2),
)


def measure(threads: int | None, rounds: int) -> list[Speedup]:
    """Time every case, on a GPU too where one is.

    Args:
        threads: of both sides; None for as many as torch uses.
        rounds: how often both sides have their turn.

    Raises:
        BadInput: fewer than one thread or round.
    """
    threads = torch.get_num_threads() if threads is None else threads
    if threads < 1 or rounds < 1:
        raise BadInput(f"threads and rounds must be at least 1; they are {threads} and {rounds}")
    if "batched-training/*" in absent():
        return []
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = [_measure(case, threads, rounds, "cpu") for case in CASES]
        if torch.cuda.is_available():
            found += [_measure(case, threads, rounds, "cuda") for case in CASES]
    finally:
        torch.set_num_threads(before)
    return found


def absent() -> dict[str, str]:
    """Cases that cannot run here, and why."""
    if importlib.util.find_spec(SKLEARN) is None:
        return {"batched-training/*": "scikit-learn, which has the digits, is not installed (extra `studies`)"}
    if not torch.cuda.is_available():
        return {"batched-training/gpu/*": "there is no CUDA device"}
    return {}


def _measure(case: Case, threads: int, rounds: int, device: str) -> Speedup:
    data = digits(case.side)
    recipe = Recipe(epochs=EPOCHS)
    members = [Member(seed) for seed in range(case.together)]

    def together() -> None:
        train_members(case.build, data, members, recipe, threads=threads, device=device)

    def alone() -> None:
        for seed in range(case.alone):
            train_alone(case.build, data, seed, recipe, device)

    together()
    alone()
    ratios = []
    for _ in range(rounds):
        one, many = _seconds(alone, device), _seconds(together, device)
        ratios.append(one / case.alone * case.together / many)
    where = "" if device == "cpu" else "gpu/"
    shape = f"{case.together} networks, digits {case.side} x {case.side}, batch {recipe.batch}"
    return Speedup(f"batched-training/{where}{case.name}", round(median(ratios), 2), threads, shape)


def train_alone(build: Build, data: Digits, seed: int, recipe: Recipe, device: str = "cpu") -> nn.Module:
    """One network by a plain loop; learns what a member with this seed learns."""
    net = build(generator(seed, Stream.WEIGHTS)).to(device)
    inputs, labels = torch.from_numpy(data.inputs).to(device), torch.from_numpy(data.labels).to(device)
    optimiser = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, fused=True)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    order = generator(seed, Stream.ORDER)
    for _ in range(recipe.epochs):
        rows = torch.randperm(len(inputs), generator=order).to(device)
        for own in torch.split(rows, recipe.batch):
            loss = functional.cross_entropy(net(inputs[own]), labels[own])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        cosine.step()
    return net


def digits(side: int) -> Digits:
    """The digits of scikit-learn, each pixel repeated until there are so many a side."""
    pixels, labels = importlib.import_module(f"{SKLEARN}.datasets").load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    times = side // 8
    return Digits(images.repeat(times, axis=2).repeat(times, axis=3), labels.astype(np.int64))


def _seconds(work: Callable[[], None], device: str) -> float:
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
