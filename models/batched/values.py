"""What is trained together: members and the recipe they share, and where each member's chance comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import torch

from data.errors import Problems
from models.noise.schedules import Constant, NoiseSchedule
from models.noise.strengths import SILENT, Strengths

Precision = Literal["float32", "float64"]

_STEADY = Constant()


@dataclass(frozen=True)
class Recipe:
    """How every member is trained: Adam (Kingma and Ba, 2015) on cross-entropy, no weight decay.

    Attributes:
        epochs: passes over the training samples.
        batch: samples in a step; the last step of an epoch takes what is left.
        learning_rate: at the start; falls to 0 along a cosine, epoch by epoch (Loshchilov and Hutter, 2017).
        clamp: weights of all layers but batch norm are brought back to +-clamp after every step; None leaves them free.
        precision: of everything that is computed.
    """

    epochs: int = 30
    batch: int = 128
    learning_rate: float = 1e-3
    clamp: float | None = None
    precision: Precision = "float32"

    def check(self) -> None:
        """Raise :class:`data.errors.BadInput` with all options that make no sense."""
        problems = []
        for name in ("epochs", "batch", "learning_rate", "clamp"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                problems.append(f"{name} is {value}; it must be positive")
        if self.precision not in ("float32", "float64"):
            problems.append(f"the precision is {self.precision!r}; it must be 'float32' or 'float64'")
        if problems:
            raise Problems("the recipe of the training", problems)

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch has it."""
        return torch.float64 if self.precision == "float64" else torch.float32


@dataclass(frozen=True)
class Member:
    """One network of those trained together.

    Attributes:
        seed: fixes its initial weights, the order of its samples and its noise, whatever it is trained beside.
        strengths: of the noise in training.
        schedule: how they go through the training.
    """

    seed: int
    strengths: Strengths = SILENT
    schedule: NoiseSchedule = _STEADY


class Stream(IntEnum):
    """What a member draws; each has a generator of its own, so that more of one changes none of the others."""

    WEIGHTS = 0
    ORDER = 1
    NOISE = 2
    AUGMENT = 3
    EVALUATION = 4


def generator(seed: int, stream: Stream, *further: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A member's generator.

    Args:
        seed: of the member, 0 or more.
        stream: what is drawn.
        further: numbers that tell generators of the same stream apart, each 0 or more.
        device: where it draws.
    """
    (state,) = np.random.SeedSequence((seed, int(stream), *further)).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
