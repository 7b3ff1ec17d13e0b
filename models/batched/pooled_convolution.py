"""A convolution, its bias, a rectifier and a max-pool in one pass over the rows, on the CPU.

What the convolution gives is several times what is left of it after the pool. Here a few of its rows at a time are
made, pooled, and forgotten, and the way back makes the slopes of as many again: they never leave the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.batched.direct import (
    AT_ONCE,
    SUMS,
    Floats,
    Places,
    add_five,
    add_one,
    five_products,
    flat_members,
    row_starts,
)
from models.batched.layers import Pair
from models.batched.pooling import NOWHERE, bias_slopes, keep_larger, put

Marks = NDArray[Any]


def convolve_and_pool(inputs: Tensor, weights: Tensor, bias: Tensor | None, kernel: Pair, *, rectified: bool) -> Tensor:
    """A convolution with steps of 1 and without padding, and the largest of windows that do not overlap.

    Args:
        inputs: (members, height, channels, width, samples).
        weights: (members, outputs, channels, kernel height, kernel width).
        bias: (members, outputs) or None.
        kernel: height and width of the pool's windows, at most 255 places.
        rectified: whether a rectifier comes between.

    Returns:
        (members, rows, outputs, columns, samples).
    """
    apply: Callable[..., Tensor] = _PooledConvolution.apply
    offset = inputs.new_zeros(weights.shape[:2]) if bias is None else bias
    return apply(inputs, weights, offset, kernel, rectified)


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor, bias: Tensor, kernel: Pair, rectified: bool) -> Tensor:
        inputs = inputs.contiguous()
        members, height, channels, width, samples = inputs.shape
        outputs, high, wide = weights.shape[1], weights.shape[3], weights.shape[4]
        starts = row_starts(channels, (high, wide), width * samples, samples)
        padded = functional.pad(weights.flatten(2), (0, len(starts) - channels * high * wide))
        rows, columns = (height - high + 1) // kernel[0], (width - wide + 1) // kernel[1]
        pooled = inputs.new_empty(members, rows, outputs, columns, samples)
        places = torch.empty(pooled.shape, dtype=torch.uint8)
        some = inputs.new_empty(kernel[0], outputs, (width - wide + 1) * samples)
        step, offset = channels * width * samples, bias.detach().contiguous().numpy()
        work = (starts, step, kernel, rectified, some.numpy())
        _forward(flat_members(inputs), padded.numpy(), offset, *work, pooled.numpy(), places.numpy())
        ctx.save_for_backward(inputs, padded, places)
        ctx.starts, ctx.step, ctx.kernel, ctx.rectified = starts, step, kernel, rectified
        ctx.some, ctx.of = some.shape, (channels, high, wide)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top: Tensor) -> tuple[Tensor | None, ...]:
        inputs, padded, places = ctx.saved_tensors
        top = top.contiguous()
        # Columns that no window reaches have no slope.
        some, of_weights = top.new_zeros(ctx.some), torch.zeros_like(padded)
        wanted = ctx.needs_input_grad[0]
        of_inputs = torch.zeros_like(inputs) if wanted else inputs.new_zeros(len(inputs), 1)
        _backward(
            top.numpy(),
            places.numpy(),
            flat_members(inputs),
            padded.numpy(),
            ctx.starts,
            ctx.step,
            ctx.kernel,
            some.numpy(),
            of_weights.numpy(),
            wanted,
            flat_members(of_inputs),
        )
        channels, high, wide = ctx.of
        used = of_weights[:, :, : channels * high * wide].reshape(*of_weights.shape[:2], channels, high, wide)
        of_bias = bias_slopes(top, places, ctx.rectified) if ctx.needs_input_grad[2] else None
        return of_inputs if wanted else None, used, of_bias, None, None


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _forward(
    inputs: Floats,
    weights: Floats,
    bias: Floats,
    starts: Places,
    step: int,
    kernel: Pair,
    rectified: bool,
    some: Floats,
    pooled: Floats,
    places: Marks,
) -> None:
    samples = pooled.shape[4]
    for member in range(pooled.shape[0]):
        for row in range(pooled.shape[1]):
            for output in range(pooled.shape[2]):
                for i in range(kernel[0]):
                    values, to = inputs[member, (row * kernel[0] + i) * step :], some[i, output]
                    to[:] = 0
                    for first in range(0, len(starts), AT_ONCE):
                        add_five(to, values, starts[first:], weights[member, output, first:])
                for column in range(pooled.shape[3]):
                    best, place = pooled[member, row, output, column], places[member, row, output, column]
                    best[:] = 0 if rectified else -float("inf")
                    place[:] = NOWHERE if rectified else 0
                    for i in range(kernel[0]):
                        for j in range(kernel[1]):
                            begin = (column * kernel[1] + j) * samples
                            here = some[i, output, begin : begin + samples]
                            keep_larger(here, bias[member, output], i * kernel[1] + j, best, place)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _backward(
    top: Floats,
    places: Marks,
    inputs: Floats,
    weights: Floats,
    starts: Places,
    step: int,
    kernel: Pair,
    some: Floats,
    of_weights: Floats,
    wanted: bool,
    of_inputs: Floats,
) -> None:
    samples = top.shape[4]
    for member in range(top.shape[0]):
        for row in range(top.shape[1]):
            for output in range(top.shape[2]):
                for i in range(kernel[0]):
                    slopes, begin = some[i, output], (row * kernel[0] + i) * step
                    for column in range(top.shape[3]):
                        slope, place = top[member, row, output, column], places[member, row, output, column]
                        for j in range(kernel[1]):
                            at = (column * kernel[1] + j) * samples
                            put(slopes[at : at + samples], slope, place, i * kernel[1] + j)
                    to = of_weights[member, output]
                    for first in range(0, len(starts), AT_ONCE):
                        five = five_products(slopes, inputs[member, begin:], starts[first:])
                        for k in range(AT_ONCE):
                            to[first + k] += five[k]
                    if wanted:
                        for k in range(len(starts)):
                            back = of_inputs[member, begin + starts[k] :][: len(slopes)]
                            add_one(back, slopes, weights[member, output, k])
