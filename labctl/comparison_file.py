"""A comparison as a run file: what every target did to every utterance, in arrays that others can open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.clock import TIME
from data.errors import BadInput
from data.runfile import Run, RunWriter, Variable, read_run
from data.sweepfile import NOT_MEASURED
from labctl.comparison import MODELS, TARGETS, Comparison
from labctl.residuals import LayerResiduals
from labctl.statistics import ResidualSplit, accuracy, confusion, proportion
from models.arms import TrainedNetwork
from models.network import IntegerNetwork, NetworkTrace

KIND = "comparison"
_PARTS = tuple(ResidualSplit.__dataclass_fields__)


def begin_comparison(network: IntegerNetwork, truth: NDArray[np.int64], writer: RunWriter) -> None:
    """Put what is compared into a run file that has been begun, and make room for what each target will do."""
    writer.add("target", Variable(("target",), np.array(TARGETS), "1", "what computed", coordinate=True))
    writer.add("model", Variable(("model",), np.array(MODELS), "1", "chip model", coordinate=True))
    writer.add("class_name", Variable(("class_name",), np.array(network.labels), "1", "class", coordinate=True))
    writer.add("truth", Variable(("utterance",), truth, "1", "true class"))
    targets, utterances, classes = len(TARGETS), len(truth), len(network.labels)
    writer.stream_time("target", targets, "when the target was done")
    writer.stream("decision", ("target", "utterance"), (targets, utterances), np.int64, "1", "decided class", -1)
    dims = ("target", "utterance", "class_name")
    writer.stream("logit", dims, (targets, utterances, classes), np.float32, "1", "logit", float("nan"))
    for number, layer in enumerate(network.layers, 1):
        axes = ("target", "utterance", f"layer{number}_block", f"layer{number}_output")
        sizes = (targets, utterances, layer.blocks, layer.outputs)
        writer.stream(_outputs(number), axes, sizes, np.int16, "1", f"ADC codes of layer {number}", NOT_MEASURED)


def write_trace(trace: NetworkTrace, writer: RunWriter) -> None:
    """Save what the next target did; from here on an abort or a kill cannot lose it."""
    writer.append(TIME, [writer.clock.now()])
    writer.append("decision", trace.decisions[np.newaxis])
    writer.append("logit", trace.logits[np.newaxis])
    for number, layer in enumerate(trace.layers, 1):
        writer.append(_outputs(number), layer.block_outputs[np.newaxis])
    writer.checkpoint()


def write_results(comparison: Comparison, writer: RunWriter) -> None:
    """Add what follows from the targets together, and the residuals."""
    for name, variable in _results(comparison).items():
        writer.add(name, variable)


def read_comparison(path: Path) -> Run:
    """Read a comparison run.

    Raises:
        BadInput: the file is another kind of run, or damaged.
    """
    run = read_run(path)
    if run.metadata.kind != KIND:
        raise BadInput(f"{path} is a {run.metadata.kind} run, not a comparison")
    return run


def summary(comparison: Comparison) -> dict[str, object]:
    """The figures of a comparison as plain values."""
    return {
        "run": comparison.run_id,
        "network": comparison.network,
        "arm": comparison.arm,
        "utterances": len(comparison.truth),
        "accuracy": {target: item.accuracy for target, item in comparison.evaluations.items()},
        "agreement_with_board": {target: item.agreement for target, item in comparison.evaluations.items()},
        "residual": {f"layer {item.layer}": item.splits for item in comparison.residuals},
        "non_associativity": {f"layer {item.layer}": item.non_associativity for item in comparison.residuals},
        "file": comparison.path,
    }


def describe(name: str, trained: TrainedNetwork, utterances: str, count: int) -> str:
    """What is compared, as the JSON text that goes into the run's plan."""
    schedules = [asdict(layer.schedule) for layer in trained.network.layers]
    return json.dumps(
        {
            "network": name,
            "arm": str(trained.arm),
            "targets": list(TARGETS),
            "utterances": utterances,
            "count": count,
            "schedules": schedules,
        }
    )


def accuracy_of(run: Run) -> dict[str, tuple[float, float, float]]:
    """Accuracy and interval of each target, worked out again from the decisions in the file."""
    truth = truth_of(run)
    known = truth >= 0
    decisions = decisions_of(run)[:, known]
    found = {}
    for index, target in enumerate(_targets(run)):
        share = accuracy(decisions[index], truth[known])
        found[str(target)] = (share.value, share.low, share.high)
    return found


def agreement_of(run: Run) -> dict[str, tuple[float, float, float]]:
    """Share of the board's decisions that each target shares, with its interval."""
    decisions = decisions_of(run)
    found = {}
    for index, target in enumerate(_targets(run)):
        share = proportion(int(np.sum(decisions[index] == decisions[0])), decisions.shape[1])
        found[str(target)] = (share.value, share.low, share.high)
    return found


def confusion_of(run: Run) -> dict[str, NDArray[np.int64]]:
    """Counts of each target, shape (true class, decided class), over the utterances whose class is known."""
    truth = truth_of(run)
    known = truth >= 0
    classes = len(run.values("class_name"))
    decisions = decisions_of(run)[:, known]
    return {str(name): confusion(decisions[i], truth[known], classes) for i, name in enumerate(_targets(run))}


def is_live(run: Run) -> bool:
    """Whether the comparison was made utterance by utterance (:mod:`labctl.live`), not target by target."""
    return run.variables["decision"].dims[0] == "utterance"


def truth_of(run: Run) -> NDArray[np.int64]:
    """True class of each utterance that counts, -1 where nobody knows, shape (utterances,)."""
    truth: NDArray[np.int64] = run.values("truth")
    return truth[: run.rows_done] if is_live(run) else truth


def decisions_of(run: Run) -> NDArray[np.int64]:
    """Decided classes, shape (targets that were finished, utterances)."""
    decisions: NDArray[np.int64] = run.values("decision")[: run.rows_done]
    return decisions.T if is_live(run) else decisions


def _targets(run: Run) -> NDArray[np.str_]:
    """The targets that were finished."""
    targets: NDArray[np.str_] = run.values("target")
    return targets if is_live(run) else targets[: run.rows_done]


def _outputs(number: int) -> str:
    return f"layer{number}_outputs"


def _results(comparison: Comparison) -> dict[str, Variable]:
    evaluations = [comparison.evaluations[target] for target in TARGETS]
    variables = {
        "agreement": Variable(
            ("target", "utterance"),
            np.stack([e.trace.decisions == evaluations[0].trace.decisions for e in evaluations]),
            "1",
            "whether the decision equals the board's",
        ),
        "confusion": Variable(
            ("target", "true_class", "class_name"),
            np.stack([e.confusion for e in evaluations]),
            "1",
            "utterances of a class (row) decided as another (column)",
        ),
    }
    for residuals in comparison.residuals:
        variables.update(_residual_variables(residuals))
    return variables


def _residual_variables(residuals: LayerResiduals) -> Mapping[str, Variable]:
    layer = f"layer{residuals.layer}"
    dims = (f"{layer}_point", f"{layer}_output")
    parts = np.array([[getattr(residuals.splits[m], name) for m in MODELS] for name in _PARTS])
    stacked = np.stack([residuals.predicted[name] for name in MODELS])
    return {
        "part": Variable(("part",), np.array(_PARTS), "1", "part of a residual", coordinate=True),
        f"{layer}_measured": Variable(dims, residuals.measured, "1", "board, mean over repeats, output codes"),
        f"{layer}_predicted": Variable(("model", *dims), stacked, "1", "expected output of the model, output codes"),
        f"{layer}_residual": Variable(("part", "model"), parts, "1", "residual of board against model, output codes"),
        f"{layer}_order_spread": Variable(
            (), np.array(residuals.order_spread), "1", "spread of the board's mean output over event orders, codes"
        ),
        f"{layer}_non_associativity": Variable(
            (),
            np.array(residuals.non_associativity),
            "1",
            "spread over event orders divided by spread over repeats",
        ),
    }
