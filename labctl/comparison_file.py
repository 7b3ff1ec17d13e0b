"""A comparison as a run file: what every target did to every utterance, in arrays that others can open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from data.errors import BadInput
from data.runfile import Run, RunWriter, Variable, read_run
from labctl.comparison import MODELS, TARGETS, Comparison
from labctl.residuals import LayerResiduals
from labctl.statistics import ResidualSplit, accuracy, proportion
from models.arms import TrainedNetwork

KIND = "comparison"
_PARTS = tuple(ResidualSplit.__dataclass_fields__)


def write_comparison(comparison: Comparison, writer: RunWriter) -> None:
    """Put a comparison into a run file that has been begun."""
    for name, variable in _variables(comparison).items():
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
    truth = run.values("truth")
    decisions = run.values("decision")
    found = {}
    for index, target in enumerate(run.values("target")):
        share = accuracy(decisions[index], truth)
        found[str(target)] = (share.value, share.low, share.high)
    return found


def agreement_of(run: Run) -> dict[str, tuple[float, float, float]]:
    """Share of the board's decisions that each target shares, with its interval."""
    decisions = run.values("decision")
    found = {}
    for index, target in enumerate(run.values("target")):
        share = proportion(int(np.sum(decisions[index] == decisions[0])), decisions.shape[1])
        found[str(target)] = (share.value, share.low, share.high)
    return found


def _variables(comparison: Comparison) -> dict[str, Variable]:
    evaluations = [comparison.evaluations[target] for target in TARGETS]
    classes = np.array(comparison.labels)
    variables = {
        "target": Variable(("target",), np.array(TARGETS), "1", "what computed", coordinate=True),
        "model": Variable(("model",), np.array(MODELS), "1", "chip model", coordinate=True),
        "class_name": Variable(("class_name",), classes, "1", "class", coordinate=True),
        "truth": Variable(("utterance",), comparison.truth, "1", "true class"),
        "decision": Variable(
            ("target", "utterance"), np.stack([e.trace.decisions for e in evaluations]), "1", "decided class"
        ),
        "logit": Variable(
            ("target", "utterance", "class_name"), np.stack([e.trace.logits for e in evaluations]), "1", "logit"
        ),
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
    for index in range(len(evaluations[0].trace.layers)):
        block = f"layer{index + 1}_block"
        output = f"layer{index + 1}_output"
        variables[output.replace("output", "outputs")] = Variable(
            ("target", "utterance", block, output),
            np.stack([e.trace.layers[index].block_outputs for e in evaluations]),
            "1",
            f"ADC codes of layer {index + 1}",
        )
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
