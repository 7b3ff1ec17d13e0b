"""Labelled activations: what networks are trained and judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.values import Activations

Augment = Callable[[Activations, np.random.Generator], Activations]
"""Changes a batch of training activations, shape (batch, inputs), at random; every draw from the given generator."""


@dataclass(frozen=True)
class Samples:
    """Utterances as activations, with their labels.

    Attributes:
        activations: shape (n, inputs), uint8.
        labels: class indices, shape (n,), int64.
    """

    activations: Activations
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def check(self, inputs: int | None, classes: int, activation_max: int) -> None:
        """Raise :class:`BadInput` unless these are codes and labels in range, of ``inputs`` activations each."""
        shape = self.activations.shape
        if len(shape) != 2 or self.labels.shape != shape[:1] or not len(self.labels):
            raise BadInput(f"samples need one label for each utterance, not {self.labels.shape} for {shape}")
        if inputs is not None and shape[1] != inputs:
            raise BadInput(f"samples of {shape[1]} activations cannot train a network of {inputs} inputs")
        if self.activations.dtype != np.uint8 or self.activations.max() > activation_max:
            raise BadInput(f"the samples' activations must be whole numbers from 0 to {activation_max}")
        if self.labels.min() < 0 or self.labels.max() >= classes:
            raise BadInput(f"the samples' labels must lie between 0 and {classes - 1}")

    def spread(self, count: int) -> Samples:
        """At most ``count`` samples, spread evenly over all: neighbours often share a word or a voice."""
        pick = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.intp))
        return Samples(self.activations[pick], self.labels[pick])


def batches(count: int, size: int, generator: np.random.Generator) -> list[NDArray[np.intp]]:
    """One epoch's shuffled batches as indices; a rest smaller than a batch is left out of this epoch."""
    shuffled = generator.permutation(count)
    whole = max(count // size, 1)
    return [shuffled[i * size : (i + 1) * size] for i in range(whole)]
