"""A network in training: float weights in code units, computed by a chip model, straight-through only at rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from data.values import Activations
from models.kernels.coefficients import Coefficients
from models.network import IntegerNetwork, Layer
from models.ordered import ordered_multiply, unordered_multiply
from models.parameters import ChipParameters


@dataclass(frozen=True)
class Curve:
    """A measured curve over whole codes, with its slope as gradient."""

    values: Tensor
    slopes: Tensor
    lowest: int

    @classmethod
    def of(cls, values: NDArray[np.float64], lowest: int) -> Curve:
        """The curve of codes ``lowest``, ``lowest + 1``, ... ."""
        return cls(_float(values), _float(np.gradient(values)), lowest)

    def __call__(self, codes: Tensor) -> Tensor:
        """Values at whole codes, shape of ``codes``."""
        index = codes.detach().long() - self.lowest
        values = self.values[index]
        if not codes.requires_grad:
            return values
        return values + self.slopes[index] * (codes - codes.detach())


@dataclass(frozen=True)
class Array:
    """The chip model of the columns that carry one layer, as tensors."""

    parameters: ChipParameters
    coefficients: Coefficients
    inputs: Curve
    weights: Curve
    row_gain: Tensor
    asymmetry: Tensor
    gain: Tensor
    offset: Tensor
    noise: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, layer: Layer, chip: ChipParameters) -> Array:
        """The model of ``layer`` on ``chip``."""
        own = chip.select(layer.columns)
        return cls(
            parameters=own,
            coefficients=Coefficients.of(own, layer.schedule),
            inputs=Curve.of(own.activation_curve, 0),
            weights=Curve.of(own.weight_curve, -own.geometry.weight_max),
            row_gain=_float(own.row_gain),
            asymmetry=_float(own.asymmetry),
            gain=_float(own.gain),
            offset=_float(own.offset),
            noise=_float(own.noise),
            low=_float(own.rail_low),
            high=_float(own.rail_high),
        )

    def voltages(self, codes: Tensor, weights: Tensor, layer: Layer) -> Tensor:
        """Of every block, shape (batch, blocks, outputs), of whole ``codes`` (batch, inputs) and ``weights``."""
        rows = self.parameters.geometry.rows
        charges = self.inputs(input_blocks(codes, layer.splits, rows)) * self.row_gain
        folded = self.weights(weights) * (1 + self.asymmetry * weights.detach().sign()) * self.gain
        folded = weight_blocks(folded, layer.splits, rows)
        if self.parameters.ordered:
            return ordered_multiply(charges, folded, self.coefficients, layer.schedule)
        return unordered_multiply(charges, folded, self.low, self.high, layer.schedule)

    def read_out(self, voltages: Tensor, strength: float, chance: torch.Generator) -> Tensor:
        """Block outputs, rounded straight-through, with trial noise of ``strength`` times its measured size."""
        level = voltages + self.offset
        if strength > 0:
            level = level + strength * self.noise * torch.randn(level.shape, generator=chance)
        geometry = self.parameters.geometry
        return floor_through(level).clamp(geometry.output_min, geometry.output_max)


@dataclass(frozen=True)
class TrainableNetwork:
    """Weights and biases as floats in code units, and the chip models that compute with them.

    Attributes:
        template: the integer network it came from: blocks, columns, shifts, schedules.
        arrays: the chip model of each layer.
        weights: one tensor a layer, shape (inputs, outputs).
        biases: one tensor a layer, shape (outputs,).
        log_scale: logarithm of the logit scale.
    """

    template: IntegerNetwork
    arrays: tuple[Array, ...]
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    log_scale: Tensor

    @classmethod
    def of(cls, network: IntegerNetwork, chip: ChipParameters) -> TrainableNetwork:
        """A network to train further, computed by a model of ``chip``."""
        return cls(
            template=network,
            arrays=tuple(Array.of(layer, chip) for layer in network.layers),
            weights=tuple(_float(layer.weights).requires_grad_() for layer in network.layers),
            biases=tuple(_float(layer.bias).requires_grad_() for layer in network.layers),
            log_scale=torch.tensor(float(np.log(network.logit_scale))).requires_grad_(),
        )

    def logits(self, activations: Activations, read: Reader) -> Tensor:
        """Logits of a batch, shape (batch, classes); ``read`` makes block outputs of voltages."""
        top = self.template.geometry.activation_max
        codes = torch.from_numpy(activations.astype(np.float32))
        sums = codes
        for index, layer in enumerate(self.template.layers):
            weights = round_through(self.weights[index])
            voltages = self.arrays[index].voltages(codes, weights, layer)
            sums = read(index, codes, voltages).sum(dim=1) + round_through(self.biases[index])
            codes = floor_through(sums / 2**layer.shift).clamp(0, top)
        return sums * self.log_scale.exp()

    def clamp(self) -> None:
        """Bring weights that a training step moved out of range back to its edge."""
        top = self.template.geometry.weight_max
        with torch.no_grad():
            for weights in self.weights:
                weights.clamp_(-top, top)

    def layer(self, index: int) -> Layer:
        """One layer as it would be programmed now."""
        weights = self.weights[index].detach().round().numpy().astype(np.int8)
        bias = self.biases[index].detach().round().numpy().astype(np.int32)
        return replace(self.template.layers[index], weights=weights, bias=bias)

    def network(self) -> IntegerNetwork:
        """The integer network as it is now."""
        layers = tuple(self.layer(index) for index in range(len(self.weights)))
        return replace(self.template, layers=layers, logit_scale=float(self.log_scale.detach().exp()))


class Reader(Protocol):
    """Turns the voltages that a layer's model computed, shape (batch, blocks, outputs), into its block outputs."""

    def __call__(self, index: int, codes: Tensor, voltages: Tensor) -> Tensor:
        """Block outputs of layer ``index`` for whole ``codes`` (batch, inputs)."""
        ...


def round_through(values: Tensor) -> Tensor:
    """Rounded to the nearest whole number; the gradient passes as if it were not."""
    return values + (values.round() - values).detach()


def floor_through(values: Tensor) -> Tensor:
    """Rounded down; the gradient passes as if it were not."""
    return values + (values.floor() - values).detach()


def input_blocks(codes: Tensor, splits: tuple[int, ...], rows: int) -> Tensor:
    """Inputs on the rows of their blocks, zeros on rows without use, (batch, inputs) to (batch, blocks, rows)."""
    parts = [codes[:, a:b] for a, b in pairwise(splits)]
    return torch.stack([functional.pad(part, (0, rows - part.shape[1])) for part in parts], dim=1)


def weight_blocks(weights: Tensor, splits: tuple[int, ...], rows: int) -> Tensor:
    """Weights on the rows of their blocks, (inputs, outputs) to (blocks, rows, outputs)."""
    parts = [weights[a:b] for a, b in pairwise(splits)]
    return torch.stack([functional.pad(part, (0, 0, 0, rows - part.shape[0])) for part in parts])


def _float(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32).copy())
