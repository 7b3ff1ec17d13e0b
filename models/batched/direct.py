"""Convolutions of many networks at once without matrices: compiled sums of shifted rows, for few channels on the CPU.

In the layout of :mod:`models.batched.layers` a row of outputs is the sum, over the places of the kernel, of a weight
times a row of inputs that begins somewhere else: long runs through memory without a copy. Products of matrices are
faster for each multiplication, but here none is wasted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

AT_ONCE = 5
"""Places of the kernel that share one way through a row."""
SUMS = {"contract", "reassoc", "nsz"}
"""Sums may be taken in another order, which vectors need; infinities and what is no number stay what they are."""


def convolve_directly(inputs: Tensor, weights: Tensor, bias: Tensor | None, down: int) -> Tensor:
    """Each member's convolution, with a step of 1 sideways and no padding; on the CPU.

    Args:
        inputs: (members, height, channels, width, samples).
        weights: (members, outputs, channels, kernel height, kernel width).
        bias: (members, outputs) or None.
        down: step downwards.

    Returns:
        (members, rows, outputs, columns, samples).
    """
    apply: Callable[..., Tensor] = _Direct.apply
    return apply(inputs, weights, bias, down)


class _Direct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor, bias: Tensor | None, down: int) -> Tensor:
        inputs = inputs.contiguous()
        members, height, channels, width, samples = inputs.shape
        outputs, kernel = weights.shape[1], (weights.shape[3], weights.shape[4])
        rows = (height - kernel[0]) // down + 1
        starts = row_starts(channels, kernel, width * samples, samples)
        spare = len(starts) - channels * kernel[0] * kernel[1]
        padded = functional.pad(weights.flatten(2), (0, spare))
        result = inputs.new_empty(members, rows, outputs, width - kernel[1] + 1, samples)
        offset = inputs.new_zeros(members, outputs) if bias is None else bias.contiguous()
        step = down * channels * width * samples
        _forward(flat_members(inputs), padded.numpy(), offset.numpy(), starts, step, _rows(result))
        ctx.save_for_backward(inputs, padded)
        ctx.starts, ctx.step, ctx.kernel, ctx.biased = starts, step, (channels, *kernel), bias is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top: Tensor) -> tuple[Tensor | None, ...]:
        inputs, padded = ctx.saved_tensors
        top = top.contiguous()
        of_weights = torch.zeros_like(padded)
        _weights(flat_members(inputs), _rows(top), ctx.starts, ctx.step, of_weights.numpy())
        of_inputs = None
        if ctx.needs_input_grad[0]:
            of_inputs = torch.zeros_like(inputs)
            _inputs(_rows(top), padded.numpy(), ctx.starts, ctx.step, flat_members(of_inputs))
        of_bias = top.sum((1, 3, 4)) if ctx.biased else None
        channels, high, wide = ctx.kernel
        used = of_weights[:, :, : channels * high * wide].reshape(*of_weights.shape[:2], channels, high, wide)
        return of_inputs, used, of_bias, None


def row_starts(channels: int, kernel: tuple[int, int], row: int, samples: int) -> Places:
    """Where the runs for each place of the kernel begin below the first output row, in the order of the weights.

    The last ones repeat the first until they fill whole groups; their weights are 0.
    """
    channel, i, j = np.meshgrid(np.arange(channels), np.arange(kernel[0]), np.arange(kernel[1]), indexing="ij")
    starts = ((i * channels + channel) * row + j * samples).ravel()
    spare = -len(starts) % AT_ONCE
    return np.concatenate([starts, np.repeat(starts[:1], spare)]).astype(np.int64)


def flat_members(values: Tensor) -> Floats:
    """(members, everything)."""
    made: Floats = values.detach().flatten(1).numpy()
    return made


def _rows(values: Tensor) -> Floats:
    """(members, rows, outputs, columns x samples)."""
    made: Floats = values.detach().flatten(3).numpy()
    return made


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _forward(inputs: Floats, weights: Floats, bias: Floats, starts: Places, step: int, result: Floats) -> None:
    for member in range(result.shape[0]):
        for row in range(result.shape[1]):
            values = inputs[member, row * step :]
            for output in range(result.shape[2]):
                to = result[member, row, output]
                to[:] = bias[member, output]
                for first in range(0, len(starts), AT_ONCE):
                    add_five(to, values, starts[first:], weights[member, output, first:])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def add_five(to: Floats, values: Floats, starts: Places, weights: Floats) -> None:
    """Add five shifted runs, each times its weight, to a row."""
    size = len(to)
    a, b, c = values[starts[0] :][:size], values[starts[1] :][:size], values[starts[2] :][:size]
    d, e = values[starts[3] :][:size], values[starts[4] :][:size]
    u, v, w, x, y = weights[0], weights[1], weights[2], weights[3], weights[4]
    for i in range(size):
        to[i] += u * a[i] + v * b[i] + w * c[i] + x * d[i] + y * e[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _weights(inputs: Floats, top: Floats, starts: Places, step: int, weights: Floats) -> None:
    for member in range(top.shape[0]):
        for row in range(top.shape[1]):
            values = inputs[member, row * step :]
            for output in range(top.shape[2]):
                slopes, to = top[member, row, output], weights[member, output]
                for first in range(0, len(starts), AT_ONCE):
                    u, v, w, x, y = five_products(slopes, values, starts[first:])
                    to[first] += u
                    to[first + 1] += v
                    to[first + 2] += w
                    to[first + 3] += x
                    to[first + 4] += y


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def five_products(slopes: Floats, values: Floats, starts: Places) -> tuple[Any, Any, Any, Any, Any]:
    """Sums of the slopes of a row times each of five shifted runs."""
    size = len(slopes)
    a, b, c = values[starts[0] :][:size], values[starts[1] :][:size], values[starts[2] :][:size]
    d, e = values[starts[3] :][:size], values[starts[4] :][:size]
    # Zeros of the type of the values: sums of single precision stay that.
    u = v = w = x = y = slopes.dtype.type(0)
    for i in range(size):
        slope = slopes[i]
        u += slope * a[i]
        v += slope * b[i]
        w += slope * c[i]
        x += slope * d[i]
        y += slope * e[i]
    return u, v, w, x, y


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _inputs(top: Floats, weights: Floats, starts: Places, step: int, inputs: Floats) -> None:
    for member in range(top.shape[0]):
        for row in range(top.shape[1]):
            values = inputs[member, row * step :]
            for place in range(len(starts)):
                to = values[starts[place] :][: top.shape[3]]
                for output in range(top.shape[2]):
                    add_one(to, top[member, row, output], weights[member, output, place])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def add_one(to: Floats, values: Floats, weight: np.floating[Any]) -> None:
    """Add a run times a weight."""
    for i in range(len(to)):
        to[i] += weight * values[i]
