"""Initial weights from a generator of their own: torch's scheme, and nothing drawn from its global generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

Net = TypeVar("Net", bound=nn.Module)


def built(make: Callable[[], Net], generator: torch.Generator) -> Net:
    """A network with initial weights, on the device of the generator.

    Args:
        make: constructs it; what it draws meanwhile does not count.
        generator: gives every draw.
    """
    with torch.device("meta"):
        net = make()
    net.to_empty(device=generator.device)
    initialise(net, generator)
    return net


def initialise(net: nn.Module, generator: torch.Generator) -> None:
    """Set weights and biases as torch does on construction, module after module.

    Fully connected and convolutional layers: uniform within +-1/sqrt(fan_in), weight before bias (He et al., 2015,
    with a gain of 1/sqrt(3)). Batch norm: factor 1, offset 0, running mean 0, running variance 1.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear | _ConvNd):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, _BatchNorm):
            module.reset_parameters()
