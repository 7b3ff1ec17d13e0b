"""Layers of torch that compute as an analog processor board would: fully connected and convolutional."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.errors import BadInput
from data.values import Schedule
from models.chip_tensors import TENSORS, ChipTensors, check_learnable, round_through, tensor
from models.network import Layer, even_splits
from models.parameters import ChipParameters
from models.trainable import input_blocks, weight_blocks


class OrderedLinear(nn.Module):
    """A fully connected layer on an array: inputs cut into blocks, block outputs read by the ADC and summed digitally.

    Weights are in code units, shape (inputs, outputs). The layer holds the parameters of the columns that carry it, so
    its ``state_dict`` is complete, and nothing else: calling it changes nothing in it, and noise comes only from draws
    that the caller hands over. After a step of an optimiser call :meth:`clamp`: weights beyond the board's range are
    refused.

    Args:
        weights: in code units, shape (inputs, outputs).
        chip: the chip model, ordered or not.
        schedule: how the vectors are sent; its event order, where it has one, is over the rows of the array.
        bias: added to the sums, in output codes, shape (outputs,); None for no bias.
        splits: where the inputs are cut into blocks (:class:`models.network.Layer`); None cuts evenly.
        columns: the columns of ``chip`` that carry the outputs; None takes the first ones.
        codes: whether weights are rounded straight-through to the codes that a board takes and inputs are whole codes;
            else both may lie between codes, where the curves are straight lines.
        learn: names of chip parameters (:data:`models.chip_tensors.LEARNABLE`) that become parameters of the layer.

    Raises:
        BadInput: shapes, schedule or names that do not fit the chip.
    """

    operation: ClassVar[str] = "fc"
    """What it is to :func:`models.noise.inject`."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        weights: Tensor,
        chip: ChipParameters,
        schedule: Schedule,
        *,
        bias: Tensor | None = None,
        splits: Sequence[int] | None = None,
        columns: Sequence[int] | None = None,
        codes: bool = True,
        learn: Collection[str] = (),
    ) -> None:
        super().__init__()
        inputs, outputs = _matrix(weights)
        own = _columns(chip, columns, outputs)
        schedule.check(chip.geometry)
        check_learnable(learn, chip.ordered, chip.terms)
        if bias is not None and bias.shape != (outputs,):
            raise BadInput(f"the bias has shape {tuple(bias.shape)}; it must be ({outputs},)")
        self.splits = _splits(splits, inputs, chip.geometry.rows)
        self.schedule, self.codes = schedule, codes
        self.geometry, self.ordered, self.terms = own.geometry, own.ordered, own.terms
        self.weight = nn.Parameter(weights.detach().clone())
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias.detach().clone()))
        values = ChipTensors.of(own, weights.dtype)
        for name in TENSORS:
            if name in learn:
                self.register_parameter(name, nn.Parameter(getattr(values, name)))
            else:
                self.register_buffer(name, getattr(values, name))

    @classmethod
    def of(cls, layer: Layer, chip: ChipParameters, **options: Any) -> OrderedLinear:
        """A layer of an integer network, on its own columns; ``options`` as above."""
        return cls(
            tensor(layer.weights),
            chip,
            layer.schedule,
            bias=tensor(layer.bias),
            splits=layer.splits,
            columns=layer.columns.tolist(),
            **options,
        )

    @property
    def inputs(self) -> int:
        """Values that the layer takes."""
        return len(self.weight)

    @property
    def outputs(self) -> int:
        """Values that the layer gives."""
        return self.weight.shape[1]

    @property
    def blocks(self) -> int:
        """Array-sized pieces."""
        return len(self.splits) - 1

    def chip(self) -> ChipTensors:
        """The chip parameters as they are now, gradients included."""
        values = {name: getattr(self, name) for name in TENSORS}
        return ChipTensors(self.geometry, self.ordered, self.terms, **values)

    def draw(self, vectors: int, chance: torch.Generator) -> Tensor:
        """Draws of trial noise for so many vectors, shape (vectors, blocks, outputs), for :meth:`forward`."""
        shape = vectors, self.blocks, self.outputs
        return torch.randn(shape, generator=chance, dtype=self.weight.dtype, device=self.weight.device)

    def voltages(self, codes: Tensor, schedule: Schedule | None = None) -> Tensor:
        """Settled voltages of every block, in output codes, shape (vectors, blocks, outputs).

        Args:
            codes: activations, shape (vectors, inputs).
            schedule: in place of the layer's own, for another event order, say.

        Raises:
            BadInput: codes of another shape or outside the activation range, or a schedule that cannot be honoured.
        """
        if codes.ndim != 2 or codes.shape[1] != self.inputs:
            raise BadInput(f"the activations have shape {tuple(codes.shape)}; the layer takes (vectors, {self.inputs})")
        if schedule is not None:
            schedule.check(self.geometry)
        chip, rows = self.chip(), self.geometry.rows
        weights = round_through(self.weight) if self.codes else self.weight
        charges = chip.input_charges(input_blocks(codes, self.splits, rows), self.codes)
        folded = weight_blocks(chip.folded_weights(weights, self.codes), self.splits, rows)
        return chip.voltages(charges, folded, self.schedule if schedule is None else schedule)

    def forward(self, codes: Tensor, noise: Tensor | None = None, schedule: Schedule | None = None) -> Tensor:
        """Sums of the block outputs, bias included, shape (vectors, outputs).

        Args:
            codes: activations, shape (vectors, inputs).
            noise: draws of :meth:`draw`; without them the layer is noiseless.
            schedule: in place of the layer's own.
        """
        sums = self.chip().read_out(self.voltages(codes, schedule), noise).sum(dim=1)
        return sums if self.bias is None else sums + self.bias

    def clamp(self) -> None:
        """Bring weights that a training step moved out of the board's range back to its edge."""
        top = self.geometry.weight_max
        with torch.no_grad():
            self.weight.clamp_(-top, top)

    def extra_repr(self) -> str:
        """Shape, blocks and terms, for ``print``."""
        kind = "+".join(sorted(self.terms)) or "no terms"
        return f"{self.inputs}, {self.outputs}, blocks={self.blocks}, {kind if self.ordered else 'unordered'}"


class OrderedConv2d(nn.Module):
    """A two-dimensional convolution on an array: every position of the kernel is one vector.

    Rows send in the sequence channel, line, column of the kernel's window, cut into blocks of the array.

    Args:
        weights: in code units, shape (outputs, channels, height, width) as in :class:`torch.nn.Conv2d`.
        chip: the chip model.
        schedule: how the vectors are sent.
        stride: as in :class:`torch.nn.Conv2d`.
        padding: as in :class:`torch.nn.Conv2d`; padding is zero activations.
        dilation: as in :class:`torch.nn.Conv2d`.
        options: of :class:`OrderedLinear`.

    Raises:
        BadInput: weights, schedule or options that do not fit the chip.
    """

    operation: ClassVar[str] = "conv"
    """What it is to :func:`models.noise.inject`."""

    def __init__(
        self,
        weights: Tensor,
        chip: ChipParameters,
        schedule: Schedule,
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        if weights.ndim != 4:
            raise BadInput(
                f"the weights have shape {tuple(weights.shape)}; a convolution takes (outputs, channels, height, width)"
            )
        self.channels, self.kernel = weights.shape[1], (weights.shape[2], weights.shape[3])
        self.stride, self.padding, self.dilation = _pair(stride), _pair(padding), _pair(dilation)
        self.product = OrderedLinear(weights.detach().flatten(1).T.contiguous(), chip, schedule, **options)

    def places(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the result for an image of ``height`` and ``width``.

        Raises:
            BadInput: the kernel is larger than the padded image.
        """
        sizes = []
        for size, kernel, stride, padding, dilation in zip(
            (height, width), self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            sizes.append((size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)
        if min(sizes) < 1:
            raise BadInput(f"an image of {height} x {width} is smaller than the kernel of this layer")
        return sizes[0], sizes[1]

    def forward(self, images: Tensor, noise: Tensor | None = None, schedule: Schedule | None = None) -> Tensor:
        """Sums of the block outputs, bias included, shape (images, outputs, height, width).

        Args:
            images: activations, shape (images, channels, height, width).
            noise: draws of ``layer.product.draw(images * height * width of the result, ...)``.
            schedule: in place of the layer's own.

        Raises:
            BadInput: images of another shape, or codes outside the activation range.
        """
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise BadInput(
                f"the images have shape {tuple(images.shape)}; the layer takes (images, {self.channels}, height, width)"
            )
        height, width = self.places(images.shape[2], images.shape[3])
        columns = functional.unfold(images, self.kernel, self.dilation, self.padding, self.stride)
        vectors = columns.transpose(1, 2).reshape(-1, columns.shape[1])
        sums: Tensor = self.product(vectors, noise, schedule)
        return sums.reshape(len(images), height, width, -1).permute(0, 3, 1, 2)


def _matrix(weights: Tensor) -> tuple[int, int]:
    if weights.ndim != 2 or 0 in weights.shape or weights.dtype not in (torch.float32, torch.float64):
        raise BadInput(
            f"the weights are {weights.dtype} of shape {tuple(weights.shape)}; "
            "they must be float32 or float64, of shape (inputs, outputs)"
        )
    return weights.shape[0], weights.shape[1]


def _columns(chip: ChipParameters, columns: Sequence[int] | None, outputs: int) -> ChipParameters:
    listed = list(range(outputs)) if columns is None else [int(column) for column in columns]
    if len(set(listed)) != outputs or len(listed) != outputs or not set(listed) <= set(range(chip.geometry.columns)):
        raise BadInput(f"{outputs} outputs need so many different columns of the {chip.geometry.columns} of the array")
    return chip.select(torch.tensor(listed).numpy())


def _splits(splits: Sequence[int] | None, inputs: int, rows: int) -> tuple[int, ...]:
    if splits is None:
        return even_splits(inputs, rows)
    sizes = [b - a for a, b in pairwise(splits)]
    if len(splits) < 2 or splits[0] != 0 or splits[-1] != inputs or min(sizes) < 1 or max(sizes) > rows:
        raise BadInput(f"the splits {list(splits)} must cut {inputs} inputs into blocks of 1 to {rows} rows")
    return tuple(splits)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
