"""The report of a comparison: one network on the board and on its simulated counterparts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.runfile import Run
from labctl.comparison_file import (
    accuracy_of,
    agreement_of,
    confusion_of,
    is_live,
    read_comparison,
    truth_of,
)
from labctl.report import plots
from labctl.report.facts import facts
from labctl.report.page import Page

LIVE_DRAWN = 60
"""Utterances of a live session whose outputs are drawn, spread evenly over all."""

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
    truth = truth_of(run)
    result.facts({**facts(run.metadata), "utterances": len(truth)})
    if not len(truth):
        result.text("The session ended before the first utterance.")
        return result
    if np.any(truth >= 0):
        _accuracy(result, run, plan["arm"])
    else:
        _agreement(result, run)
    if is_live(run):
        _live_layers(result, run)
    else:
        _layers(result, run)
    if np.any(truth >= 0):
        _confusion(result, run)
    return result


def _accuracy(result: Page, run: Run, arm: str) -> None:
    accuracy, agreement = accuracy_of(run), agreement_of(run)
    result.heading("Accuracy" if is_live(run) else "Accuracy on unseen voices")
    rows = [
        [target, f"{value:.3f}", f"{low:.3f} to {high:.3f}", f"{agreement[target][0]:.3f}"]
        for target, (value, low, high) in accuracy.items()
    ]
    result.table(["evaluated on", "accuracy", "95 % interval", "same decision as the board"], rows)
    result.figure(plots.accuracy_bars({arm: accuracy}), "Accuracy with its 95 % interval (Wilson) on each target.")


def _agreement(result: Page, run: Run) -> None:
    """Where nobody knows what was said there is no accuracy."""
    result.heading("Agreement with the board")
    rows = [
        [target, f"{value:.3f}", f"{low:.3f} to {high:.3f}"] for target, (value, low, high) in agreement_of(run).items()
    ]
    result.table(["evaluated on", "same decision as the board", "95 % interval"], rows)


def _live_layers(result: Page, run: Run) -> None:
    """Single outputs as they were read against what each model expects for the same activations."""
    if "model" not in run.variables:
        return
    models = [str(name) for name in run.values("model")]
    result.heading("Layer by layer: board against models")
    result.text(
        "Every output was read once, as it was computed, so that trial noise is in it. Every model was given the "
        "activations that the board itself computed, so that errors of earlier layers do not add up."
    )
    count = len(truth_of(run))
    pick = np.unique(np.linspace(0, count - 1, min(count, LIVE_DRAWN)).astype(int))
    number = 1
    while f"layer{number}_expected" in run.variables:
        outputs = run.values(f"layer{number}_outputs")[:count, 0].astype(np.float64)
        expected = run.values(f"layer{number}_expected")[:count].astype(np.float64)
        rows = [
            [
                model,
                f"{np.sqrt(np.mean((outputs - expected[:, j]) ** 2)):.2f}",
                f"{np.mean(outputs - expected[:, j]):+.2f}",
            ]
            for j, model in enumerate(models)
        ]
        result.table([f"layer {number}, output codes", "residual (rms)", "mean residual"], rows)
        drawn = {model: _points(expected[pick, j]) for j, model in enumerate(models)}
        figure = plots.scatter_with_residuals(_points(outputs[pick]), drawn, f"Layer {number}")
        result.figure(figure, f"Layer {number}: board (single outputs) against each model, residuals below.")
        number += 1


def _points(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outputs of utterances and blocks, shape (points, outputs)."""
    return outputs.reshape(-1, outputs.shape[-1])


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
    matrices = confusion_of(run)
    names = list(matrices)
    result.heading("Confusion")
    for pair in (names[:2], names[2:]):
        if pair:
            shown = {name: matrices[name] for name in pair}
            result.figure(plots.confusion_matrices(shown, labels), f"Counts on {' and on '.join(pair)}.")
