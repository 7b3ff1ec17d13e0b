"""Convolutions of many networks at once, as products of matrices.

Activations have the layout of this room: (members, height, channels, width, samples). The rows of the picture that a
row of outputs looks at then lie behind each other as one matrix of inputs x samples, which takes no copy, and the
product is as fast as that of a fully connected layer. What remains to choose is how the weights are laid out:

- :class:`WholeRow` spreads them over a matrix that gives all outputs of a row from all inputs of its window at once (a
  block of a Toeplitz matrix). It multiplies by zeros, ``width / kernel`` times the work, and copies no activation:
  the way for small kernels of small pictures, whose plain product would be too thin to be fast.
- :class:`Positions` copies the window of every output position (im2col) and leaves the weights as they are: the way
  for many channels.

Where neither pays, for few channels of larger pictures, :mod:`models.batched.direct` does without matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.batched.direct import convolve_directly
from models.batched.pooled_convolution import convolve_and_pool
from models.batched.pooling import MOST_PLACES, max_pool

Pair = tuple[int, int]

_RATE = 40.0
"""Multiplications in the time of moving one float through a copy and a product that reads it again."""
_DIRECT_RATE = 18.0
"""The same without matrices."""
_THIN = 32
"""A product with fewer outputs than this is as slow as one with so many."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a convolution without padding.

    Attributes:
        channels: of the input.
        size: height and width of the input.
        outputs: channels of the output.
        kernel: height and width.
        stride: downwards and sideways.
    """

    channels: int
    size: Pair
    outputs: int
    kernel: Pair
    stride: Pair

    @property
    def rows(self) -> int:
        """Of outputs."""
        return (self.size[0] - self.kernel[0]) // self.stride[0] + 1

    @property
    def columns(self) -> int:
        """Of outputs."""
        return (self.size[1] - self.kernel[1]) // self.stride[1] + 1


class Way(Protocol):
    """How one row of outputs is a product of a matrix of weights and the window above it."""

    def matrix(self, weights: Tensor) -> Tensor:
        """From weights (members, outputs, channels, *kernel)."""
        ...

    def bias(self, bias: Tensor) -> Tensor:
        """From (members, outputs); broadcasts over the product."""
        ...

    def window(self, inputs: Tensor, row: int) -> Tensor:
        """What the output row is made of; its first two axes are members and columns of the matrix."""
        ...

    def give_back(self, gradients: Tensor, row: int, window: Tensor) -> None:
        """Add the gradients of a window to those of the inputs, in place."""
        ...

    def weights(self, matrix: Tensor) -> Tensor:
        """Gradients of the weights from those of the matrix."""
        ...


@dataclass(frozen=True)
class WholeRow:
    """All positions of a row at once."""

    shape: Shape

    def matrix(self, weights: Tensor) -> Tensor:
        """(members, outputs x columns, kernel height x channels x width)."""
        s = self.shape
        spread = weights.new_zeros(len(weights), s.outputs, s.columns, s.kernel[0], s.channels, s.size[1])
        self._diagonal(spread).copy_(weights.transpose(2, 3)[:, :, None])
        return spread.flatten(3).flatten(1, 2)

    def bias(self, bias: Tensor) -> Tensor:
        """(members, outputs x columns, 1)."""
        return bias.repeat_interleave(self.shape.columns, dim=1)[:, :, None]

    def window(self, inputs: Tensor, row: int) -> Tensor:
        """(members, kernel height x channels x width, samples); no copy."""
        return self._rows(inputs, row)

    def give_back(self, gradients: Tensor, row: int, window: Tensor) -> None:
        """Add them where the window was."""
        self._rows(gradients, row).add_(window)

    def weights(self, matrix: Tensor) -> Tensor:
        """Each weight's sum over all positions."""
        s = self.shape
        spread = matrix.view(len(matrix), s.outputs, s.columns, s.kernel[0], s.channels, s.size[1])
        return self._diagonal(spread).sum(2).transpose(2, 3)

    def _rows(self, inputs: Tensor, row: int) -> Tensor:
        first = row * self.shape.stride[0]
        return inputs[:, first : first + self.shape.kernel[0]].flatten(1, 3)

    def _diagonal(self, spread: Tensor) -> Tensor:
        """Where the weights stand: (members, outputs, columns, kernel height, channels, kernel width)."""
        s, steps = self.shape, list(spread.stride())
        steps[2] += s.stride[1] * steps[5]
        return spread.as_strided((*spread.shape[:5], s.kernel[1]), steps)


@dataclass(frozen=True)
class Positions:
    """One position after the other; all of a row in one product."""

    shape: Shape

    def matrix(self, weights: Tensor) -> Tensor:
        """(members, outputs, kernel height x channels x kernel width)."""
        return weights.transpose(2, 3).flatten(2)

    def bias(self, bias: Tensor) -> Tensor:
        """(members, outputs, 1)."""
        return bias[:, :, None]

    def window(self, inputs: Tensor, row: int) -> Tensor:
        """(members, kernel height x channels x kernel width, columns x samples); a copy unless the kernel is 1 wide."""
        return self._patches(inputs, row).flatten(4).flatten(1, 3)

    def give_back(self, gradients: Tensor, row: int, window: Tensor) -> None:
        """Add every patch where it was; patches overlap, so one column of the kernel after the other."""
        to = self._patches(gradients, row)
        patches = window.view(to.shape)
        for column in range(self.shape.kernel[1]):
            to[:, :, :, column].add_(patches[:, :, :, column])

    def weights(self, matrix: Tensor) -> Tensor:
        """In the order of the weights."""
        s = self.shape
        return matrix.view(len(matrix), s.outputs, s.kernel[0], s.channels, s.kernel[1]).transpose(2, 3)

    def _patches(self, inputs: Tensor, row: int) -> Tensor:
        """(members, kernel height, channels, kernel width, columns, samples), overlapping."""
        s, (down, across) = self.shape, self.shape.stride
        rows = inputs[:, row * down : row * down + s.kernel[0]]
        member, height, channel, width, sample = rows.stride()
        return rows.as_strided(
            (len(rows), s.kernel[0], s.channels, s.kernel[1], s.columns, rows.shape[-1]),
            (member, height, channel, width, across * width, sample),
            rows.storage_offset(),
        )


def way_for(shape: Shape, samples: int, *, direct: bool) -> Way | None:
    """The fastest by a count of the work, for one member; None for the one without matrices.

    Args:
        shape: of the convolution.
        samples: of a batch.
        direct: whether that one can be taken.
    """
    s = shape
    inputs, positions = s.channels * s.kernel[0], s.rows * s.columns * samples
    spread = s.outputs * s.columns * inputs * s.size[1]
    whole = spread * s.rows * samples / _RATE + 3 * spread
    patches = max(s.outputs, _THIN) * inputs * s.kernel[1] * positions / _RATE + inputs * s.kernel[1] * positions
    if direct and s.outputs * inputs * s.kernel[1] * positions / _DIRECT_RATE < min(whole, patches):
        return None
    return WholeRow(s) if whole <= patches else Positions(s)


def convolve(inputs: Tensor, weights: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """Each member's convolution of its own inputs with its own weights.

    Args:
        inputs: (members, height, channels, width, samples).
        weights: (members, outputs, channels, kernel height, kernel width).
        bias: (members, outputs) or None.
        stride: downwards and sideways.
        padding: zeros above and below, left and right.

    Returns:
        (members, rows, outputs, columns, samples).
    """
    inputs = padded(inputs, padding)
    shape = shape_of(inputs, weights, stride)
    way = way_for(shape, inputs.shape[-1], direct=inputs.device.type == "cpu" and stride[1] == 1)
    if way is None:
        return convolve_directly(inputs, weights, bias, stride[0])
    return convolved(inputs, weights, bias, way, shape)


def convolve_pool(
    inputs: Tensor, weights: Tensor, bias: Tensor | None, padding: Pair, kernel: Pair, *, rectified: bool
) -> Tensor:
    """A convolution with steps of 1 and the largest of windows that do not overlap.

    Args:
        inputs: (members, height, channels, width, samples).
        weights: (members, outputs, channels, kernel height, kernel width).
        bias: (members, outputs) or None.
        padding: zeros above and below, left and right of the inputs.
        kernel: height and width of the pool's windows.
        rectified: whether a rectifier comes between.

    Returns:
        (members, rows, outputs, columns, samples).
    """
    inputs = padded(inputs, padding)
    shape = shape_of(inputs, weights, (1, 1))
    can = inputs.device.type == "cpu" and kernel[0] * kernel[1] <= MOST_PLACES
    way = way_for(shape, inputs.shape[-1], direct=can)
    if way is None:
        return convolve_and_pool(inputs, weights, bias, kernel, rectified=rectified)
    made = convolved(inputs, weights, None, way, shape)
    return max_pool(made, kernel, kernel, bias=bias, rectified=rectified)


def padded(inputs: Tensor, padding: Pair) -> Tensor:
    """Pictures with zeros above and below, left and right."""
    if not any(padding):
        return inputs
    return functional.pad(inputs, (0, 0, padding[1], padding[1], 0, 0, padding[0], padding[0]))


def shape_of(inputs: Tensor, weights: Tensor, stride: Pair) -> Shape:
    """Sizes of the convolution of inputs that are padded already."""
    _, height, channels, width, _ = inputs.shape
    return Shape(channels, (height, width), weights.shape[1], (weights.shape[3], weights.shape[4]), stride)


def convolved(inputs: Tensor, weights: Tensor, bias: Tensor | None, way: Way, shape: Shape) -> Tensor:
    """:func:`convolve` in a given way, of inputs that are padded already."""
    apply: Callable[..., Tensor] = _Convolution.apply
    return apply(inputs, weights, bias, way, shape)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weights: Tensor, bias: Tensor | None, way: Way, shape: Shape) -> Tensor:
        inputs = inputs.contiguous()
        matrix = way.matrix(weights)
        outputs = inputs.new_empty(len(inputs), shape.rows, shape.outputs, shape.columns, inputs.shape[-1])
        offset = None if bias is None else way.bias(bias)
        for row in range(shape.rows):
            window = way.window(inputs, row)
            to = outputs[:, row].view(len(inputs), matrix.shape[1], window.shape[2])
            if offset is None:
                torch.bmm(matrix, window, out=to)
            else:
                torch.baddbmm(offset, matrix, window, out=to)
        ctx.save_for_backward(inputs, matrix)
        ctx.way, ctx.shape, ctx.biased = way, shape, bias is not None
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top: Tensor) -> tuple[Tensor | None, ...]:
        inputs, matrix = ctx.saved_tensors
        way, shape = ctx.way, ctx.shape
        top = top.contiguous()
        transposed = matrix.transpose(1, 2)
        gradients = torch.zeros_like(inputs) if ctx.needs_input_grad[0] else None
        summed: Tensor | None = None
        for row in range(shape.rows):
            window = way.window(inputs, row)
            part = top[:, row].view(len(top), matrix.shape[1], window.shape[2])
            across = window.transpose(1, 2)
            summed = torch.bmm(part, across) if summed is None else summed.baddbmm_(part, across)
            if gradients is not None:
                way.give_back(gradients, row, torch.bmm(transposed, part))
        of_weights = None if summed is None else way.weights(summed)
        of_bias = top.sum((1, 3, 4)) if ctx.biased else None
        return gradients, of_weights, of_bias, None, None
