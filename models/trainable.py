"""A network in training: float weights in code units, computed by a chip model, straight-through only at rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.values import Activations
from models.chip_tensors import ChipTensors, floor_through, round_through, tensor
from models.kernels.coefficients import Coefficients
from models.network import IntegerNetwork, Layer
from models.parameters import ChipParameters


@dataclass(frozen=True)
class Array:
    """The chip model of the columns that carry one layer.

    Attributes:
        chip: its parameters.
        coefficients: those of the layer's schedule.
    """

    chip: ChipTensors
    coefficients: Coefficients

    @classmethod
    def of(cls, layer: Layer, chip: ChipParameters) -> Array:
        """The model of ``layer`` on ``chip``."""
        own = chip.select(layer.columns)
        return cls(ChipTensors.of(own), Coefficients.of(own, layer.schedule))

    def voltages(self, codes: Tensor, weights: Tensor, layer: Layer) -> Tensor:
        """Of every block, shape (batch, blocks, outputs), of whole ``codes`` (batch, inputs) and ``weights``."""
        rows = self.chip.geometry.rows
        charges = self.chip.input_charges(input_blocks(codes, layer.splits, rows))
        folded = weight_blocks(self.chip.folded_weights(weights), layer.splits, rows)
        return self.chip.voltages(charges, folded, layer.schedule, self.coefficients)

    def read_out(self, voltages: Tensor, strength: float | Tensor, chance: torch.Generator) -> Tensor:
        """Block outputs, rounded straight-through, with trial noise of ``strength`` times its measured size.

        ``strength`` is one for all, or one for each vector, shape (batch, 1, 1).
        """
        silent = not isinstance(strength, Tensor) and strength == 0
        return self.chip.read_out(
            voltages, None if silent else strength * torch.randn(voltages.shape, generator=chance)
        )


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
            weights=tuple(tensor(layer.weights).requires_grad_() for layer in network.layers),
            biases=tuple(tensor(layer.bias).requires_grad_() for layer in network.layers),
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


def input_blocks(codes: Tensor, splits: tuple[int, ...], rows: int) -> Tensor:
    """Inputs on the rows of their blocks, zeros on rows without use, (batch, inputs) to (batch, blocks, rows)."""
    parts = [codes[:, a:b] for a, b in pairwise(splits)]
    return torch.stack([functional.pad(part, (0, rows - part.shape[1])) for part in parts], dim=1)


def weight_blocks(weights: Tensor, splits: tuple[int, ...], rows: int) -> Tensor:
    """Weights on the rows of their blocks, (inputs, outputs) to (blocks, rows, outputs)."""
    parts = [weights[a:b] for a, b in pairwise(splits)]
    return torch.stack([functional.pad(part, (0, 0, 0, rows - part.shape[0])) for part in parts])
