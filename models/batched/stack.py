"""Many networks of one architecture as one: their parameters and buffers stacked along a first axis of members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.batched.values import Member, Stream, generator

Build = Callable[[torch.Generator], nn.Module]
"""Makes a network with initial weights from a generator, e.g. ``lambda chance: mlp(chance, shape=(1, 8, 8))``."""


@dataclass(frozen=True)
class Stack:
    """Networks of one architecture.

    Attributes:
        template: one of them; its own numbers do not count.
        parameters: by name, (members, ...).
        buffers: by name, (members, ...); running statistics, say.
    """

    template: nn.Module
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]

    @property
    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers."""
        return {**self.parameters, **self.buffers}


def fresh(build: Build, members: Sequence[Member], dtype: torch.dtype, device: torch.device) -> Stack:
    """Networks as they are before the training, each from its own seed.

    Raises:
        BadInput: ``build`` makes networks of different shapes, such with parameters of different names, or layers that
            share a parameter.
    """
    nets = [build(generator(member.seed, Stream.WEIGHTS)) for member in members]
    stack = Stack(
        nets[0],
        _stacked([dict(net.named_parameters()) for net in nets], dtype, device),
        _stacked([dict(net.named_buffers()) for net in nets], dtype, device),
    )
    for owner, module in nets[0].named_modules():
        for leaf, _ in module.named_parameters(owner, recurse=False):
            if leaf not in stack.parameters:
                raise BadInput(
                    f"the parameter {leaf} belongs to another layer, too; several such networks cannot be computed at "
                    "once (a layer that is used twice can)"
                )
    return stack


def _stacked(each: Sequence[dict[str, Tensor]], dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    shapes = [{name: value.shape for name, value in one.items()} for one in each]
    if any(other != shapes[0] for other in shapes):
        raise BadInput("networks that are trained together must have the same layers; only their numbers may differ")
    return {
        name: torch.stack([one[name].detach() for one in each]).to(
            device=device, dtype=dtype if value.is_floating_point() else value.dtype
        )
        for name, value in each[0].items()
    }
