"""Which operations of a network get an injection point, and what the points are called."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


class Op(StrEnum):
    """Kinds of operation; points are called after them, counted from 1 in the order of the computation."""

    INPUT = "input"
    CONV = "conv"
    FC = "fc"
    BATCH_NORM = "bn"
    NORM = "norm"
    """Normalisation within a sample: layers, groups, instances."""
    RELU = "relu"
    ACTIVATION = "act"
    """Any other non-linearity."""
    POOL = "pool"
    """Max, average or global pooling."""
    OUT = "out"
    """The last fully connected layer."""


EVERY_OP: Final = frozenset(Op)
"""As in "Walking Noise" (arXiv 2212.10430): a point after every operation."""
NOT_AFTER_BATCH_NORM: Final = EVERY_OP - {Op.BATCH_NORM}
"""As for residual networks in "Variance-Aware Noisy Training" (arXiv 2503.16183)."""


@dataclass(frozen=True)
class Point:
    """A place where noise can be injected.

    Attributes:
        name: ``input``, ``conv1``, ``bn1``, ``relu1``, ``pool1``, ``fc1``, ..., ``out``.
        op: the operation before it.
        shape: of the activation of one sample.
        source: the module or function before it, as the network calls it.
    """

    name: str
    op: Op
    shape: tuple[int, ...]
    source: str


_MODULES: Final[tuple[tuple[Any, Op], ...]] = (
    (_ConvNd, Op.CONV),
    (nn.Linear, Op.FC),
    (nn.Bilinear, Op.FC),
    (_BatchNorm, Op.BATCH_NORM),
    (nn.modules.instancenorm._InstanceNorm, Op.NORM),
    ((nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm), Op.NORM),
    ((nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU), Op.RELU),
    ((nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.GELU, nn.SiLU, nn.ELU), Op.ACTIVATION),
    ((nn.SELU, nn.CELU, nn.Mish, nn.Softplus, nn.Softsign), Op.ACTIVATION),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), Op.POOL),
    ((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), Op.POOL),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), Op.POOL),
)

_NAMED: Final[dict[str, Op]] = {
    "conv1d": Op.CONV,
    "conv2d": Op.CONV,
    "conv3d": Op.CONV,
    "linear": Op.FC,
    "matmul": Op.FC,
    "mm": Op.FC,
    "batch_norm": Op.BATCH_NORM,
    "layer_norm": Op.NORM,
    "group_norm": Op.NORM,
    "instance_norm": Op.NORM,
    "relu": Op.RELU,
    "relu_": Op.RELU,
    "relu6": Op.RELU,
    "leaky_relu": Op.RELU,
    "tanh": Op.ACTIVATION,
    "sigmoid": Op.ACTIVATION,
    "hardtanh": Op.ACTIVATION,
    "gelu": Op.ACTIVATION,
    "silu": Op.ACTIVATION,
    "elu": Op.ACTIVATION,
    "softplus": Op.ACTIVATION,
    "max_pool1d": Op.POOL,
    "max_pool2d": Op.POOL,
    "avg_pool1d": Op.POOL,
    "avg_pool2d": Op.POOL,
    "adaptive_avg_pool1d": Op.POOL,
    "adaptive_avg_pool2d": Op.POOL,
    "adaptive_max_pool2d": Op.POOL,
}

_FUNCTIONS: Final[dict[Any, Op]] = {
    getattr(home, name): op for name, op in _NAMED.items() for home in (functional, torch) if hasattr(home, name)
} | {operator.matmul: Op.FC}


def op_of_module(module: nn.Module, more: Mapping[type[nn.Module], Op]) -> Op | None:
    """The operation that a module is, None for one without a point (flatten, dropout) or made of others.

    A class that is not torch's own may say what it is by an attribute ``operation``, a value of :class:`Op`.

    Args:
        module: any.
        more: operations by class, which come first.
    """
    for kind, op in more.items():
        if isinstance(module, kind):
            return op
    declared = getattr(type(module), "operation", None)
    if isinstance(declared, str) and declared in list(Op):
        return Op(declared)
    for kind, op in _MODULES:
        if isinstance(module, kind):
            return op
    return None


def op_of_call(target: Any) -> Op | None:
    """The operation that a function, or a method of a tensor by name, is; None for one without a point."""
    return _NAMED.get(target) if isinstance(target, str) else _FUNCTIONS.get(target)


def name_points(ops: Sequence[Op], wanted: Collection[Op]) -> list[tuple[Op, str | None]]:
    """Operations and names of the points after a sequence of them; the name is None where none is wanted.

    Names count all operations of a kind, so that a point is called the same whichever others there are.
    """
    last = max((i for i, op in enumerate(ops) if op is Op.FC), default=None)
    counts: dict[Op, int] = {}
    named: list[tuple[Op, str | None]] = []
    for index, op in enumerate(ops):
        op = Op.OUT if index == last else op
        counts[op] = counts.get(op, 0) + 1
        plain = op in (Op.INPUT, Op.OUT) and counts[op] == 1
        named.append((op, (str(op) if plain else f"{op}{counts[op]}") if op in wanted else None))
    return named
