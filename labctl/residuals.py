"""How far each chip model is from the board, layer by layer, and what the distance is made of.

Every layer gets the activations that the board itself computed, so that errors of earlier layers do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.processor import AnalogProcessor
from data.values import Activations, Schedule
from labctl.progress import Listener, silent
from labctl.statistics import ResidualSplit, order_spread, split_residual
from models.kernels import membrane
from models.network import IntegerNetwork, Layer, NetworkTrace
from models.parameters import ChipParameters

Floats = NDArray[np.float64]
ORDERED = "ordered"
"""The model that the others are held against where it is among those compared."""


@dataclass(frozen=True, slots=True)
class ProbeSize:
    """How much to measure for the residuals of one block.

    Attributes:
        utterances: how many, spread evenly over those given.
        repeats: of each vector in the working order.
        orders: other event orders, drawn at random.
        order_repeats: of each vector in each other order.
    """

    utterances: int = 40
    repeats: int = 6
    orders: int = 6
    order_repeats: int = 3


@dataclass(frozen=True)
class LayerResiduals:
    """Board against models for one layer, over all its blocks; in output codes.

    Attributes:
        layer: number from 1.
        measured: mean over repeats, shape (points, outputs); a point is one utterance in one block.
        predicted: expected output of each model, by name, shape (points, outputs).
        splits: parts of the residual for each model, by name.
        order_spread: spread of the mean output between event orders of the same vector, measured on the board.
        non_associativity: ``order_spread`` divided by the spread over repeats.
    """

    layer: int
    measured: Floats
    predicted: Mapping[str, Floats]
    splits: Mapping[str, ResidualSplit]
    order_spread: float
    non_associativity: float


def measure_residuals(
    network: IntegerNetwork,
    board: AnalogProcessor,
    models: Mapping[str, ChipParameters],
    activations: Activations,
    trace: NetworkTrace,
    size: ProbeSize,
    seed: int,
    listener: Listener = silent,
) -> tuple[LayerResiduals, ...]:
    """Measure some utterances again and again, in the working order and in others, and compare with the models."""
    pick = np.unique(np.linspace(0, len(activations) - 1, size.utterances).astype(int))
    draw = np.random.default_rng(seed)
    inputs = [activations[pick], *(layer.activations[pick] for layer in trace.layers[:-1])]
    found = []
    for index, (layer, codes) in enumerate(zip(network.layers, inputs, strict=True)):
        listener(index / len(network.layers), f"residuals of layer {index + 1} of {len(network.layers)}")
        found.append(_measure_layer(index + 1, layer, board, models, codes, size, draw))
    return tuple(found)


def _measure_layer(
    number: int,
    layer: Layer,
    board: AnalogProcessor,
    models: Mapping[str, ChipParameters],
    codes: Activations,
    size: ProbeSize,
    draw: np.random.Generator,
) -> LayerResiduals:
    geometry = board.geometry
    measured, shuffled = [], []
    predicted: dict[str, list[Floats]] = {name: [] for name in models}
    for block in range(layer.blocks):
        weights = layer.programme(block, geometry)
        vectors = layer.vectors(codes, block, geometry)
        board.program(weights)
        measured.append(_repeat(board, vectors, layer.schedule, size.repeats, layer.columns))
        orders = [layer.schedule.with_order(draw.permutation(geometry.rows)) for _ in range(size.orders)]
        tries = [_repeat(board, vectors, order, size.order_repeats, layer.columns) for order in orders]
        shuffled.append(np.stack(tries, axis=1))
        for name, parameters in models.items():
            chosen = parameters.select(layer.columns)
            predicted[name].append(expected_output(chosen, vectors, weights[:, layer.columns], layer.schedule))
    trials, orders_tried = np.concatenate(measured), np.concatenate(shuffled)
    expected = {name: np.concatenate(parts) for name, parts in predicted.items()}
    best = split_residual(trials, expected[ORDERED]) if ORDERED in expected else None
    splits = {
        name: best if best is not None and name == ORDERED else split_residual(trials, values, best)
        for name, values in expected.items()
    }
    spread = order_spread(orders_tried)
    noise = float(np.sqrt(np.var(trials, axis=1, ddof=1).mean()))
    return LayerResiduals(
        layer=number,
        measured=trials.mean(axis=1),
        predicted=expected,
        splits=splits,
        order_spread=spread,
        non_associativity=spread / noise if noise > 0 else float("inf"),
    )


def expected_output(
    parameters: ChipParameters, vectors: Activations, weights: NDArray[np.int8], schedule: Schedule
) -> Floats:
    """Mean output code of a model, shape (vectors, columns): rounding down costs half a code on average."""
    level = membrane(vectors, np.ascontiguousarray(weights), parameters, schedule) + parameters.offset - 0.5
    return np.clip(level, parameters.geometry.output_min, parameters.geometry.output_max)


def _repeat(
    board: AnalogProcessor, vectors: Activations, schedule: Schedule, repeats: int, columns: NDArray[np.intp]
) -> Floats:
    outputs = board.multiply(np.repeat(vectors, repeats, axis=0), schedule)[:, columns]
    return outputs.reshape(len(vectors), repeats, len(columns)).astype(np.float64)
