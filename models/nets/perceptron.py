"""The multi-layer perceptron of the robustness studies."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

import torch
from torch import nn

from data.errors import BadInput
from models.nets.initial import built
from models.nets.shapes import check_classes


def mlp(
    generator: torch.Generator,
    *,
    shape: tuple[int, ...] = (1, 28, 28),
    classes: int = 10,
    batch_norm: bool = False,
    hidden: Sequence[int] = (64, 64, 64),
) -> nn.Sequential:
    """FC, batch norm (where asked for), ReLU for each hidden layer, and FC: "TFC" of arXiv 2212.10430.

    Layers that batch norm follows have no bias: it has one.

    Args:
        generator: of the initial weights.
        shape: of one sample.
        classes: outputs.
        batch_norm: whether it is there.
        hidden: outputs of the hidden layers.

    Raises:
        BadInput: sizes below 1.
    """
    check_classes(classes)
    if not shape or min(shape) < 1 or any(width < 1 for width in hidden):
        raise BadInput(f"a perceptron of samples of shape {shape} and hidden layers of {tuple(hidden)} cannot be")

    def make() -> nn.Sequential:
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        inputs = prod(shape)
        for index, width in enumerate(hidden, start=1):
            layers[f"fc{index}"] = nn.Linear(inputs, width, bias=not batch_norm)
            if batch_norm:
                layers[f"bn{index}"] = nn.BatchNorm1d(width)
            layers[f"relu{index}"] = nn.ReLU()
            inputs = width
        layers["out"] = nn.Linear(inputs, classes)
        return nn.Sequential(layers)

    return built(make, generator)
