"""One network on the board and on its simulated counterparts: same inputs, same seeds, every layer kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.processor import AnalogProcessor
from labctl.progress import Listener, part, silent
from labctl.residuals import LayerResiduals, ProbeSize, measure_residuals
from labctl.statistics import Proportion, accuracy, confusion, proportion
from models.chip import ChipModel, ideal_counterpart, model_identity
from models.network import IntegerNetwork, NetworkTrace, run

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from data.values import Activations
    from models.parameters import ChipParameters

BOARD = "board"
MODELS = ("ordered", "unordered", "ideal")
TARGETS = (BOARD, *MODELS)
"""What a network is evaluated on."""

Keep = Callable[[NetworkTrace], None]


def forget(trace: NetworkTrace) -> None:
    """Keep nothing."""


@dataclass(frozen=True)
class Evaluation:
    """A network on one target.

    Attributes:
        trace: every layer, logits and decisions.
        accuracy: against the labels, with its 95 % interval.
        agreement: share of decisions that equal the board's, with its 95 % interval.
        confusion: counts, shape (true class, decided class).
    """

    trace: NetworkTrace
    accuracy: Proportion
    agreement: Proportion
    confusion: NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """A network on the board and on its counterparts.

    Attributes:
        network: file name of the network.
        arm: what it was trained on.
        labels: names of the classes.
        truth: true class of each utterance, shape (utterances,).
        evaluations: one for each of :data:`TARGETS`.
        residuals: one for each layer: board against each model.
        run_id: the comparison run, empty before it is written.
        path: its file, None before it is written.
    """

    network: str
    arm: str
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    evaluations: Mapping[str, Evaluation]
    residuals: tuple[LayerResiduals, ...]
    run_id: str = ""
    path: Path | None = None

    def written(self, run_id: str, path: Path) -> Comparison:
        """The same comparison, with the run that holds it."""
        return replace(self, run_id=run_id, path=path)


def model_parameters(record: CalibrationRecord) -> dict[str, ChipParameters]:
    """Parameters of the three chip models of one calibration, by name."""
    return {
        "ordered": record.ordered,
        "unordered": record.unordered,
        "ideal": ideal_counterpart(record.unordered),
    }


def compare_network(
    network: IntegerNetwork,
    board: AnalogProcessor,
    record: CalibrationRecord,
    activations: Activations,
    truth: NDArray[np.int64],
    *,
    name: str = "",
    arm: str = "",
    seed: int = 0,
    probe: ProbeSize | None = None,
    listener: Listener = silent,
    keep: Keep = forget,
) -> Comparison:
    """Evaluate a network on the board and on the three chip models of its calibration.

    Args:
        network: the network.
        board: the board, or whatever stands in its place.
        record: its calibration.
        activations: encoded utterances, shape (utterances, inputs).
        truth: their classes, shape (utterances,).
        name: file name of the network, for the record.
        arm: what it was trained on, for the record.
        seed: of the models' trial noise and of the event orders that are tried.
        probe: how much to measure for the residuals.
        listener: hears of progress.
        keep: gets what each target did as soon as it is known, the board's first.

    Raises:
        BadInput: the calibration is another board's, or the network does not fit.
    """
    record.check_identity(board.identity)
    if len(activations) != len(truth) or not len(truth):
        raise BadInput(f"there are {len(activations)} utterances and {len(truth)} labels; one label each is needed")
    models = model_parameters(record)
    traces: dict[str, NetworkTrace] = {}
    for index, target in enumerate(TARGETS):
        processor: AnalogProcessor = board
        if target != BOARD:
            identity = model_identity(models[target], board.identity)
            processor = ChipModel(models[target], identity=identity, seed=seed)
        heard = part(listener, 0.2 * index, 0.2 * (index + 1), f"{arm} network on {target}: ")
        traces[target] = run(network, processor, activations, progress=heard)
        keep(traces[target])
    residuals = measure_residuals(
        network, board, models, activations, traces[BOARD], probe or ProbeSize(), seed, part(listener, 0.8, 1.0)
    )
    evaluations = {
        target: _evaluate(trace, traces[BOARD], truth, len(network.labels)) for target, trace in traces.items()
    }
    return Comparison(name, arm, network.labels, truth, evaluations, residuals)


def _evaluate(trace: NetworkTrace, board: NetworkTrace, truth: NDArray[np.int64], classes: int) -> Evaluation:
    same = int(np.sum(trace.decisions == board.decisions))
    return Evaluation(
        trace=trace,
        accuracy=accuracy(trace.decisions, truth),
        agreement=proportion(same, len(truth)),
        confusion=confusion(trace.decisions, truth, classes),
    )
