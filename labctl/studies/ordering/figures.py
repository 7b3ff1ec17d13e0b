"""The figures of the ordering study; every cell (board and training seed) is a point, the mean a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from labctl.report.plots import COLOURS, drawing
from labctl.studies.ordering.analysis import Cells
from labctl.studies.ordering.names import BLIND
from labctl.studies.ordering.results import Results

ARM_COLOURS = {**COLOURS, "ordered+board": "#cc79a7", "board": "#1b1f24"}
ORDER_SHADES = ("#999999", "#e69f00", "#cc79a7", "#56b4e9", "#009e73", "#0072b2")
MARKERS = "osD^vP"


def accuracy_figure(results: Results, arms: Sequence[str]) -> Figure:
    """Accuracy on the board of every arm, conditions side by side."""
    conditions = results.conditions()
    with drawing(_width(conditions), 3.6) as figure:
        axes = figure.subplots()
        _clusters(axes, conditions, arms, [[results.accuracy(c, arm) for arm in arms] for c in conditions])
        known = results.float_accuracy()
        if known:
            axes.axhline(float(np.mean(known)), color=COLOURS["float"], lw=0.9, ls="--", label="float network")
        axes.set_ylabel("accuracy on the board")
        axes.legend(title="trained on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def advantage_figure(results: Results, arms: Sequence[str]) -> Figure:
    """Accuracy on the board of some arms less that of the order-blind one, cell by cell."""
    conditions = results.conditions()
    with drawing(_width(conditions), 3.2) as figure:
        axes = figure.subplots()
        base = {c: results.accuracy(c, BLIND) for c in conditions}
        values = [[_less(results.accuracy(c, arm), base[c]) for arm in arms] for c in conditions]
        _clusters(axes, conditions, arms, values)
        axes.axhline(0.0, color="#1b1f24", lw=0.8)
        axes.set_ylabel(f"accuracy less the {BLIND} arm's")
        axes.legend(title="trained on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def moved_figure(results: Results, arms: Sequence[str]) -> Figure:
    """Accuracy on the board in the other order less that in the order trained for, of every arm."""
    conditions = results.conditions()
    with drawing(_width(conditions), 3.2) as figure:
        axes = figure.subplots()
        values = [[_less_own(results, c, arm, results.other_order(c)) for arm in arms] for c in conditions]
        _clusters(axes, conditions, arms, values)
        axes.axhline(0.0, color="#1b1f24", lw=0.8)
        axes.set_ylabel("other order less own")
        axes.legend(title="trained on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def orders_figure(results: Results, arms: Sequence[str], orders: Sequence[str]) -> Figure:
    """Accuracy on the board in each event order less that in the order trained for, of some arms."""
    conditions = results.conditions()
    with drawing(_width(conditions), 2.8 * len(arms)) as figure:
        grid = np.atleast_1d(figure.subplots(len(arms), 1, sharex=True))
        for axes, arm in zip(grid, arms, strict=True):
            values = [[_less_own(results, c, arm, order) for order in orders] for c in conditions]
            _clusters(axes, conditions, orders, values, dict(zip(orders, ORDER_SHADES, strict=False)))
            axes.axhline(0.0, color="#1b1f24", lw=0.8)
            axes.set_title(f"networks of the {arm} arm")
            axes.set_ylabel("accuracy less own order")
        grid[0].legend(title="event order", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def prediction_figure(results: Results, arms: Sequence[str], models: Sequence[str]) -> Figure:
    """Accuracy as each model has it, over that on the board, of some arms in every order."""
    with drawing(4.0 * len(models), 3.8) as figure:
        grid = np.atleast_1d(figure.subplots(1, len(models), sharex=True, sharey=True))
        for axes, model in zip(grid, models, strict=True):
            for arm, marker in zip(arms, MARKERS, strict=False):
                at = _measured_and_predicted(results, arm, model)
                axes.plot(at[:, 0], at[:, 1], marker, ms=3, alpha=0.6, color=ARM_COLOURS[arm], label=arm)
                if len(at):
                    # Through a measured point, so that the line does not widen the axes.
                    axes.axline((at[0, 0], at[0, 0]), slope=1.0, color="#1b1f24", lw=0.8)
            axes.set_title(f"{model} model")
            axes.set_xlabel("accuracy on the board")
        grid[0].set_ylabel("accuracy on the model")
        grid[-1].legend(title="trained on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _measured_and_predicted(results: Results, arm: str, model: str) -> NDArray[np.float64]:
    """Accuracies on the board and on a model, shape (networks and orders, 2)."""
    pairs = [
        (measured[cell], value)
        for condition in results.conditions()
        for order in results.names("order")
        for measured in [results.in_order(condition, arm, order)]
        for cell, value in results.predicted(condition, arm, order, model).items()
    ]
    return np.array(pairs, np.float64).reshape(-1, 2)


def layers_figure(results: Results, arms: Sequence[str]) -> Figure:
    """Non-associativity of every layer, for each condition."""
    conditions, layers = results.conditions(), results.layers()
    with drawing(_width(conditions), 2.8) as figure:
        grid = np.atleast_1d(figure.subplots(1, max(len(conditions), 1), sharey=True))
        for axes, condition in zip(grid, conditions, strict=False):
            for arm, marker in zip(arms, MARKERS, strict=False):
                means = [results.non_associativity(condition, arm, layer).mean for layer in layers]
                axes.plot(layers, means, marker, ls="-", lw=0.8, ms=4, color=ARM_COLOURS[arm], label=arm)
            axes.set_title(condition)
            axes.set_xlabel("layer")
            axes.set_xticks(layers)
        grid[0].set_ylabel("spread over orders / over repeats")
        grid[0].set_ylim(bottom=0)
        grid[-1].legend(title="trained on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _width(conditions: Sequence[str]) -> float:
    """Inches for clusters of so many conditions."""
    return max(7.0, 1.7 * len(conditions))


def _less_own(results: Results, condition: str, arm: str, order: str) -> Cells:
    own = results.in_order(condition, arm, results.trained_order(condition))
    return _less(results.in_order(condition, arm, order), own)


def _less(these: Cells, those: Cells) -> Cells:
    return {cell: value - those[cell] for cell, value in these.items() if cell in those}


def _clusters(
    axes: Axes,
    groups: Sequence[str],
    names: Sequence[str],
    values: Sequence[Sequence[Cells]],
    colours: dict[str, str] | None = None,
) -> None:
    """Points of every cell with their mean as a line; ``values[group][name]``."""
    chosen = colours or ARM_COLOURS
    width = 0.8 / len(names)
    for j, name in enumerate(names):
        for i, row in enumerate(values):
            at = i + (j - (len(names) - 1) / 2) * width
            cells = list(row[j].values())
            label = name if i == 0 else None
            spots = at + np.linspace(-0.25, 0.25, len(cells)) * width
            axes.plot(spots, cells, MARKERS[j % len(MARKERS)], ms=3.5, alpha=0.75, color=chosen[name], label=label)
            if cells:
                mean = float(np.mean(cells))
                axes.hlines(mean, at - 0.4 * width, at + 0.4 * width, color=chosen[name], lw=1.8)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.grid(axis="x", visible=False)
