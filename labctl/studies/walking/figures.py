"""The figures of the study: means over seeds as lines, intervals as bars, what is only bounded as arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from labctl.report.plots import drawing
from labctl.studies.walking import comparisons
from labctl.studies.walking.names import EVERYWHERE, ON_OFF, SIGNAL, TAILORED, UNIFORM, Trained
from labctl.studies.walking.results import Results, Setup
from models.robustness import Estimate, Midpoint
from models.robustness.survival import EXTREME

COLOURS: Mapping[str, str] = {"clean": "#0072b2", "noisy": "#d55e00"}
MARKERS: Mapping[str, str] = {"clean": "o", "noisy": "s"}
LABELS: Mapping[str, str] = {"clean": "trained without noise", "noisy": "trained with it"}
TRAINED: tuple[Trained, ...] = ("clean", "noisy")


def midpoint_figure(results: Results, setups: Sequence[Setup]) -> Figure:
    """Midpoints along the networks of one kind of noise, a panel for each network."""
    with drawing(9.5, 2.5 * ceil(len(setups) / 2)) as figure:
        for axes, setup in zip(_panels(figure, len(setups)), setups, strict=False):
            names = (EVERYWHERE, *results.injections(setup, "clean"))
            for shift, trained in zip((-0.12, 0.12), TRAINED, strict=True):
                levels = [results.midpoint(setup, trained, name) for name in names]
                _levels(axes, levels, shift, trained)
            axes.set_yscale("log")
            _label_decades(axes)
            axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
            axes.axvline(0.5, color="#1b1f24", lw=0.6)
            axes.set_title(setup.network, fontsize=9)
            axes.set_ylabel("midpoint", fontsize=8)
        _legend(figure)
    return figure


def _label_decades(axes: Axes) -> None:
    """Numbers at 1, 2 and 5 of a decade where there are too few decades for numbers of their own."""
    axes.yaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    if high < 100 * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def curve_figure(results: Results, setups: Sequence[Setup]) -> Figure:
    """Accuracy against the strength of noise everywhere, a panel for each network."""
    with drawing(9.5, 2.3 * ceil(len(setups) / 2)) as figure:
        for axes, setup in zip(_panels(figure, len(setups)), setups, strict=False):
            for trained in TRAINED:
                found = results.accuracies(setup, trained, EVERYWHERE)
                if found is None:
                    continue
                usual = found.strengths < EXTREME
                axes.plot(
                    found.strengths[usual], found.values[:, usual].T, ".", ms=3, color=COLOURS[trained], alpha=0.6
                )
                mean = found.values.mean(axis=0)[usual]
                axes.plot(found.strengths[usual], mean, "-", color=COLOURS[trained], lw=1.2, label=LABELS[trained])
            axes.axhline(results.chance(setup), color="#999999", lw=0.8, ls="--")
            axes.set_xscale("log")
            axes.set_ylim(0, 1.02)
            axes.set_title(setup.network, fontsize=9)
            axes.set_xlabel("strength everywhere", fontsize=8)
            axes.set_ylabel("accuracy", fontsize=8)
        _legend(figure)
    return figure


def growth_figure(results: Results, setups: Sequence[Setup]) -> Figure:
    """Growth of the signal at each point at the strongest noise that is borne there, against that strength."""
    with drawing(6.5, 3.4) as figure:
        axes = figure.subplots()
        for number, setup in enumerate(setups):
            found = comparisons.growths(results, setup, SIGNAL)
            at = [results.strongest_bearable(setup, name) for name in found]
            _bars(axes, [x or np.nan for x in at], list(found.values()), f"C{number}", setup.network)
        axes.axhline(1.0, color="#1b1f24", lw=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("strongest noise that is borne at the point")
        axes.set_ylabel("signal with over without noise")
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def level_figure(results: Results, setups: Sequence[Setup]) -> Figure:
    """Loss of accuracy with on and off alone against the variance of sizes that two levels explain more."""
    with drawing(6.5, 3.4) as figure:
        axes = figure.subplots()
        for number, setup in enumerate(setups):
            explained = comparisons.binarised(results, setup)
            kept = comparisons.coded(results, setup, "noisy", ON_OFF)
            names = [name for name in explained if name in kept]
            at = [explained[name].value for name in names]
            _bars(axes, at, [kept[name] for name in names], f"C{number}", setup.network)
        axes.axhline(0.0, color="#1b1f24", lw=0.8)
        axes.axvline(0.0, color="#1b1f24", lw=0.8)
        axes.set_xlabel("variance of sizes explained by two levels, with less without noise")
        axes.set_ylabel("accuracy with on and off less as they are")
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def execution_figure(results: Results, setups: Sequence[Setup]) -> Figure:
    """Accuracy against the mean repeats of an operation, uniform and tailored, a panel for each network."""
    with drawing(9.5, 2.3 * ceil(len(setups) / 2)) as figure:
        for axes, setup in zip(_panels(figure, len(setups)), setups, strict=False):
            executed = results.executed(setup)
            for budget, style in ((UNIFORM, "-o"), (TAILORED, "-s")):
                counts = sorted({count for count, kind in executed if kind == budget})
                means = [float(np.mean(executed[count, budget])) for count in counts]
                axes.plot(counts, means, style, ms=3.5, lw=1.2, label=budget, color=_BUDGETS[budget])
            axes.set_title(f"{setup.network}, strength {results.executed_strength(setup):.3g}", fontsize=9)
            axes.set_xlabel("mean executions of an operation", fontsize=8)
            axes.set_ylabel("accuracy", fontsize=8)
        _legend(figure)
    return figure


_BUDGETS = {UNIFORM: "#999999", TAILORED: "#009e73"}


def _panels(figure: Figure, count: int) -> list[Axes]:
    grid = figure.subplots(ceil(count / 2), 2, squeeze=False).ravel().tolist()
    for axes in grid[count:]:
        axes.set_axis_off()
    return list(grid[:count])


def _legend(figure: Figure) -> None:
    """One for all panels: from the first that has anything to name."""
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
            return


def _levels(axes: Axes, levels: Sequence[Midpoint | None], shift: float, trained: str) -> None:
    colour, label = COLOURS[trained], LABELS[trained]
    known = [(x + shift, m.estimate) for x, m in enumerate(levels) if m is not None and m.estimate.known]
    at, found = [x for x, _ in known], [item for _, item in known]
    low = [item.value - item.low for item in found]
    high = [min(item.high, 1e3 * item.value) - item.value for item in found]
    values = [item.value for item in found]
    axes.errorbar(at, values, (low, high), fmt=MARKERS[trained], ms=3.5, lw=0.9, color=colour, label=label)
    for x, level in enumerate(levels):
        if level is not None and level.status == "above":
            axes.plot([x + shift], [level.estimate.low], "^", ms=5, mfc="none", color=colour)
        elif level is not None and level.status == "below":
            axes.plot([x + shift], [level.estimate.high], "v", ms=5, mfc="none", color=colour)


def _bars(axes: Axes, at: Sequence[float], found: Sequence[Estimate], colour: str, label: str) -> None:
    shown = [(x, item) for x, item in zip(at, found, strict=True) if isfinite(item.low) and isfinite(item.high)]
    values = [item.value for _, item in shown]
    errors = ([item.value - item.low for _, item in shown], [item.high - item.value for _, item in shown])
    axes.errorbar([x for x, _ in shown], values, errors, fmt="o", ms=3.5, lw=0.8, color=colour, label=label)
