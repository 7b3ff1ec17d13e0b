"""The place in a network where noise comes in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.noise.kinds import NoiseKind


class NoisePoint(nn.Module):
    """Adds noise of one kind to what passes through; nothing is drawn here.

    Forward is a pure function of the input and of two buffers, which are in no ``state_dict`` and which the caller
    sets, or hands to ``torch.func.functional_call``:

    Attributes:
        strength: shape (), (samples,), (1, columns) or (samples, columns) (:class:`models.noise.kinds.NoiseKind`).
        draw: standard normals, shape of the activations, with an axis of ``kind.draws`` in front if that is more than
            one; without an element, as in the beginning, the point is silent and costs nothing.
        kind: what noise it is.
    """

    strength: Tensor
    draw: Tensor

    def __init__(self, kind: NoiseKind) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("strength", torch.zeros(()), persistent=False)
        self.register_buffer("draw", torch.empty(0), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Noisy activations, shape as ``values``.

        Raises:
            BadInput: a draw for activations of another shape.
        """
        if self.draw.numel() == 0:
            return values
        shape = values.shape if self.kind.draws == 1 else (self.kind.draws, *values.shape)
        if self.draw.shape != shape:
            raise BadInput(
                f"noise was drawn for activations of shape {tuple(self.draw.shape)}, these need {tuple(shape)}; "
                "draw for every batch anew"
            )
        return self.kind(values, self.strength, self.draw)

    def quiet(self) -> None:
        """Silence the point."""
        self.strength = torch.zeros((), dtype=self.strength.dtype, device=self.strength.device)
        self.draw = self.strength.new_empty(0)

    def extra_repr(self) -> str:
        """The kind's name."""
        return self.kind.name
