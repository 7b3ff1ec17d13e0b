"""From the float network to integers: scales, biases and shifts chosen on training samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.values import Activations, Schedule
from models.chip import quantise
from models.floatnet import FloatNetwork
from models.kernels import membrane
from models.network import IntegerNetwork, Layer, activate, add_blocks, even_splits
from models.parameters import ChipParameters

WEIGHTS_IN_RANGE: Final = 0.999
"""Share of the weights that keep their value; larger ones are clipped."""
ACTIVATIONS_IN_RANGE: Final = 0.995
"""Share of a layer's rectified sums that the next activation range holds."""
VOLTAGES_IN_RANGE: Final = 0.999
"""Share of the block voltages that should stay clear of rails and ADC range."""
HEADROOM: Final = 0.9
"""How much of that range they may use."""


def to_integers(
    start: FloatNetwork,
    parameters: ChipParameters,
    schedule: Schedule,
    columns: NDArray[np.intp],
    activations: Activations,
    labels: tuple[str, ...],
) -> IntegerNetwork:
    """The integer network that comes closest to the float one on a chip, before any training.

    Weights use their range as far as rails and ADC allow; each bias takes up the mean difference of its output, fixed
    pattern included; shifts make the sums of ``activations`` fill the next layer's activation range.

    Args:
        start: the float network.
        parameters: the chip as the arm sees it.
        schedule: how every layer is sent.
        columns: columns in use, at least as many as the widest layer has outputs.
        activations: training utterances to choose by, shape (n, inputs).
        labels: names of the classes.

    Raises:
        BadInput: too few columns, or activations that do not fit.
    """
    widest = max(w.shape[1] for w in start.weights)
    if len(columns) < widest:
        raise BadInput(f"the network needs {widest} columns, but only {len(columns)} can be used")
    layers = []
    scale = 1.0
    codes = activations
    for weights, bias, target in zip(start.weights, start.biases, start.sums(activations), strict=True):
        place = columns[: weights.shape[1]]
        layer, scale = _convert(weights, bias, target, codes, parameters.select(place), schedule, place)
        layers.append(layer)
        codes = activate(_sums(codes, layer, parameters.select(place)), layer.shift, parameters.geometry.activation_max)
    network = IntegerNetwork(parameters.geometry, tuple(layers), 1 / scale, labels)
    network.check()
    return network


def _convert(
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    target: NDArray[np.float32],
    codes: Activations,
    parameters: ChipParameters,
    schedule: Schedule,
    columns: NDArray[np.intp],
) -> tuple[Layer, float]:
    """One layer, and how many output codes make one unit of its float sums."""
    geometry = parameters.geometry
    top = geometry.weight_max
    factor = top / max(float(np.quantile(np.abs(weights), WEIGHTS_IN_RANGE)), 1e-12)
    splits = even_splits(len(weights), geometry.rows)
    zero = np.zeros(weights.shape[1], np.int32)

    def layer_of(factor: float) -> Layer:
        integers = np.clip(np.rint(weights * factor), -top, top).astype(np.int8)
        return Layer(integers, zero, splits, columns, 0, schedule)

    reach = _reach(codes, layer_of(factor), parameters)
    layer = layer_of(factor * min(1.0, 1.0 / max(reach, 1e-12)))
    sums = _sums(codes, layer, parameters)
    plain = target - bias
    centred, given = plain - plain.mean(axis=0), sums - sums.mean(axis=0)
    scale = float(np.sum(centred * given) / max(float(np.sum(centred * centred)), 1e-12))
    if scale <= 0:
        raise BadInput("the chip's outputs do not follow the float network; its gain is too small for this schedule")
    digital = np.rint(target.mean(axis=0) * scale - sums.mean(axis=0)).astype(np.int32)
    largest = float(np.quantile(np.maximum(sums + digital, 0), ACTIVATIONS_IN_RANGE))
    shift = max(0, int(np.ceil(np.log2(max(largest, 1.0) / (geometry.activation_max + 1)))))
    return Layer(layer.weights, digital, splits, columns, shift, schedule), scale


def _voltages(codes: Activations, layer: Layer, parameters: ChipParameters) -> NDArray[np.float32]:
    """Of every block, shape (n, blocks, outputs); ``parameters`` hold the layer's own columns."""
    geometry = parameters.geometry
    here = Layer(layer.weights, layer.bias, layer.splits, np.arange(layer.outputs), layer.shift, layer.schedule)
    return np.stack(
        [
            membrane(here.vectors(codes, block, geometry), here.programme(block, geometry), parameters, layer.schedule)
            for block in range(layer.blocks)
        ],
        axis=1,
    )


def _sums(codes: Activations, layer: Layer, parameters: ChipParameters) -> NDArray[np.int32]:
    return add_blocks(quantise(_voltages(codes, layer, parameters) + parameters.offset, parameters.geometry), layer)


def _reach(codes: Activations, layer: Layer, parameters: ChipParameters) -> float:
    """How far the voltages go, as a multiple of what they may use of rails and ADC range."""
    geometry = parameters.geometry
    unbounded = np.full(geometry.columns, np.inf)
    free = replace(parameters, terms=parameters.terms - {"rails"}, rail_low=-unbounded, rail_high=unbounded)
    voltages = _voltages(codes, layer, free)
    low, high = usable_range(parameters)
    tail = (1 - VOLTAGES_IN_RANGE) / 2
    return float(max(np.quantile(voltages, 1 - tail) / high, np.quantile(voltages, tail) / low))


def usable_range(parameters: ChipParameters) -> tuple[float, float]:
    """Lowest and highest voltage, in output codes, that nine of ten columns can use with some room left."""
    geometry = parameters.geometry
    low = np.quantile(np.maximum(parameters.rail_low, geometry.output_min), 0.9)
    high = np.quantile(np.minimum(parameters.rail_high, geometry.output_max), 0.1)
    return HEADROOM * float(low), HEADROOM * float(high)
