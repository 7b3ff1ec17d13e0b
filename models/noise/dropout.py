"""Dropout whose masks are drawn before the forward pass, from a generator of the caller's, as noise is."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from data.errors import BadInput


class Dropout(nn.Module):
    """Leaves out a share of the activations in training (Srivastava et al., 2014).

    Forward is a pure function of the input and of one buffer, which is in no ``state_dict``:

    Attributes:
        share: probability that an activation is left out.
        shape: of the activation of one sample.
        kept: 0 where an activation is left out, ``1 / (1 - share)`` elsewhere, shape (samples, *shape); in evaluation
            it is not looked at.
    """

    kept: Tensor

    def __init__(self, share: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise BadInput(f"dropout leaves out a share of at least 0 and below 1, not {share}")
        self.share = share
        self.shape = shape
        self.register_buffer("kept", torch.empty(0), persistent=False)

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """A mask for so many samples, for :attr:`kept`; nothing in the module changes."""
        size = samples * prod(self.shape)
        uniform = torch.rand(size, generator=generator, device=generator.device).view(samples, *self.shape)
        return (uniform >= self.share).to(self.kept.dtype) / (1 - self.share)

    def forward(self, values: Tensor) -> Tensor:
        """What is kept of ``values``, scaled so that the mean stays.

        Raises:
            BadInput: in training, a mask for another number of samples, or none.
        """
        if not self.training or self.share == 0:
            return values
        if self.kept.shape != values.shape:
            raise BadInput(
                f"dropout has a mask of shape {tuple(self.kept.shape)} for activations of shape {tuple(values.shape)}; "
                "draw one for every batch"
            )
        return values * self.kept

    def extra_repr(self) -> str:
        """Share and shape."""
        return f"{self.share}, {self.shape}"
