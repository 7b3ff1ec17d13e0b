"""What networks are trained on, and what comes out of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from types import MappingProxyType

from data.errors import BadInput
from models.network import IntegerNetwork


class Arm(StrEnum):
    """What computes the forward pass while a network is trained."""

    IDEAL = "ideal"
    """The integer product with one gain, rounded and clamped: nothing known about the board."""
    UNORDERED = "unordered"
    """The order-blind chip model with its noise and fixed pattern."""
    ORDERED = "ordered"
    """The ordered chip model with its noise and fixed pattern."""
    BOARD = "board"
    """An analog processor in the loop; gradients from the ordered chip model."""


_POSITIVE = (
    "epochs",
    "batch",
    "learning_rate",
    "board_epochs",
    "board_utterances",
    "board_batch",
    "board_learning_rate",
)


@dataclass(frozen=True)
class TrainingOptions:
    """How an arm is trained.

    Attributes:
        epochs: passes over the training samples, or over as many as ``utterances`` says; every arm but the board's has
            the same.
        utterances: training samples of an epoch, drawn anew for each epoch; 0 for all.
        batch: utterances in a step.
        learning_rate: peak of the cosine schedule (Adam), in weight codes a step.
        label_smoothing: probability spread over all classes.
        noise: trial noise while training, over its measured size; 0 for none. The board arm has the board's own.
        noise_spread: how the noise differs from utterance to utterance, over its measured size: each one of a step
            meets ``noise + noise_spread |z|`` with a standard normal z of its own, drawn anew in every step
            ("variance-aware" training, arXiv:2503.16183, by the rule of its published code).
        noise_ramp: share of the epochs over which the noise grows from nothing to its full size.
        seed: of batches, augmentation and noise.
        board_epochs: passes of the board arm.
        board_utterances: training samples of an epoch of the board arm, drawn anew for each epoch.
        board_batch: utterances in a step of the board arm.
        board_learning_rate: peak of the board arm's schedule.
    """

    epochs: int = 12
    utterances: int = 0
    batch: int = 256
    learning_rate: float = 1.0
    label_smoothing: float = 0.05
    noise: float = 1.0
    noise_spread: float = 0.0
    noise_ramp: float = 0.3
    seed: int = 0
    board_epochs: int = 4
    board_utterances: int = 8192
    board_batch: int = 512
    board_learning_rate: float = 0.15

    def check(self) -> None:
        """Raise :class:`BadInput` naming the first option that makes no sense."""
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise BadInput(f"the training option {name} is {getattr(self, name)}; it must be positive")
        if self.utterances < 0:
            raise BadInput(f"the training option utterances is {self.utterances}; it must be positive, or 0 for all")
        for name in ("noise", "noise_spread"):
            if not 0 <= getattr(self, name) < inf:
                raise BadInput(f"the training option {name} is {getattr(self, name)}; it must be 0 or more")
        for name in ("label_smoothing", "noise_ramp"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(
                    f"the training option {name} is {getattr(self, name)}; it must be at least 0 and below 1"
                )


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        epoch: counted from 1.
        loss: mean cross-entropy over the training batches.
        training_accuracy: share of the training utterances that were decided right while training.
        noise: trial noise in force at the end, over its measured size; the mean over utterances where it differs.
    """

    epoch: int
    loss: float
    training_accuracy: float
    noise: float


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, and how it came to be.

    Attributes:
        network: the integers.
        arm: what it was trained on.
        options: how.
        history: epoch by epoch.
        validation_accuracy: on what the arm was trained on, voices not trained on.
        provenance: what else should be known, e.g. calibration id, board, corpus; text by name.
    """

    network: IntegerNetwork
    arm: Arm
    options: TrainingOptions
    history: tuple[Epoch, ...]
    validation_accuracy: float
    provenance: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
