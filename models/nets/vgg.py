"""VGG11 for small images."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from data.errors import BadInput
from models.nets.initial import built
from models.nets.shapes import check_classes, image
from models.noise.dropout import Dropout

_STAGES = ((1,), (2,), (4, 4), (8, 8), (8, 8))
"""Channels of the convolutions before each pooling, in units of the width."""


def vgg11(
    generator: torch.Generator,
    *,
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    batch_norm: bool = False,
    width: int = 64,
    hidden: int = 4096,
    dropout: float = 0.5,
) -> nn.Sequential:
    """Eight convolutions 3x3, five max-pools and three fully connected layers (Simonyan and Zisserman, 2015, net A).

    Batch norm, where asked for, follows every convolution, which has no bias then. Dropout precedes ``fc2`` and
    ``out``; its masks are drawn with the noise (:class:`models.noise.dropout.Dropout`).

    Args:
        generator: of the initial weights.
        shape: of one sample: channels, height, width; any image of at least 32 x 32.
        classes: outputs.
        batch_norm: whether it is there.
        width: channels of the first convolution, 64 in the publication.
        hidden: outputs of the first two fully connected layers.
        dropout: share of their activations that is left out in training.

    Raises:
        BadInput: images of which nothing would be left, or sizes below 1.
    """
    check_classes(classes)
    channels, (high, wide) = image(shape, "VGG11")
    features = 8 * width * (high // 32) * (wide // 32)
    if features < 1 or hidden < 1:
        raise BadInput(
            f"VGG11 takes images of at least 32 x 32 and layers of at least one output, "
            f"not {high} x {wide}, width {width}, hidden {hidden}"
        )

    def make() -> nn.Sequential:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inputs, index = channels, 0
        for stage, factors in enumerate(_STAGES, start=1):
            for factor in factors:
                index, outputs = index + 1, factor * width
                layers[f"conv{index}"] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm)
                if batch_norm:
                    layers[f"bn{index}"] = nn.BatchNorm2d(outputs)
                layers[f"relu{index}"] = nn.ReLU()
                inputs = outputs
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
        layers["flatten"] = nn.Flatten()
        for part, inputs in enumerate((features, hidden), start=1):
            layers[f"fc{part}"] = nn.Linear(inputs, hidden)
            layers[f"relu{index + part}"] = nn.ReLU()
            layers[f"dropout{part}"] = Dropout(dropout, (hidden,))
        layers["out"] = nn.Linear(hidden, classes)
        return nn.Sequential(layers)

    return built(make, generator)
