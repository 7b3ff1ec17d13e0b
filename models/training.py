"""Training of the four arms: one loop, in which only what reads the voltages differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import pi, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from data.errors import BadInput, Cancelled
from data.processor import AnalogProcessor
from data.values import Schedule
from models.arms import Arm, Epoch, TrainedNetwork, TrainingOptions
from models.chip import ChipModel
from models.conversion import to_integers
from models.floatnet import FloatNetwork
from models.network import IntegerNetwork, Progress, check_fit, run
from models.parameters import ChipParameters
from models.samples import Augment, Samples, batches
from models.threads import one_thread
from models.trainable import Reader, TrainableNetwork

_CHOOSING = 2048
"""Training utterances by which scales and shifts are chosen."""
_SCALE_RATE = 0.02
"""Learning rate of the logit scale's logarithm, relative to that of the weight codes."""


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Attributes:
        training: utterances to learn from.
        validation: utterances of other voices, to judge by.
        labels: names of the classes.
        augment: changes each training batch at random; None leaves it as it is.
        encoding: how features became these activations (``Encoding.arrays()``); goes with the network.
    """

    training: Samples
    validation: Samples
    labels: tuple[str, ...]
    augment: Augment | None = None
    encoding: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


def start_network(
    start: FloatNetwork, task: Task, parameters: ChipParameters, schedule: Schedule, columns: NDArray[np.intp]
) -> IntegerNetwork:
    """The integer network from which an arm is trained: the float network scaled to the arm's chip model.

    Raises:
        BadInput: too few columns, or samples that do not fit the network.
    """
    task.training.check(len(start.weights[0]), len(task.labels), parameters.geometry.activation_max)
    chosen = task.training.spread(_CHOOSING).activations
    network = to_integers(start, parameters, schedule, columns, chosen, task.labels)
    return replace(network, encoding=dict(task.encoding))


@one_thread()
def train(
    arm: Arm,
    start: IntegerNetwork,
    task: Task,
    parameters: ChipParameters,
    options: TrainingOptions,
    *,
    processor: AnalogProcessor | None = None,
    provenance: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    told: Callable[[Epoch], None] | None = None,
) -> TrainedNetwork:
    """Train one arm; the same arguments give the same network.

    Args:
        arm: what computes the forward pass.
        start: where to begin: :func:`start_network`, for the board arm the network of the ordered arm.
        task: what to learn.
        parameters: the chip model: ideal, unordered or ordered as the arm says, ordered for the board arm.
        options: how.
        processor: the board of the board arm; None for every other.
        provenance: text that goes with the result.
        progress: told after every step.
        should_stop: asked before every step.
        told: gets every epoch when it is over.

    Raises:
        BadInput: arguments that do not fit together.
        Cancelled: ``should_stop`` said so.
    """
    _check(arm, start, task, parameters, options, processor)
    trainable = TrainableNetwork.of(start, parameters)
    loop = _Loop(arm, task, options, trainable, processor, progress, should_stop)
    history: list[Epoch] = []
    for epoch in loop.epochs():
        history.append(epoch)
        if told is not None:
            told(epoch)
    network = trainable.network()
    judge = processor if processor is not None else ChipModel(parameters, seed=options.seed)
    accuracy = run(network, judge, task.validation.activations).accuracy(task.validation.labels)
    return TrainedNetwork(network, arm, options, tuple(history), accuracy, dict(provenance or {}))


class _Loop:
    """Epochs and steps of one training."""

    def __init__(
        self,
        arm: Arm,
        task: Task,
        options: TrainingOptions,
        trainable: TrainableNetwork,
        processor: AnalogProcessor | None,
        progress: Progress | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        on_board = arm is Arm.BOARD
        self._arm, self._task, self._options, self._trainable = arm, task, options, trainable
        self._processor, self._progress, self._should_stop = processor, progress, should_stop
        self._count = options.board_epochs if on_board else options.epochs
        self._size = options.board_batch if on_board else options.batch
        self._peak = options.board_learning_rate if on_board else options.learning_rate
        wanted = options.board_utterances if on_board else options.utterances or len(task.training)
        self._used = min(len(task.training), wanted)
        self._steps = max(self._used // self._size, 1)
        self._draw = np.random.default_rng(options.seed)
        self._chance = torch.Generator().manual_seed(options.seed)

    def epochs(self) -> Iterator[Epoch]:
        net = self._trainable
        codes = {"params": [*net.weights, *net.biases], "lr": self._peak}
        optimiser = torch.optim.Adam([codes, {"params": [net.log_scale], "lr": _SCALE_RATE * self._peak}])
        total = self._count * self._steps
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
        for epoch in range(self._count):
            losses: list[float] = []
            right, seen, ramp = 0, 0, 0.0
            for index in self._batches():
                done = epoch * self._steps + len(losses)
                self._report(done / total, f"{self._arm} arm, epoch {epoch + 1} of {self._count}")
                ramp = self._ramp(done / total)
                labels = torch.from_numpy(self._task.training.labels[index])
                logits = self._logits(index, ramp)
                loss = functional.cross_entropy(logits, labels, label_smoothing=self._options.label_smoothing)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                cosine.step()
                net.clamp()
                losses.append(loss.item())
                right += int((logits.detach().argmax(dim=1) == labels).sum())
                seen += len(index)
            yield Epoch(epoch + 1, float(np.mean(losses)), right / seen, self._mean_strength(ramp))
        self._report(1.0, f"{self._arm} arm")

    def _batches(self) -> list[NDArray[np.intp]]:
        return batches(len(self._task.training), self._size, self._draw)[: self._steps]

    def _logits(self, index: NDArray[np.intp], ramp: float) -> Tensor:
        codes = self._task.training.activations[index]
        if self._task.augment is not None:
            codes = self._task.augment(codes, self._draw)
        return self._trainable.logits(codes, self._reader(self._strength(len(index), ramp)))

    def _reader(self, strength: float | Tensor) -> Reader:
        arrays, chance = self._trainable.arrays, self._chance
        if self._processor is not None:
            return _in_the_loop(self._trainable, self._processor, chance)
        return lambda index, _codes, voltages: arrays[index].read_out(voltages, strength, chance)

    def _ramp(self, done: float) -> float:
        """Share of the noise that is in force."""
        ramp = self._options.noise_ramp
        return 1.0 if self._arm is Arm.BOARD or ramp == 0 else min(1.0, done / ramp)

    def _strength(self, utterances: int, ramp: float) -> float | Tensor:
        """Trial noise over its measured size, of all utterances of a step or of each, shape (utterances, 1, 1)."""
        options = self._options
        if options.noise_spread == 0:
            return ramp * options.noise
        spread = torch.randn((utterances, 1, 1), generator=self._chance).abs()
        return ramp * (options.noise + options.noise_spread * spread)

    def _mean_strength(self, ramp: float) -> float:
        if self._arm is Arm.BOARD:
            return ramp
        return ramp * (self._options.noise + self._options.noise_spread * sqrt(2 / pi))

    def _report(self, share: float, what: str) -> None:
        if self._should_stop is not None and self._should_stop():
            raise Cancelled(f"the training of the {self._arm} arm was stopped")
        if self._progress is not None:
            self._progress(share, what)


def _in_the_loop(net: TrainableNetwork, processor: AnalogProcessor, chance: torch.Generator) -> Reader:
    """Block outputs as the processor gives them, gradients as the chip model has them at the same activations."""

    def read(index: int, codes: Tensor, voltages: Tensor) -> Tensor:
        layer, geometry = net.layer(index), processor.geometry
        sent = codes.detach().numpy().astype(np.uint8)
        modelled = net.arrays[index].read_out(voltages, 0.0, chance)
        measured = torch.empty_like(modelled)
        for block in range(layer.blocks):
            processor.program(layer.programme(block, geometry))
            outputs = processor.multiply(layer.vectors(sent, block, geometry), layer.schedule)
            measured[:, block] = torch.from_numpy(outputs[:, layer.columns].astype(np.float32))
        return modelled + (measured - modelled).detach()

    return read


def _check(
    arm: Arm,
    start: IntegerNetwork,
    task: Task,
    parameters: ChipParameters,
    options: TrainingOptions,
    processor: AnalogProcessor | None,
) -> None:
    options.check()
    start.check()
    for samples in (task.training, task.validation):
        samples.check(start.inputs, len(start.labels), parameters.geometry.activation_max)
    if task.labels != start.labels:
        raise BadInput(f"the network knows {', '.join(start.labels)}; the samples are of {', '.join(task.labels)}")
    if start.geometry != parameters.geometry:
        raise BadInput("the network was cut for another array than the chip model's")
    if (arm is Arm.BOARD) != (processor is not None):
        raise BadInput("the board arm needs an analog processor, and only the board arm takes one")
    if processor is not None:
        check_fit(start, processor.geometry)
