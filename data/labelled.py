"""Labelled inputs of networks as plain values: images, or words as pictures of their features."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

Inputs = NDArray[np.float32]
"""Shape (n, channels, height, width), float32."""
Labels = NDArray[np.int64]
"""Shape (n,), int64."""


@dataclass(frozen=True)
class Labelled:
    """Inputs and what they show.

    Attributes:
        inputs: shape (n, channels, height, width), float32.
        labels: indices into the names of the classes, shape (n,), int64.
    """

    inputs: Inputs
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: NDArray[np.integer] | slice) -> Labelled:
        """Some of them, in the given order."""
        return Labelled(self.inputs[rows], self.labels[rows])


@dataclass(frozen=True)
class LabelledSet:
    """A set of labelled inputs in parts that have nothing in common.

    Attributes:
        name: short and stable, e.g. ``digits``.
        train: to train networks on.
        validation: to choose settings by; None where the set has none (:func:`with_validation` takes one out).
        test: to be looked at last, and never to choose anything by.
        classes: their names, by label.
        source: where the inputs come from and what was done to them, in words.
    """

    name: str
    train: Labelled
    validation: Labelled | None
    test: Labelled
    classes: tuple[str, ...]
    source: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one input."""
        channels, height, width = self.train.inputs.shape[1:]
        return channels, height, width

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1.0 / len(self.classes)

    def check(self) -> None:
        """Raise :class:`BadInput` naming the first part whose arrays do not fit each other or the classes."""
        for name, part in self._parts().items():
            if part.inputs.ndim != 4 or part.inputs.dtype != np.float32 or part.inputs.shape[1:] != self.shape:
                raise BadInput(
                    f"the {name} inputs of {self.name} have shape {part.inputs.shape} and type {part.inputs.dtype}; "
                    "they must be float32 of shape (n, channels, height, width), the same in every part"
                )
            if part.labels.shape != part.inputs.shape[:1] or not len(part):
                raise BadInput(
                    f"the {name} part of {self.name} has {len(part.inputs)} inputs and labels of shape "
                    f"{part.labels.shape}; it must have one label for each and not be empty"
                )
            if part.labels.min() < 0 or part.labels.max() >= len(self.classes):
                raise BadInput(
                    f"the {name} labels of {self.name} go from {part.labels.min()} to {part.labels.max()}; "
                    f"there are {len(self.classes)} classes"
                )

    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal: the same digest is the same set."""
        sha = hashlib.sha256("\n".join((self.name, *self.classes)).encode())
        for name, part in self._parts().items():
            sha.update(f"{name}{part.inputs.shape}".encode())
            sha.update(np.ascontiguousarray(part.inputs).data)
            sha.update(np.ascontiguousarray(part.labels).data)
        return sha.hexdigest()

    def _parts(self) -> dict[str, Labelled]:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def split_by_class(labels: Labels, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of two parts, each with the classes in the same shares; the same seed gives the same parts.

    Args:
        labels: shape (n,).
        share: of each class in the second part, above 0 and below 1; rounded to whole rows, at least one.
        seed: draws which.

    Returns:
        rows of the first and of the second part, ascending.

    Raises:
        BadInput: the share is out of range, or a class has fewer than two rows.
    """
    if not 0 < share < 1:
        raise BadInput(f"the share of a part is {share}; it must be above 0 and below 1")
    rng = np.random.default_rng(seed)
    second: list[NDArray[np.intp]] = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) < 2:
            raise BadInput(f"class {label} has one example; it cannot be in two parts")
        second.append(rows[: min(max(round(share * len(rows)), 1), len(rows) - 1)])
    chosen = np.zeros(len(labels), bool)
    chosen[np.concatenate(second)] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def with_validation(images: LabelledSet, share: float, seed: int) -> LabelledSet:
    """The set with a validation part taken out of its training part; test stays what it is.

    Args:
        images: a set without a validation part.
        share: of the training part, above 0 and below 1.
        seed: draws which.

    Raises:
        BadInput: it has a validation part, or the share is out of range.
    """
    if images.validation is not None:
        raise BadInput(f"the set {images.name} has a validation part of its own")
    kept, held = split_by_class(images.train.labels, share, seed)
    return replace(images, train=images.train.select(kept), validation=images.train.select(held))


def standardised(images: LabelledSet) -> LabelledSet:
    """The set with each channel moved and scaled to mean 0 and standard deviation 1 over the training inputs."""
    mean = images.train.inputs.mean(axis=(0, 2, 3), dtype=np.float64)[:, None, None]
    spread = images.train.inputs.std(axis=(0, 2, 3), dtype=np.float64)[:, None, None]
    return scaled(images, mean, spread)


def scaled(images: LabelledSet, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> LabelledSet:
    """The set with ``(inputs - mean) / spread``; both are numbers or broadcast against one input.

    Raises:
        BadInput: a spread is not positive: what is constant over the training inputs says nothing.
    """
    if not np.all(spread > 0):
        raise BadInput(f"inputs of {images.name} are constant somewhere; they cannot be scaled by their spread")

    def of(part: Labelled) -> Labelled:
        return Labelled(np.asarray((part.inputs - mean) / spread, np.float32), part.labels)

    held = None if images.validation is None else of(images.validation)
    return replace(images, train=of(images.train), validation=held, test=of(images.test))
