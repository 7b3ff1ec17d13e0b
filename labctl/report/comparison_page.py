"""The report of a comparison: one network on the board and on its simulated counterparts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from data.runfile import Run
from labctl.comparison_file import accuracy_of, agreement_of, read_comparison
from labctl.report import plots
from labctl.report.facts import facts
from labctl.report.page import Page

PART_NAMES = {
    "total": "total",
    "fixed_pattern": "fixed pattern",
    "trial_noise": "trial noise",
    "order": "order",
    "remainder": "remainder",
}


def page(path: Path) -> Page:
    """Build the page of a comparison run."""
    run = read_comparison(path)
    plan = json.loads(run.metadata.plan)
    lead = f"{plan['network']}, trained on: {plan['arm']}. Same utterances, same seeds, every layer kept."
    result = Page(f"A network on the board and its counterparts: {plan['arm']} arm", lead, run.metadata.simulated)
    result.facts({**facts(run.metadata), "utterances": len(run.values("truth"))})
    _accuracy(result, run, plan["arm"])
    _layers(result, run)
    _confusion(result, run)
    return result


def _accuracy(result: Page, run: Run, arm: str) -> None:
    accuracy, agreement = accuracy_of(run), agreement_of(run)
    result.heading("Accuracy on unseen voices")
    rows = [
        [target, f"{value:.3f}", f"{low:.3f} to {high:.3f}", f"{agreement[target][0]:.3f}"]
        for target, (value, low, high) in accuracy.items()
    ]
    result.table(["evaluated on", "accuracy", "95 % interval", "same decision as the board"], rows)
    result.figure(plots.accuracy_bars({arm: accuracy}), "Accuracy with its 95 % interval (Wilson) on each target.")


def _layers(result: Page, run: Run) -> None:
    models = [str(name) for name in run.values("model")]
    parts = [str(name) for name in run.values("part")]
    result.heading("Layer by layer: board against models")
    result.text(
        "Every layer was given the activations that the board itself computed, so that errors of earlier layers do "
        "not add up. Fixed pattern is what stays for a column whatever is sent, trial noise is the spread between "
        "repeats. What is left depends on the vector: order is what the ordered model explains and this one does not, "
        "the remainder is what neither explains. The squares of the parts add up to that of the total."
    )
    number = 1
    while f"layer{number}_residual" in run.variables:
        values = run.values(f"layer{number}_residual")
        rows = [[model, *(f"{values[i, j]:.2f}" for i in range(len(parts)))] for j, model in enumerate(models)]
        score = float(run.values(f"layer{number}_non_associativity"))
        spread = float(run.values(f"layer{number}_order_spread"))
        result.text(
            f"Layer {number}: sending the same vectors in other event orders moves the outputs by {spread:.2f} codes, "
            f"{score:.2f} times the trial noise."
        )
        result.table([f"layer {number}, output codes", *(PART_NAMES[part] for part in parts)], rows)
        measured = run.values(f"layer{number}_measured")
        predicted = run.values(f"layer{number}_predicted")
        figure = plots.scatter_with_residuals(
            measured, {model: predicted[j] for j, model in enumerate(models)}, f"Layer {number}"
        )
        result.figure(figure, f"Layer {number}: board (mean over repeats) against each model, residuals below.")
        number += 1


def _confusion(result: Page, run: Run) -> None:
    labels = [str(name) for name in run.values("class_name")]
    matrices = {str(target): run.values("confusion")[i] for i, target in enumerate(run.values("target"))}
    result.heading("Confusion")
    for pair in (("board", "ordered"), ("unordered", "ideal")):
        shown = {name: np.asarray(matrices[name]) for name in pair}
        result.figure(plots.confusion_matrices(shown, labels), f"Counts on {pair[0]} and on {pair[1]}.")
