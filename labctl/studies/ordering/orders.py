"""Event orders of a network, one for each block, and a run of the network in them.

The rows that a block does not use come last in every order: their activations are zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.processor import AnalogProcessor
from data.values import Activations
from labctl.studies.ordering.names import ASCENDING, DESCENDING
from models.network import IntegerNetwork, Layer, activate, add_blocks, check_fit

Order = NDArray[np.intp]
"""All rows of the array in the order in which they send, shape (rows,)."""
BlockOrders = tuple[tuple[Order, ...], ...]
"""One order for each block of each layer."""


def _ascending(weights: NDArray[np.float64]) -> Order:
    return np.arange(len(weights))


def _descending(weights: NDArray[np.float64]) -> Order:
    return np.arange(len(weights))[::-1]


def _by_weight(weights: NDArray[np.float64]) -> Order:
    return np.argsort(weights.sum(axis=1), kind="stable")


def _by_strength(weights: NDArray[np.float64]) -> Order:
    return np.argsort(np.abs(weights).sum(axis=1), kind="stable")


def _interleaved(weights: NDArray[np.float64]) -> Order:
    """Rows of positive and negative sum by turns, the largest of each sign last."""
    total = weights.sum(axis=1)
    by_size = np.argsort(np.abs(total), kind="stable")
    positive, negative = by_size[total[by_size] >= 0], by_size[total[by_size] < 0]
    # The places of each sign, spread evenly over the sequence whatever the numbers of the two.
    at = np.concatenate([(np.arange(len(part)) + 0.5) / max(len(part), 1) for part in (positive, negative)])
    return np.concatenate([positive, negative])[np.argsort(at, kind="stable")]


RULES: dict[str, Callable[[NDArray[np.float64]], Order]] = {
    ASCENDING: _ascending,
    DESCENDING: _descending,
    "by weight": _by_weight,
    "by strength": _by_strength,
    "interleaved": _interleaved,
}
"""Orders that need no search. All columns share an order, so a row counts with the sum of its weights over columns:
``by weight`` from the most negative to the most positive sum, ``by strength`` by the sum of the weights' sizes."""


FIXED: dict[str, Callable[[int], Order]] = {
    ASCENDING: np.arange,
    DESCENDING: lambda rows: np.arange(rows)[::-1],
}
"""Orders of so many rows that do not depend on weights: a network can be trained for them."""


def block_order(rule: str, layer: Layer, block: int, rows: int) -> Order:
    """The order that a rule gives one block, on an array of ``rows`` rows."""
    part = layer.weights[layer.splits[block] : layer.splits[block + 1]].astype(np.float64)
    return np.concatenate([RULES[rule](part), np.arange(len(part), rows)])


def ruled_orders(network: IntegerNetwork, rule: str) -> BlockOrders:
    """The orders that a rule gives all blocks of a network."""
    rows = network.geometry.rows
    return tuple(
        tuple(block_order(rule, layer, block, rows) for block in range(layer.blocks)) for layer in network.layers
    )


def decide(
    network: IntegerNetwork, processor: AnalogProcessor, activations: Activations, orders: BlockOrders
) -> NDArray[np.int64]:
    """Decisions, shape (utterances,), of a network whose blocks send in orders of their own.

    Raises:
        BadInput: the network does not fit the processor, or there is not one order for each block.
    """
    geometry = processor.geometry
    check_fit(network, geometry)
    if [len(item) for item in orders] != [layer.blocks for layer in network.layers]:
        raise BadInput("there must be one event order for each block of the network")
    sums = np.zeros((len(activations), 0), np.int32)
    for layer, own in zip(network.layers, orders, strict=True):
        outputs = np.empty((len(activations), layer.blocks, layer.outputs), np.int16)
        for block, order in enumerate(own):
            processor.program(layer.programme(block, geometry))
            vectors = layer.vectors(activations, block, geometry)
            outputs[:, block] = processor.multiply(vectors, layer.schedule.with_order(order))[:, layer.columns]
        sums = add_blocks(outputs, layer)
        activations = activate(sums, layer.shift, network.geometry.activation_max)
    decisions: NDArray[np.int64] = sums.argmax(axis=1).astype(np.int64)
    return decisions
