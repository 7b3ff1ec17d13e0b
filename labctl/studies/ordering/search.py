"""A cheap search for event orders by which the ordered model of a board makes fewer mistakes, on training utterances.

First the best of the simple rules for the whole network, then the best rule block by block, then random changes
(two rows swapped, a stretch reversed or moved) that are kept when the loss falls. The loss never rises above that of
the ascending order, which is among the first candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.values import Activations
from labctl.studies.ordering.orders import RULES, BlockOrders, Order, block_order, ruled_orders
from models.chip import quantise
from models.kernels import membrane
from models.network import IntegerNetwork, activate, add_blocks
from models.parameters import ChipParameters
from models.samples import Samples


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        orders: the best orders.
        loss: mean cross-entropy with them, on the model, of the utterances searched by.
        ruled: the same for the orders that need no search, by rule.
        changes: random changes that were kept.
    """

    orders: BlockOrders
    loss: float
    ruled: Mapping[str, float]
    changes: int


@dataclass(frozen=True)
class _Pass:
    """One pass of all utterances: block outputs and the activations that went into each layer."""

    orders: BlockOrders
    outputs: tuple[NDArray[np.int16], ...]
    inputs: tuple[Activations, ...]
    loss: float


def search_orders(
    network: IntegerNetwork, parameters: ChipParameters, samples: Samples, *, tries: int, seed: int
) -> Found:
    """Search for orders; the same arguments give the same ones.

    Args:
        network: the network; its weights stay as they are.
        parameters: the ordered model of the board that it will run on.
        samples: training utterances.
        tries: random changes to try.
        seed: of the changes.
    """
    model = _Model(network, parameters, samples)
    passes = {rule: model.run(ruled_orders(network, rule)) for rule in RULES}
    best = min(passes.values(), key=lambda item: item.loss)
    rows = network.geometry.rows
    blocks = [(index, block) for index, layer in enumerate(network.layers) for block in range(layer.blocks)]
    for index, block in blocks:
        for rule in RULES:
            order = block_order(rule, network.layers[index], block, rows)
            best = min(best, model.change(best, index, block, order), key=lambda item: item.loss)
    draw = np.random.default_rng(seed)
    changes = 0
    for _ in range(tries):
        index, block = blocks[int(draw.integers(len(blocks)))]
        splits = network.layers[index].splits
        order = _changed(best.orders[index][block], splits[block + 1] - splits[block], draw)
        changed = model.change(best, index, block, order)
        if changed.loss < best.loss:
            best, changes = changed, changes + 1
    return Found(best.orders, best.loss, {rule: item.loss for rule, item in passes.items()}, changes)


def _changed(order: Order, used: int, draw: np.random.Generator) -> Order:
    """An order with one change among its first ``used`` rows."""
    new = order.copy()
    if used < 2:
        return new
    first, last = sorted(int(i) for i in draw.choice(used, 2, replace=False))
    kind = int(draw.integers(3))
    if kind == 0:
        new[[first, last]] = new[[last, first]]
    elif kind == 1:
        new[first : last + 1] = new[first : last + 1][::-1]
    else:
        new[first : last + 1] = np.roll(new[first : last + 1], int(draw.integers(1, last - first + 1)))
    return new


class _Model:
    """The network on the ordered model, without trial noise; only what a change touches is computed again."""

    def __init__(self, network: IntegerNetwork, parameters: ChipParameters, samples: Samples) -> None:
        self._network = network
        self._parameters = [parameters.select(layer.columns) for layer in network.layers]
        self._samples = samples

    def run(self, orders: BlockOrders) -> _Pass:
        """All layers."""
        return self._from(0, _Pass(orders, (), (self._samples.activations,), np.inf))

    def change(self, before: _Pass, index: int, block: int, order: Order) -> _Pass:
        """One block's order changed: that block, and the layers after its own."""
        own = before.orders[index]
        orders = (
            *before.orders[:index],
            (*own[:block], order, *own[block + 1 :]),
            *before.orders[index + 1 :],
        )
        outputs = before.outputs[index].copy()
        outputs[:, block] = self._block(index, block, before.inputs[index], order)
        done = replace(
            before,
            orders=orders,
            outputs=(*before.outputs[:index], outputs),
            inputs=(*before.inputs[: index + 1], self._activations(index, outputs)),
        )
        return self._from(index + 1, done)

    def _from(self, index: int, done: _Pass) -> _Pass:
        outputs, inputs = list(done.outputs), list(done.inputs)
        for number in range(index, len(self._network.layers)):
            parts = [self._block(number, b, inputs[number], order) for b, order in enumerate(done.orders[number])]
            outputs.append(np.stack(parts, axis=1))
            inputs.append(self._activations(number, outputs[number]))
        return _Pass(done.orders, tuple(outputs), tuple(inputs), self._loss(outputs[-1]))

    def _block(self, index: int, block: int, codes: Activations, order: Order) -> NDArray[np.int16]:
        layer, own, geometry = self._network.layers[index], self._parameters[index], self._network.geometry
        weights = np.ascontiguousarray(layer.programme(block, geometry)[:, layer.columns])
        voltages = membrane(layer.vectors(codes, block, geometry), weights, own, layer.schedule.with_order(order))
        return quantise(voltages + own.offset, geometry)

    def _activations(self, index: int, outputs: NDArray[np.int16]) -> Activations:
        layer = self._network.layers[index]
        return activate(add_blocks(outputs, layer), layer.shift, self._network.geometry.activation_max)

    def _loss(self, outputs: NDArray[np.int16]) -> float:
        """Mean cross-entropy of the last layer's block outputs."""
        logits = add_blocks(outputs, self._network.layers[-1]) * self._network.logit_scale
        logits = logits - logits.max(axis=1, keepdims=True)
        right = logits[np.arange(len(logits)), self._samples.labels]
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))
