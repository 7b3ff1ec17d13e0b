"""LeNet-5 as the robustness studies use it."""

from __future__ import annotations

from collections import OrderedDict
from math import prod

import torch
from torch import nn

from data.errors import BadInput
from models.nets.initial import built
from models.nets.shapes import after, check_classes, image


def lenet5(
    generator: torch.Generator,
    *,
    shape: tuple[int, ...] = (1, 28, 28),
    classes: int = 10,
    batch_norm: bool = False,
) -> nn.Sequential:
    """C6@5, ReLU, MP2, C16@5, ReLU, MP2, FC120, ReLU, FC84, ReLU, FC, without padding (LeCun et al., 1998).

    As in arXiv 2212.10430, batch norm, where asked for, comes before each ReLU; the layer before it has no bias. Any
    image of at least 16 x 16 will do; only the number of inputs of ``fc1`` changes: 256 for 28 x 28, 400 for 32 x 32,
    16 for 16 x 16.

    Args:
        generator: of the initial weights.
        shape: of one sample: channels, height, width.
        classes: outputs.
        batch_norm: whether it is there.

    Raises:
        BadInput: images of which nothing would be left, or fewer than 2 classes.
    """
    check_classes(classes)
    channels, size = image(shape, "LeNet-5")
    for kernel, stride in (((5, 5), (1, 1)), ((2, 2), (2, 2))) * 2:
        size = after(size, kernel, stride)
    if min(size) < 1:
        raise BadInput(f"LeNet-5 takes images of at least 16 x 16, not {shape[1]} x {shape[2]}; enlarge them")

    def make() -> nn.Sequential:
        layers: OrderedDict[str, nn.Module] = OrderedDict()

        def then(index: int, layer: nn.Module, norm: nn.Module) -> None:
            layers[f"{'conv' if index < 3 else 'fc'}{index if index < 3 else index - 2}"] = layer
            if batch_norm:
                layers[f"bn{index}"] = norm
            layers[f"relu{index}"] = nn.ReLU()

        bias = not batch_norm
        then(1, nn.Conv2d(channels, 6, 5, bias=bias), nn.BatchNorm2d(6))
        layers["pool1"] = nn.MaxPool2d(2)
        then(2, nn.Conv2d(6, 16, 5, bias=bias), nn.BatchNorm2d(16))
        layers["pool2"] = nn.MaxPool2d(2)
        layers["flatten"] = nn.Flatten()
        then(3, nn.Linear(16 * prod(size), 120, bias=bias), nn.BatchNorm1d(120))
        then(4, nn.Linear(120, 84, bias=bias), nn.BatchNorm1d(84))
        layers["out"] = nn.Linear(84, classes)
        return nn.Sequential(layers)

    return built(make, generator)
