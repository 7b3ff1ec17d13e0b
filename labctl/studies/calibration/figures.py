"""The figures of the calibration study; every point is a board."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labctl.report.plots import COLOURS, drawing
from labctl.studies.calibration.analysis import PROMISED, Results

JUDGEMENT_COLOURS = {
    "prediction": "#1b1f24",
    "recovery": "#0072b2",
    "repeat": "#009e73",
    "counterpart": "#d55e00",
    "effective": "#999999",
}


def residual_figure(results: Results) -> Figure:
    """Held-out residual over trial noise of both models, board by board, budgets side by side."""
    budgets = results.budgets()
    with drawing(max(5.0, 2.6 * len(budgets)), 3.2) as figure:
        axes = figure.subplots()
        for place, budget in enumerate(budgets):
            for model, shift in (("ordered", -0.18), ("unordered", 0.18)):
                values = list(results.of_boards(f"{model} residual over noise", budget).values())
                at = place + shift + np.linspace(-0.1, 0.1, len(values))
                label = model if place == 0 else None
                axes.plot(at, values, "o", ms=3.5, alpha=0.75, color=COLOURS[model], label=label)
        axes.axhline(1.0, color="#1b1f24", lw=0.8, ls="--")
        axes.set_xticks(range(len(budgets)), [f"budget {name}" for name in budgets])
        axes.set_ylabel("held-out residual / trial noise")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.grid(axis="x", visible=False)
    return figure


def coverage_figure(results: Results, budget: str, judgements: Sequence[str]) -> Figure:
    """Coverage of every kind of parameter and prediction, board by board."""
    names = [(judgement, name) for judgement in judgements for name in results.parameters(judgement)]
    with drawing(7.5, 0.9 + 0.2 * len(names)) as figure:
        axes = figure.subplots()
        axes.axvspan(*PROMISED, color="#e3e6ea", zorder=0)
        axes.axvline(0.9, color="#1b1f24", lw=0.8, ls="--")
        for place, (judgement, name) in enumerate(names):
            values = list(results.judged("coverage", budget, judgement, name).values())
            colour = JUDGEMENT_COLOURS[judgement]
            axes.plot(values, np.full(len(values), place), "o", ms=3, alpha=0.6, color=colour)
            axes.plot([results.coverage(budget, judgement, name)], [place], "|", ms=11, mew=2, color=colour)
        axes.set_yticks(range(len(names)), [f"{judgement}: {name}" for judgement, name in names])
        axes.invert_yaxis()
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share of 90 % intervals that hold the truth")
    return figure
