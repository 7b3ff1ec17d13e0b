"""The small convolutional network for keyword spotting."""

from __future__ import annotations

from collections import OrderedDict
from math import prod

import torch
from torch import nn

from data.errors import BadInput
from models.nets.initial import built
from models.nets.shapes import after, check_classes, image

_KERNEL = (4, 10)
_CHANNELS = (28, 30)


def cnn_s(
    generator: torch.Generator,
    *,
    shape: tuple[int, ...] = (1, 10, 49),
    classes: int = 12,
    batch_norm: bool = False,
    hidden: int = 128,
) -> nn.Sequential:
    """C28@4x10 stride 1x2, ReLU, C30@4x10, ReLU, FC128, ReLU, FC (Zhang et al., arXiv 1711.07128; 2212.10430).

    The low-rank layer of the original is left out, as in "Walking Noise". Batch norm, where asked for, comes before
    each ReLU; the layer before it has no bias.

    Args:
        generator: of the initial weights.
        shape: of one sample: 1, cepstral coefficients, frames.
        classes: outputs.
        batch_norm: whether it is there.
        hidden: outputs of the hidden fully connected layer.

    Raises:
        BadInput: samples too small for the kernels, or fewer than 2 classes.
    """
    check_classes(classes)
    channels, size = image(shape, "CNN-S")
    size = after(after(size, _KERNEL, (1, 2)), _KERNEL)
    if min(size) < 1:
        raise BadInput(f"CNN-S takes samples of at least 7 x 28, not {shape[1]} x {shape[2]}")
    if hidden < 1:
        raise BadInput(f"CNN-S needs at least one hidden output, not {hidden}")

    def make() -> nn.Sequential:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        bias = not batch_norm
        layers["conv1"] = nn.Conv2d(channels, _CHANNELS[0], _KERNEL, stride=(1, 2), bias=bias)
        if batch_norm:
            layers["bn1"] = nn.BatchNorm2d(_CHANNELS[0])
        layers["relu1"] = nn.ReLU()
        layers["conv2"] = nn.Conv2d(_CHANNELS[0], _CHANNELS[1], _KERNEL, bias=bias)
        if batch_norm:
            layers["bn2"] = nn.BatchNorm2d(_CHANNELS[1])
        layers["relu2"] = nn.ReLU()
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(_CHANNELS[1] * prod(size), hidden, bias=bias)
        if batch_norm:
            layers["bn3"] = nn.BatchNorm1d(hidden)
        layers["relu3"] = nn.ReLU()
        layers["out"] = nn.Linear(hidden, classes)
        return nn.Sequential(layers)

    return built(make, generator)
