"""Which layer of :mod:`models.batched.steps` computes a module or a function of a network."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from data.errors import BadInput
from models.batched.layers import Pair
from models.batched.steps import (
    Add,
    AveragePool,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    Foreign,
    Layer,
    Linear,
    MaxPool,
    Mean,
    Point,
    Relu,
)
from models.noise import dropout
from models.noise.point import NoisePoint

_ADDITIONS: Final = (operator.add, operator.iadd, torch.add)
_RECTIFIERS: Final = (torch.relu, functional.relu, "relu")


def layer_of_module(name: str, module: nn.Module) -> Layer:
    """How a module is computed for all members.

    Raises:
        BadInput: a module that remembers what it has seen, or draws, and is not known here.
    """
    known = _known(name, module) or _pool(module)
    if known is not None:
        return known
    if any(True for _ in module.buffers()) or isinstance(module, _DropoutNd | nn.RNNBase):
        raise BadInput(
            f"the layer {name} ({type(module).__name__}) remembers or draws while it computes; several networks that "
            "have one cannot be computed at once"
        )

    def call(own: dict[str, Tensor], *inputs: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(module, own, inputs)
        return result

    return Foreign(call, name, tuple(dict(module.named_parameters())))


def layer_of_call(node: fx.Node) -> Layer:
    """How a function, or a method of a tensor, is computed for all members."""
    tensors = node.all_input_nodes
    plain = len(node.args) == len(tensors) and not node.kwargs
    if node.target in _ADDITIONS and plain and len(tensors) == 2:
        return Add()
    if node.target in _RECTIFIERS and len(tensors) == 1:
        return Relu()
    if node.target in (torch.flatten, "flatten") and tuple(node.args[1:]) in ((1,), (1, -1)) and not node.kwargs:
        return Flatten()
    return Foreign(_calling(node))


def _calling(node: fx.Node) -> Callable[..., Tensor]:
    def call(_own: dict[str, Tensor], *inputs: Tensor) -> Tensor:
        given = dict(zip(node.all_input_nodes, inputs, strict=True))
        arguments: tuple[Any, ...] = fx.node.map_arg(node.args, given.__getitem__)
        options: dict[str, Any] = fx.node.map_arg(node.kwargs, given.__getitem__)
        target = node.target
        function: Any = getattr(arguments[0], target) if isinstance(target, str) else target
        result = function(*(arguments[1:] if isinstance(target, str) else arguments), **options)
        if not isinstance(result, Tensor):
            raise BadInput(
                f"the step {node.name} of the network gives no tensor; several of its kind can be computed at once "
                "where every step does (nn.Flatten does what view(x.size(0), -1) does)"
            )
        return result

    return call


def _known(name: str, module: nn.Module) -> Layer | None:
    if isinstance(module, NoisePoint):
        return Point(name.rpartition(".")[2], module.kind)
    if isinstance(module, nn.Linear):
        return Linear(name)
    if isinstance(module, nn.Conv2d):
        return _convolution(name, module)
    if isinstance(module, _BatchNorm):
        if module.momentum is None:
            raise BadInput(f"the layer {name} averages its statistics over all steps; give it a momentum")
        if not module.track_running_stats:
            raise BadInput(f"the layer {name} has no running statistics; networks judged together need them")
        return BatchNorm(name, module.eps, module.momentum)
    if isinstance(module, nn.ReLU):
        return Relu()
    if isinstance(module, dropout.Dropout):
        return Dropout(name)
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return Flatten()
    return None


def _convolution(name: str, module: nn.Conv2d) -> Layer | None:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        return None
    if module.groups != 1 or _pair(module.dilation) != (1, 1):
        return None
    return Convolution(name, _pair(module.stride), _pair(module.padding))


def _pool(module: nn.Module) -> Layer | None:
    if isinstance(module, nn.MaxPool2d):
        odd = _pair(module.dilation) != (1, 1) or module.ceil_mode or module.return_indices
        return None if odd else MaxPool(_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))
    if isinstance(module, nn.AvgPool2d):
        odd = _pair(module.padding) != (0, 0) or module.ceil_mode or module.divisor_override is not None
        return None if odd else AveragePool(_pair(module.kernel_size), _pair(module.stride))
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return Mean()
    return None


def _pair(size: Any) -> Pair:
    return (size[0], size[-1]) if isinstance(size, tuple) else (size, size)
