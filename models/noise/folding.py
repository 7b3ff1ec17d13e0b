"""Batch norm as part of the product before it, as a board carries it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from data.errors import BadInput


def folding_factor(norm: _BatchNorm) -> Tensor:
    """What each output of the product before is multiplied by in evaluation, shape (outputs,).

    Raises:
        BadInput: it has no running statistics.
    """
    if norm.running_var is None or norm.running_mean is None:
        raise BadInput("a batch norm without running mean and variance cannot be folded into the layer before it")
    scale = torch.rsqrt(norm.running_var + norm.eps)
    return scale if norm.weight is None else scale * norm.weight.detach()
