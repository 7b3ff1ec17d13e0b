"""The networks of the robustness studies, as plain modules of torch with seeded initial weights.

Names load on first use, so that importing this package does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.nets.initial import initialise
    from models.nets.keyword_cnn import cnn_s
    from models.nets.lenet import lenet5
    from models.nets.perceptron import mlp
    from models.nets.registry import NETS, NetBuilder, net_named
    from models.nets.resnet import resnet18
    from models.nets.transfer import float_network
    from models.nets.vgg import vgg11

_HOMES = {
    "NETS": "registry",
    "NetBuilder": "registry",
    "cnn_s": "keyword_cnn",
    "float_network": "transfer",
    "initialise": "initial",
    "lenet5": "lenet",
    "mlp": "perceptron",
    "net_named": "registry",
    "resnet18": "resnet",
    "vgg11": "vgg",
}

__all__ = [
    "NETS",
    "NetBuilder",
    "cnn_s",
    "float_network",
    "initialise",
    "lenet5",
    "mlp",
    "net_named",
    "resnet18",
    "vgg11",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.nets.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
