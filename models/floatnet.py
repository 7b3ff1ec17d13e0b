"""The float network: a plain multilayer perceptron on encoded activations, where every arm starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from data.errors import BadInput, Cancelled
from data.values import Activations
from models.network import Progress
from models.samples import Augment, Samples, batches
from models.threads import one_thread


@dataclass(frozen=True)
class FloatOptions:
    """How the float network is trained.

    Attributes:
        hidden: widths of the hidden layers.
        epochs: passes over the training samples.
        batch: utterances in a step.
        learning_rate: peak of the cosine schedule (Adam with decoupled weight decay).
        weight_decay: of weights, not of biases.
        dropout: share of the inputs of each layer left out, the first layer's excepted.
        label_smoothing: probability spread over all classes.
        seed: of initial weights, batches, augmentation and dropout.
    """

    hidden: tuple[int, ...] = (128, 128)
    epochs: int = 30
    batch: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    label_smoothing: float = 0.05
    seed: int = 0

    def check(self) -> None:
        """Raise :class:`BadInput` naming the first option that makes no sense."""
        for name in ("epochs", "batch", "learning_rate"):
            if not getattr(self, name) > 0:
                raise BadInput(f"the training option {name} is {getattr(self, name)}; it must be positive")
        for name in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(
                    f"the training option {name} is {getattr(self, name)}; it must be at least 0 and below 1"
                )
        if any(width < 1 for width in self.hidden):
            raise BadInput(f"hidden layers must have at least one output, not {self.hidden}")


@dataclass(frozen=True)
class FloatNetwork:
    """Weights and biases of a perceptron with rectifiers; its inputs are activations divided by ``activation_max``.

    Attributes:
        weights: one array a layer, shape (inputs, outputs), float32.
        biases: one array a layer, shape (outputs,), float32.
        activation_max: the activation that counts as 1.
    """

    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    activation_max: int

    def sums(self, activations: Activations) -> list[NDArray[np.float32]]:
        """Each layer's sums before the rectifier, the last being the logits, shapes (n, outputs)."""
        level: NDArray[np.float32] = activations.astype(np.float32) / np.float32(self.activation_max)
        sums: list[NDArray[np.float32]] = []
        for weights, bias in zip(self.weights, self.biases, strict=True):
            sums.append(level @ weights + bias)
            level = np.maximum(sums[-1], np.float32(0))
        return sums

    def accuracy(self, samples: Samples) -> float:
        """Share of samples whose largest logit is the right one."""
        return float(np.mean(self.sums(samples.activations)[-1].argmax(axis=1) == samples.labels))


@one_thread()
def train_float(
    training: Samples,
    classes: int,
    options: FloatOptions,
    *,
    activation_max: int = 31,
    augment: Augment | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FloatNetwork:
    """Train the float network; the same samples and options give the same network.

    Raises:
        BadInput: options or samples that make no sense.
        Cancelled: ``should_stop`` said so.
    """
    options.check()
    training.check(None, classes, activation_max)
    weights, biases = _initial((training.activations.shape[1], *options.hidden, classes), options.seed)
    groups = [{"params": weights, "weight_decay": options.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=options.learning_rate)
    steps = options.epochs * max(len(training) // options.batch, 1)
    cosine = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, total_steps=steps, pct_start=0.1)
    draw, chance = np.random.default_rng(options.seed), torch.Generator().manual_seed(options.seed)
    for epoch in range(options.epochs):
        for index in batches(len(training), options.batch, draw):
            if should_stop is not None and should_stop():
                raise Cancelled("the training of the float network was stopped")
            codes = training.activations[index]
            codes = codes if augment is None else augment(codes, draw)
            inputs = torch.from_numpy(codes).float() / activation_max
            logits = _forward(inputs, weights, biases, options.dropout, chance)
            labels = torch.from_numpy(training.labels[index])
            loss = functional.cross_entropy(logits, labels, label_smoothing=options.label_smoothing)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            cosine.step()
        if progress is not None:
            progress((epoch + 1) / options.epochs, f"float network, epoch {epoch + 1} of {options.epochs}")
    return FloatNetwork(
        tuple(w.detach().numpy().copy() for w in weights),
        tuple(b.detach().numpy().copy() for b in biases),
        activation_max,
    )


def _initial(widths: tuple[int, ...], seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """He initialisation (He et al., 2015)."""
    chance = torch.Generator().manual_seed(seed)
    weights, biases = [], []
    for inputs, outputs in pairwise(widths):
        scale = (2.0 / inputs) ** 0.5
        weights.append((torch.randn(inputs, outputs, generator=chance) * scale).requires_grad_())
        biases.append(torch.zeros(outputs).requires_grad_())
    return weights, biases


def _forward(
    level: Tensor, weights: list[Tensor], biases: list[Tensor], dropout: float, chance: torch.Generator
) -> Tensor:
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if index:
            level = level.relu()
            if dropout:
                kept = torch.rand(level.shape, generator=chance) >= dropout
                level = level * kept / (1 - dropout)
        level = level @ weight + bias
    return level
