"""Weights kept within limits while a network learns, so that it cannot outgrow additive noise."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from data.errors import BadInput


def clampable(net: nn.Module) -> tuple[str, ...]:
    """Names, as in ``named_parameters``, of the weights of all layers but batch norm; biases are free.

    This is the clamped arm of "Walking Noise" (Borras et al., arXiv 2212.10430).
    """
    free = {name for name, module in net.named_modules() if isinstance(module, _BatchNorm)}
    split = (name.rpartition(".") for name, _ in net.named_parameters())
    return tuple(f"{owner}{dot}{leaf}" for owner, dot, leaf in split if leaf == "weight" and owner not in free)


def clamp_weights(weights: Iterable[Tensor], limit: float = 1.0) -> None:
    """Bring weights that a training step moved beyond +-``limit`` back to it, in place.

    Args:
        weights: of any shapes; the parameters that :func:`clampable` names.
        limit: positive.

    Raises:
        BadInput: a limit that is not positive.
    """
    if not limit > 0:
        raise BadInput(f"weights cannot be clamped to +-{limit}; the limit must be positive")
    with torch.no_grad():
        for weight in weights:
            weight.clamp_(-limit, limit)
