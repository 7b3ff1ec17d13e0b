"""Max-pooling of many networks at once, with the rectifier before it where there is one.

On the CPU it is compiled: torch's own pooling takes longer than the convolution before it. Elsewhere it is put
together from torch's operations. The layout is that of :mod:`models.batched.layers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.batched.layers import Pair, shifts

NOWHERE = np.uint8(255)
"""Stands where the rectifier let nothing through."""
MOST_PLACES = 255
"""Of a window, so that each has a number."""
Floats = NDArray[np.floating[Any]]


def max_pool(
    inputs: Tensor,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    *,
    bias: Tensor | None = None,
    rectified: bool = False,
) -> Tensor:
    """Largest of every window; gradients go to the first place that has it.

    Args:
        inputs: (members, height, channels, width, samples).
        kernel: height and width of the window.
        stride: downwards and sideways.
        padding: rows and columns around the picture, which never are the largest.
        bias: (members, channels), added before; None for 0.
        rectified: whether a rectifier comes first (or after: that is the same).

    Returns:
        (members, rows, channels, columns, samples).
    """
    if any(padding):
        around = (0, 0, padding[1], padding[1], 0, 0, padding[0], padding[0])
        inputs = functional.pad(inputs, around, value=-float("inf"))
    if inputs.device.type == "cpu" and kernel[0] * kernel[1] <= MOST_PLACES:
        bias = inputs.new_zeros(len(inputs), inputs.shape[2]) if bias is None else bias
        pooled: Tensor = _MaxPool.apply(inputs, bias, kernel, stride, rectified)  # type: ignore[no-untyped-call]
        return pooled
    largest = torch.stack(shifts(inputs, kernel, stride)).max(0).values
    largest = largest if bias is None else largest + bias[:, None, :, None, None]
    return largest.relu() if rectified else largest


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, bias: Tensor, kernel: Pair, stride: Pair, rectified: bool) -> Tensor:
        inputs = inputs.contiguous()
        members, height, channels, width, samples = inputs.shape
        rows, columns = ((size - k) // s + 1 for size, k, s in zip((height, width), kernel, stride, strict=True))
        pooled = inputs.new_empty(members, rows, channels, columns, samples)
        places = torch.empty(pooled.shape, dtype=torch.uint8)
        offsets = bias.detach().contiguous().numpy()
        _pool(inputs.detach().numpy(), offsets, kernel, stride, rectified, pooled.numpy(), places.numpy())
        ctx.save_for_backward(places)
        ctx.kernel, ctx.stride, ctx.of, ctx.rectified = kernel, stride, inputs.shape, rectified
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        top = top.contiguous()
        of_bias = None
        if ctx.needs_input_grad[1]:
            of_bias = bias_slopes(top, places, ctx.rectified)
        _, height, _, width, _ = ctx.of
        apart = ctx.kernel == ctx.stride
        tiled = apart and height % ctx.kernel[0] == 0 and width % ctx.kernel[1] == 0
        gradients = top.new_empty(ctx.of) if tiled else top.new_zeros(ctx.of)
        _give_back(top.numpy(), places.numpy(), ctx.kernel, ctx.stride, apart, gradients.numpy())
        return gradients, of_bias, None, None, None


def bias_slopes(top: Tensor, places: Tensor, rectified: bool) -> Tensor:
    """Gradients of the bias of every channel, (members, channels), from those of what was pooled."""
    return (top * (places != int(NOWHERE)) if rectified else top).sum((1, 3, 4))


@njit(nogil=True, cache=True, error_model="numpy")
def _pool(
    inputs: Floats,
    bias: Floats,
    kernel: Pair,
    stride: Pair,
    rectified: bool,
    pooled: Floats,
    places: NDArray[np.uint8],
) -> None:
    for member in range(pooled.shape[0]):
        for row in range(pooled.shape[1]):
            for channel in range(pooled.shape[2]):
                for column in range(pooled.shape[3]):
                    best, place = pooled[member, row, channel, column], places[member, row, channel, column]
                    best[:] = 0 if rectified else -np.inf
                    place[:] = NOWHERE if rectified else 0
                    for i in range(kernel[0]):
                        for j in range(kernel[1]):
                            values = inputs[member, row * stride[0] + i, channel, column * stride[1] + j]
                            keep_larger(values, bias[member, channel], i * kernel[1] + j, best, place)


@njit(nogil=True, cache=True, error_model="numpy")
def keep_larger(values: Floats, bias: np.floating[Any], here: int, best: Floats, place: NDArray[np.uint8]) -> None:
    """Where a value, its bias added, is larger than the best so far, keep it and its place in the window."""
    mark = np.uint8(here)
    for sample in range(len(values)):
        value = values[sample] + bias
        # What is no number is kept, as torch does, and not hidden.
        larger = value > best[sample] or np.isnan(value)
        best[sample] = value if larger else best[sample]
        place[sample] = mark if larger else place[sample]


@njit(nogil=True, cache=True, error_model="numpy")
def _give_back(
    top: Floats, places: NDArray[np.uint8], kernel: Pair, stride: Pair, apart: bool, gradients: Floats
) -> None:
    for member in range(top.shape[0]):
        for row in range(top.shape[1]):
            for channel in range(top.shape[2]):
                for column in range(top.shape[3]):
                    slope, place = top[member, row, channel, column], places[member, row, channel, column]
                    for i in range(kernel[0]):
                        for j in range(kernel[1]):
                            to = gradients[member, row * stride[0] + i, channel, column * stride[1] + j]
                            here = i * kernel[1] + j
                            if apart:
                                put(to, slope, place, here)
                            else:
                                _add(to, slope, place, here)


@njit(nogil=True, cache=True, error_model="numpy")
def put(to: Floats, slope: Floats, place: NDArray[np.uint8], here: int) -> None:
    """Slopes of one place of the windows: 0 where another one was the largest."""
    mark = np.uint8(here)
    for sample in range(len(slope)):
        to[sample] = slope[sample] if place[sample] == mark else 0


@njit(nogil=True, cache=True, error_model="numpy")
def _add(to: Floats, slope: Floats, place: NDArray[np.uint8], here: int) -> None:
    mark = np.uint8(here)
    for sample in range(len(slope)):
        to[sample] += slope[sample] if place[sample] == mark else 0
