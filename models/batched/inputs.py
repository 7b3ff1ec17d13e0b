"""The samples of a training, from which every member takes its own batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import BadInput

Augment = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
"""Changes a batch of pictures, (samples, channels, height, width), at random; every draw from the given generator."""


class LabelledInputs(Protocol):
    """What a set of samples must have, as :class:`data.labelled.Labelled` does."""

    @property
    def inputs(self) -> NDArray[np.float32]:
        """Shape (n, channels, height, width) or (n, values)."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """Shape (n,)."""
        ...


@dataclass(frozen=True)
class Inputs:
    """Labelled samples where the computation is.

    Attributes:
        values: (n, height x channels x width), in that order; of vectors (n, values).
        labels: (n,).
        sizes: height, channels and width, or the number of values.
    """

    values: Tensor
    labels: Tensor
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, data: LabelledInputs, dtype: torch.dtype, device: torch.device) -> Inputs:
        """Samples on a device.

        Raises:
            BadInput: no samples, not one label for each, or samples that are neither pictures nor vectors.
        """
        if data.inputs.ndim not in (2, 4) or not len(data.inputs) or data.labels.shape != data.inputs.shape[:1]:
            raise BadInput(
                f"inputs of shape {data.inputs.shape} with labels of shape {data.labels.shape} cannot be "
                "used; inputs must be (n, channels, height, width) or (n, values), with one label for each"
            )
        values = laid_out(torch.from_numpy(data.inputs))
        labels = torch.from_numpy(data.labels).to(device)
        return cls(values.flatten(1).to(device=device, dtype=dtype), labels, tuple(values.shape[1:]))

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Each member's samples, laid out for a program, and their labels.

        Args:
            rows: (members, samples).

        Returns:
            (members, *sizes, samples) and (members, samples).
        """
        flat = rows.flatten()
        taken = self.values.index_select(0, flat).view(*rows.shape, *self.sizes)
        return taken.movedim(1, -1), self.labels.index_select(0, flat).view(rows.shape)

    def part(self, first: int, stop: int, members: int) -> Tensor:
        """The same samples for all members, (members, *sizes, samples)."""
        taken = self.values[first:stop].view(-1, *self.sizes).movedim(0, -1).contiguous()
        return taken.expand(members, *taken.shape)


def augmented(
    data: LabelledInputs, rows: Tensor, augment: Augment, chances: Sequence[np.random.Generator], like: Tensor
) -> Tensor:
    """Each member's samples, changed at random.

    Args:
        data: the samples.
        rows: (members, samples).
        augment: changes them.
        chances: of the members.
        like: gives type and device.

    Returns:
        (members, height, channels, width, samples).
    """
    each = [augment(data.inputs[own], chance) for own, chance in zip(rows.cpu().numpy(), chances, strict=True)]
    return laid_out(torch.from_numpy(np.stack(each)).to(like)).movedim(1, -1)


def laid_out(samples: Tensor) -> Tensor:
    """(..., channels, height, width) as (..., height, channels, width); vectors stay."""
    return samples.transpose(-3, -2) if samples.ndim >= 4 else samples
