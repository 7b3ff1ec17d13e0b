"""The layers of many networks at once.

Activations of pictures have shape (members, height, channels, width, samples), those of vectors (members, values,
samples): the samples come last, so that every step over them is one run through memory, and so that weights multiply
from the left as they are stored.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]


def linear(inputs: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """Fully connected: (members, values, samples) with (members, outputs, values) and (members, outputs)."""
    if bias is None:
        return torch.bmm(weights, inputs)
    return torch.baddbmm(bias[:, :, None], weights, inputs)


def flatten(inputs: Tensor) -> Tensor:
    """Vectors, in the order that one network's flatten gives: channels, height, width."""
    return inputs if inputs.ndim == 3 else inputs.transpose(1, 2).flatten(1, 3)


def shifts(inputs: Tensor, kernel: Pair, stride: Pair) -> list[Tensor]:
    """For each place of the kernel the inputs there, (members, rows, channels, columns, samples); no copy."""
    rows, columns = ((size - k) // s + 1 for size, k, s in zip(inputs.shape[1:4:2], kernel, stride, strict=True))
    return [
        inputs[:, i : i + (rows - 1) * stride[0] + 1 : stride[0], :, j : j + (columns - 1) * stride[1] + 1 : stride[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]


def average_pool(inputs: Tensor, kernel: Pair, stride: Pair) -> Tensor:
    """Mean over every place of the kernel."""
    first, *others = shifts(inputs, kernel, stride)
    total = first.clone()
    for other in others:
        total = total + other
    return total / (len(others) + 1)


def batch_norm(
    inputs: Tensor, factor: Tensor | None, offset: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation over the samples (and places) of each member's channels (Ioffe and Szegedy, 2015).

    Args:
        inputs: activations.
        factor: (members, channels) or None for 1.
        offset: (members, channels) or None for 0.
        eps: added to the variance.

    Returns:
        normalised activations; mean and biased variance, (members, channels), without gradient.
    """
    factor = inputs.new_ones(_channels(inputs)) if factor is None else factor
    offset = inputs.new_zeros(_channels(inputs)) if offset is None else offset
    normalised, mean, variance = _BatchNorm.apply(inputs, factor, offset, eps)  # type: ignore[no-untyped-call]
    return normalised, mean, variance


def running_norm(
    inputs: Tensor, mean: Tensor, variance: Tensor, factor: Tensor | None, offset: Tensor | None, eps: float
) -> Tensor:
    """Normalisation with given mean and variance, (members, channels) as all that follow."""
    scale = torch.rsqrt(variance + eps)
    scale = scale if factor is None else scale * factor
    shift = -mean * scale if offset is None else offset - mean * scale
    return _line(inputs, scale, shift)


def _axes(inputs: Tensor) -> tuple[int, ...]:
    """Those that a channel's statistics go over."""
    return (2,) if inputs.ndim == 3 else (1, 3, 4)


def _channels(inputs: Tensor) -> Pair:
    return len(inputs), inputs.shape[1 if inputs.ndim == 3 else 2]


def _over(values: Tensor, inputs: Tensor) -> Tensor:
    """(members, channels), made to broadcast over activations."""
    return values[:, :, None] if inputs.ndim == 3 else values[:, None, :, None, None]


def _line(inputs: Tensor, slope: Tensor, shift: Tensor) -> Tensor:
    """In two steps, as torch's addcmul is several times slower where both factors broadcast."""
    return (inputs * _over(slope, inputs)).add_(_over(shift, inputs))


class _BatchNorm(torch.autograd.Function):
    """Written out, as autograd through the formulas would go over the activations three times as often."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, factor: Tensor, offset: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        axes = _axes(inputs)
        # Two sums over what is centred: torch's var_mean is several times slower over axes that lie apart.
        mean = inputs.mean(axes)
        centred = inputs - _over(mean, inputs)
        variance = centred.mul_(centred).mean(axes)
        inverse = torch.rsqrt(variance + eps)
        scale = factor * inverse
        normalised = _line(inputs, scale, offset - mean * scale)
        ctx.save_for_backward(inputs, factor, mean, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return normalised, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top: Tensor, _mean: Tensor, _variance: Tensor) -> tuple[Tensor | None, ...]:
        inputs, factor, mean, inverse = ctx.saved_tensors
        axes = _axes(inputs)
        count = inputs.numel() // mean.numel()
        of_offset = top.sum(axes)
        of_factor = (inputs - _over(mean, inputs)).mul_(top).sum(axes) * inverse
        if not ctx.needs_input_grad[0]:
            return None, of_factor, of_offset, None
        scale = factor * inverse
        slope = -scale * inverse * of_factor / count
        shift = -scale * of_offset / count - slope * mean
        down = _line(inputs, slope, shift).add_(top * _over(scale, inputs))
        return down, of_factor, of_offset, None
