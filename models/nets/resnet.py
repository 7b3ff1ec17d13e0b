"""ResNet-18 for small and large images."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.nets.initial import built
from models.nets.shapes import check_classes, image

Stem = Literal["3x3", "7x7"]

_STAGES = ((1, 1), (2, 2), (4, 2), (8, 2))
"""Channels in units of the width, and stride, of the stages; each has two blocks."""


class BasicBlock(nn.Module):
    """Two convolutions 3x3 and a way around them (He et al., arXiv 1512.03385).

    Where channels or size change, the way around is a convolution 1x1.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride, batch_norm)
        self.relu = nn.ReLU()
        self.second = _convolution(outputs, outputs, 3, 1, batch_norm)
        around = stride != 1 or inputs != outputs
        self.shortcut = _convolution(inputs, outputs, 1, stride, batch_norm) if around else nn.Identity()
        self.end = nn.ReLU()

    def forward(self, values: Tensor) -> Tensor:
        """Shape (samples, outputs, height / stride, width / stride)."""
        result: Tensor = self.end(self.second(self.relu(self.first(values))) + self.shortcut(values))
        return result


def resnet18(
    generator: torch.Generator,
    *,
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    batch_norm: bool = True,
    width: int = 64,
    stem: Stem = "3x3",
) -> nn.Sequential:
    """Stem, max-pool, four stages of two blocks, global average pool, FC (He et al., arXiv 1512.03385).

    The published robustness studies have no injection point after its batch norms
    (:data:`models.noise.NOT_AFTER_BATCH_NORM`).

    Args:
        generator: of the initial weights.
        shape: of one sample: channels, height, width.
        classes: outputs.
        batch_norm: whether it follows every convolution, which has no bias then.
        width: channels of the first stage, 64 in the publication.
        stem: ``3x3`` with stride 1, for images below 224 x 224, or ``7x7`` with stride 2, as published.

    Raises:
        BadInput: a stem that is neither, or sizes below 1.
    """
    check_classes(classes)
    channels, _ = image(shape, "ResNet-18")
    if width < 1:
        raise BadInput(f"ResNet-18 needs a width of at least one channel, not {width}")
    if stem not in ("3x3", "7x7"):
        raise BadInput(f"ResNet-18 has the stems '3x3' and '7x7', not {stem!r}")
    kernel, stride = (3, 1) if stem == "3x3" else (7, 2)

    def make() -> nn.Sequential:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["stem"] = _convolution(channels, width, kernel, stride, batch_norm)
        layers["relu"] = nn.ReLU()
        layers["pool"] = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = width
        for index, (factor, step) in enumerate(_STAGES, start=1):
            outputs = factor * width
            layers[f"stage{index}"] = nn.Sequential(
                BasicBlock(inputs, outputs, step, batch_norm), BasicBlock(outputs, outputs, 1, batch_norm)
            )
            inputs = outputs
        layers["mean"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["out"] = nn.Linear(inputs, classes)
        return nn.Sequential(layers)

    return built(make, generator)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, batch_norm: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not batch_norm)
    if batch_norm:
        layers["bn"] = nn.BatchNorm2d(outputs)
    return nn.Sequential(layers)
