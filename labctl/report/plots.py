"""The figures of the reports: measured is drawn as points, a model as a line; colours mean the same everywhere.

Colours are those of M. Okabe and K. Ito, told apart by colour-blind readers too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.floating]

COLOURS: Mapping[str, str] = {
    "board": "#1b1f24",
    "ordered": "#0072b2",
    "unordered": "#d55e00",
    "ideal": "#009e73",
    "float": "#999999",
}
MARKERS: Mapping[str, str] = {"board": "o", "ordered": "s", "unordered": "^", "ideal": "D", "float": "x"}

_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


@contextmanager
def drawing(width: float = 9.0, height: float = 3.4) -> Iterator[Figure]:
    """A figure in the house style, laid out when done; sizes in inches."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure


def accuracy_bars(accuracy: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """Accuracy with interval for each arm (group) evaluated on each target (bar).

    Args:
        accuracy: ``accuracy[arm][target] = (value, low, high)``.
    """
    arms = list(accuracy)
    targets = list(next(iter(accuracy.values())))
    with drawing(9.0, 3.6) as figure:
        axes = figure.subplots()
        width = 0.8 / len(targets)
        for j, target in enumerate(targets):
            values = np.array([accuracy[arm][target] for arm in arms])
            at = np.arange(len(arms)) + (j - (len(targets) - 1) / 2) * width
            errors = np.clip(np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]]), 0, None)
            colour = COLOURS.get(target, "#666666")
            axes.bar(at, values[:, 0], width * 0.92, color=colour, label=target, yerr=errors, ecolor="#555555")
            for x, value in zip(at, values[:, 0], strict=True):
                axes.text(x, 0.03, f"{value:.3f}", ha="center", va="bottom", color="white", fontsize=8, rotation=90)
        axes.set_xticks(np.arange(len(arms)), [f"trained {arm}" for arm in arms])
        axes.set_ylim(0, 1)
        axes.set_ylabel("accuracy on unseen voices")
        axes.legend(title="evaluated on", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.grid(axis="x", visible=False)
    return figure


def confusion_matrices(matrices: Mapping[str, NDArray[np.integer]], labels: Sequence[str]) -> Figure:
    """Confusion matrices side by side, each row normalised to its class."""
    with drawing(4.0 * len(matrices), 4.2) as figure:
        for axes, (name, matrix) in zip(
            np.atleast_1d(figure.subplots(1, len(matrices))), matrices.items(), strict=True
        ):
            share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
            axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
            for (i, j), value in np.ndenumerate(matrix):
                if value:
                    colour = "white" if share[i, j] > 0.55 else "#1b1f24"
                    axes.text(j, i, str(value), ha="center", va="center", fontsize=6, color=colour)
            axes.set_title(name)
            axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
            axes.set_yticks(range(len(labels)), labels, fontsize=7)
            axes.set_xlabel("decided")
            axes.grid(visible=False)
            axes.set_ylabel("spoken")
    return figure


def scatter_with_residuals(
    measured: Floats, predictions: Mapping[str, Floats], title: str, limit: int = 4000
) -> Figure:
    """Board outputs against each model's prediction, residuals below on the same axis; in output codes."""
    pick = np.linspace(0, measured.size - 1, min(limit, measured.size)).astype(int)
    board = measured.ravel()[pick]
    with drawing(3.2 * len(predictions), 4.4) as figure:
        grid = figure.subplots(2, len(predictions), sharex="col", sharey="row", height_ratios=(2, 1), squeeze=False)
        for k, (name, predicted) in enumerate(predictions.items()):
            model = predicted.ravel()[pick]
            upper, lower = grid[0, k], grid[1, k]
            colour = COLOURS.get(name, "#666666")
            upper.plot(model, board, ".", ms=1.5, alpha=0.35, color=colour, rasterized=True)
            ends = [float(min(board.min(), model.min())), float(max(board.max(), model.max()))]
            upper.plot(ends, ends, "-", color="#1b1f24", lw=0.8)
            lower.plot(model, board - model, ".", ms=1.5, alpha=0.35, color=colour, rasterized=True)
            lower.axhline(0, color="#1b1f24", lw=0.8)
            spread = float(np.sqrt(np.mean((board - model) ** 2)))
            upper.set_title(f"{name}: residual of the mean {spread:.2f}", fontsize=8)
            lower.set_xlabel("predicted / output codes")
        grid[0, 0].set_ylabel("board / output codes")
        grid[1, 0].set_ylabel("residual")
        figure.suptitle(title)
    return figure


def residual_parts(splits: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Parts of the residual (bars) for each model or layer (groups), in output codes."""
    groups = list(splits)
    parts = list(next(iter(splits.values())))
    with drawing(9.0, 3.2) as figure:
        axes = figure.subplots()
        width = 0.8 / len(parts)
        shades = ("#1b1f24", "#0072b2", "#e69f00", "#cc79a7", "#009e73")
        hatches = ("", "//", "..", "xx", "\\\\")
        for j, part in enumerate(parts):
            at = np.arange(len(groups)) + (j - (len(parts) - 1) / 2) * width
            heights = [splits[group][part] for group in groups]
            axes.bar(at, heights, width * 0.92, color=shades[j], hatch=hatches[j], edgecolor="white", label=part)
        axes.set_xticks(range(len(groups)), groups)
        axes.set_ylabel("output codes (rms)")
        axes.set_title(title)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.grid(axis="x", visible=False)
    return figure


def interval(axes: Axes, x: Floats, value: Floats, error: Floats, name: str, colour: str) -> None:
    """Per-column values with their standard errors."""
    axes.errorbar(x, value, yerr=error, fmt="o", ms=2, lw=0.7, color=colour, ecolor="#9aa4b0", label=name)
