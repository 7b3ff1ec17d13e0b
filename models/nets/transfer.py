"""From a trained perceptron to the float network that is converted for a board."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.errors import BadInput
from models.floatnet import FloatNetwork
from models.noise.dropout import Dropout
from models.noise.folding import folding_factor

_NOTHING = (nn.Flatten, nn.Dropout, nn.Identity, Dropout)
"""Layers that change nothing in evaluation but the shape."""


def float_network(net: nn.Sequential, activation_max: int = 31) -> FloatNetwork:
    """What a perceptron computes in evaluation, for :func:`models.training.start_network`; batch norm is folded in.

    Args:
        net: FC, batch norm or none, ReLU, ..., FC, as :func:`models.nets.mlp` makes it.
        activation_max: the activation code that stands for an input of 1.

    Raises:
        BadInput: a network with other layers, or these in another order.
    """
    pairs: list[tuple[Tensor, Tensor]] = []
    layers = [(name, layer) for name, layer in net.named_children() if not isinstance(layer, _NOTHING)]
    for (_, before), (name, layer) in pairwise([("", nn.ReLU()), *layers]):
        if isinstance(layer, nn.Linear) and isinstance(before, nn.ReLU):
            weight = layer.weight.detach()
            bias = torch.zeros(len(weight)).to(weight) if layer.bias is None else layer.bias.detach()
            pairs.append((weight, bias))
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(before, nn.Linear):
            pairs[-1] = _folded(*pairs[-1], layer)
        elif not (isinstance(layer, nn.ReLU) and isinstance(before, nn.Linear | nn.BatchNorm1d)):
            raise BadInput(
                f"{name or type(layer).__name__} cannot stand after {type(before).__name__} in a network for a board; "
                "it takes FC, batch norm or none, ReLU, and FC in the end"
            )
    if not layers or not isinstance(layers[-1][1], nn.Linear):
        raise BadInput("a network for a board ends in a fully connected layer, which this one does not")
    return FloatNetwork(
        tuple(_array(weight.T) for weight, _ in pairs), tuple(_array(bias) for _, bias in pairs), activation_max
    )


def _folded(weight: Tensor, bias: Tensor, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    factor = folding_factor(norm)
    offset = 0 if norm.bias is None else norm.bias.detach()
    mean = 0 if norm.running_mean is None else norm.running_mean
    return weight * factor[:, None], (bias - mean) * factor + offset


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.float().numpy(force=True))
