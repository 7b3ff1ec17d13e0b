"""A network of integers that any analog processor can carry, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.processor import AnalogProcessor
from data.values import Activations, Geometry, Outputs, Schedule, Weights

Progress = Callable[[float, str], None]
"""Told the finished share, 0 to 1, and what is being done; may raise to stop the work."""

_BATCH = 1024
"""Utterances sent at a time: enough to keep a link busy, few enough to report progress."""


@dataclass(frozen=True)
class Layer:
    """One fully connected layer: analog products in blocks, everything after them digital.

    Attributes:
        weights: codes, shape (inputs, outputs), int8.
        bias: added to the sum of the block outputs, in output codes, shape (outputs,), int32.
        splits: where the inputs are cut into blocks: block ``b`` holds inputs ``splits[b]`` to ``splits[b + 1]``, on
            the array's rows from 0 up.
        columns: the array's column that carries each output, the same in every block, shape (outputs,).
        shift: the next layer's activations are the rectified sums divided by ``2 ** shift``.
        schedule: how the vectors are sent.
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    splits: tuple[int, ...]
    columns: NDArray[np.intp]
    shift: int
    schedule: Schedule

    @property
    def inputs(self) -> int:
        """Activations that the layer takes."""
        return len(self.weights)

    @property
    def outputs(self) -> int:
        """Sums that the layer gives."""
        return int(self.weights.shape[1])

    @property
    def blocks(self) -> int:
        """Array-sized pieces, each programmed on its own."""
        return len(self.splits) - 1

    def programme(self, block: int, geometry: Geometry) -> Weights:
        """Weights of one block as the array takes them, shape (rows, columns); cells without use hold 0."""
        part = self.weights[self.splits[block] : self.splits[block + 1]]
        weights = np.zeros((geometry.rows, geometry.columns), np.int8)
        weights[: len(part), self.columns] = part
        return weights

    def vectors(self, activations: Activations, block: int, geometry: Geometry) -> Activations:
        """Activations of one block as the array takes them, shape (vectors, rows)."""
        part = activations[:, self.splits[block] : self.splits[block + 1]]
        vectors = np.zeros((len(part), geometry.rows), np.uint8)
        vectors[:, : part.shape[1]] = part
        return vectors


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers of integers; an analog processor does their products, the rest is digital and exact.

    Attributes:
        geometry: the array for which the blocks were cut.
        layers: from input to output.
        logit_scale: logits are the last sums times this.
        labels: names of the classes.
        encoding: how features become activations, as plain arrays (``data.encoding``), so that a file holds all that
            is needed; may be empty.
    """

    geometry: Geometry
    layers: tuple[Layer, ...]
    logit_scale: float
    labels: tuple[str, ...]
    encoding: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """Activations that the network takes."""
        return self.layers[0].inputs

    def check(self) -> None:
        """Raise :class:`BadInput` if layers, geometry and labels do not fit together."""
        if not self.layers:
            raise BadInput("the network has no layers")
        for index, layer in enumerate(self.layers):
            _check_layer(layer, self.geometry, f"layer {index + 1} of the network")
        for index, (before, after) in enumerate(pairwise(self.layers)):
            if before.outputs != after.inputs:
                raise BadInput(
                    f"layer {index + 1} of the network gives {before.outputs} outputs, the next takes {after.inputs}"
                )
        if self.layers[-1].outputs != len(self.labels):
            raise BadInput(f"the network has {self.layers[-1].outputs} outputs for {len(self.labels)} labels")


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did to every utterance.

    Attributes:
        block_outputs: as read from the array, shape (utterances, blocks, outputs), int16.
        sums: over blocks, bias included, shape (utterances, outputs), int32.
        activations: what the next layer takes, shape (utterances, outputs), uint8; those of the last layer are unused.
    """

    block_outputs: NDArray[np.int16]
    sums: NDArray[np.int32]
    activations: Activations


@dataclass(frozen=True)
class NetworkTrace:
    """What a network did to every utterance.

    Attributes:
        layers: one trace a layer.
        logits: shape (utterances, classes), float32.
        decisions: index of the largest logit, shape (utterances,), int64.
    """

    layers: tuple[LayerTrace, ...]
    logits: NDArray[np.float32]
    decisions: NDArray[np.int64]

    def accuracy(self, labels: NDArray[np.integer]) -> float:
        """Share of the decisions that equal ``labels``."""
        return float(np.mean(self.decisions == labels))


def run(
    network: IntegerNetwork,
    processor: AnalogProcessor,
    activations: Activations,
    *,
    progress: Progress | None = None,
) -> NetworkTrace:
    """Run utterances through a network: every block is programmed once and all utterances are sent to it.

    The processor keeps the last block's weights.

    Args:
        network: the network.
        processor: a board, a chip model, or anything else that keeps the contract.
        activations: shape (utterances, inputs), uint8.
        progress: told after every batch.

    Raises:
        BadInput: the network does not fit the processor, or the activations do not fit the network.
    """
    check_fit(network, processor.geometry)
    if activations.ndim != 2 or activations.shape[1] != network.inputs:
        raise BadInput(
            f"the activations have shape {' x '.join(map(str, activations.shape))}; "
            f"the network takes utterances x {network.inputs}"
        )
    report = _Report(progress, sum(layer.blocks for layer in network.layers) * max(len(activations), 1))
    traces = []
    for index, layer in enumerate(network.layers):
        report.what = f"layer {index + 1} of {len(network.layers)}"
        outputs = np.empty((len(activations), layer.blocks, layer.outputs), np.int16)
        for block in range(layer.blocks):
            processor.program(layer.programme(block, processor.geometry))
            vectors = layer.vectors(activations, block, processor.geometry)
            outputs[:, block] = _multiply(processor, vectors, layer.schedule, report)[:, layer.columns]
        sums = add_blocks(outputs, layer)
        activations = activate(sums, layer.shift, network.geometry.activation_max)
        traces.append(LayerTrace(outputs, sums, activations))
    logits = (traces[-1].sums * network.logit_scale).astype(np.float32)
    return NetworkTrace(tuple(traces), logits, traces[-1].sums.argmax(axis=1).astype(np.int64))


def add_blocks(outputs: NDArray[np.int16], layer: Layer) -> NDArray[np.int32]:
    """Digital sums of block outputs, bias included, shape (vectors, outputs)."""
    sums: NDArray[np.int32] = outputs.sum(axis=1, dtype=np.int32) + layer.bias
    return sums


def activate(sums: NDArray[np.int32], shift: int, activation_max: int) -> Activations:
    """Converting rectifier: ``clamp(floor(relu(sum) / 2^shift), 0, activation_max)``."""
    codes: Activations = np.clip(np.maximum(sums, 0) >> shift, 0, activation_max).astype(np.uint8)
    return codes


def check_fit(network: IntegerNetwork, geometry: Geometry) -> None:
    """Raise :class:`BadInput` if an array of this geometry cannot carry the network."""
    network.check()
    made_for = network.geometry
    if geometry.rows < made_for.rows or geometry.columns < made_for.columns:
        raise BadInput(
            f"the network was cut for an array of {made_for.rows} x {made_for.columns}; "
            f"this one has {geometry.rows} x {geometry.columns}"
        )
    if (geometry.activation_max, geometry.weight_max) != (made_for.activation_max, made_for.weight_max):
        raise BadInput(
            f"the network needs activations to {made_for.activation_max} and weights to {made_for.weight_max}; "
            f"this array takes {geometry.activation_max} and {geometry.weight_max}"
        )


def even_splits(inputs: int, rows: int) -> tuple[int, ...]:
    """Cut inputs into as few blocks of at most ``rows`` as possible, of nearly equal size."""
    blocks = -(-inputs // rows)
    return tuple(inputs * block // blocks for block in range(blocks + 1))


def place(passing: NDArray[np.bool_], outputs: int) -> NDArray[np.intp]:
    """The first ``outputs`` columns that pass, shape (outputs,).

    Raises:
        BadInput: too few columns pass.
    """
    columns: NDArray[np.intp] = np.flatnonzero(passing)
    if len(columns) < outputs:
        raise BadInput(f"the network needs {outputs} columns, but only {len(columns)} of {len(passing)} pass")
    return columns[:outputs]


class _Report:
    """Counts utterances times blocks."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.what = ""
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, vectors: int) -> None:
        self._done += vectors
        if self._progress is not None:
            self._progress(self._done / self._total, self.what)


def _multiply(processor: AnalogProcessor, vectors: Activations, schedule: Schedule, report: _Report) -> Outputs:
    parts: list[Outputs] = []
    for start in range(0, max(len(vectors), 1), _BATCH):
        part = vectors[start : start + _BATCH]
        parts.append(processor.multiply(part, schedule))
        report.add(len(part))
    return np.concatenate(parts)


def _check_layer(layer: Layer, geometry: Geometry, name: str) -> None:
    splits, columns = layer.splits, layer.columns
    if layer.weights.ndim != 2 or layer.bias.shape != (layer.outputs,) or columns.shape != (layer.outputs,):
        raise BadInput(f"{name}: weights, bias and columns do not have the same number of outputs")
    if np.any(np.abs(layer.weights.astype(np.int16)) > geometry.weight_max):
        raise BadInput(f"{name} has weights outside +-{geometry.weight_max}")
    if len(np.unique(columns)) != len(columns) or np.any((columns < 0) | (columns >= geometry.columns)):
        raise BadInput(f"{name}: the outputs must lie on different columns below {geometry.columns}")
    sizes = np.diff(splits)
    whole = len(splits) > 1 and splits[0] == 0 and splits[-1] == layer.inputs
    if not whole or np.any(sizes < 1) or np.any(sizes > geometry.rows):
        raise BadInput(f"{name}: its blocks must cover {layer.inputs} inputs with at most {geometry.rows} rows each")
    if not 0 <= layer.shift <= 24:
        raise BadInput(f"{name} has a shift of {layer.shift}; it must be 0 to 24")
    layer.schedule.check(geometry)
