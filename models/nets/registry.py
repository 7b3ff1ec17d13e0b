"""The networks by name, for plans and command lines."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

import torch
from torch import nn

from data.errors import BadInput
from models.nets.keyword_cnn import cnn_s
from models.nets.lenet import lenet5
from models.nets.perceptron import mlp
from models.nets.resnet import resnet18
from models.nets.vgg import vgg11


class NetBuilder(Protocol):
    """Makes a network with seeded initial weights; every builder has further options with defaults."""

    def __call__(
        self,
        generator: torch.Generator,
        *,
        shape: tuple[int, ...] = ...,
        classes: int = ...,
        batch_norm: bool = ...,
    ) -> nn.Module:
        """A network of samples of ``shape``, on the device of the generator."""
        ...


NETS: Final[Mapping[str, NetBuilder]] = MappingProxyType(
    {"mlp": mlp, "lenet5": lenet5, "cnn-s": cnn_s, "vgg11": vgg11, "resnet18": resnet18}
)


def net_named(name: str) -> NetBuilder:
    """The builder of a network.

    Raises:
        BadInput: no network has that name.
    """
    if name not in NETS:
        raise BadInput(f"there is no network called {name!r}; there are {', '.join(NETS)}")
    return NETS[name]
