"""The figures of the hardening study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.report.plots import drawing
from labctl.studies.hardening.analysis import areas, bits_of, shown_ways, surfaces, title
from labctl.studies.hardening.findings import on_board
from labctl.studies.hardening.names import BOARD_TITLES, CONSTANT, CONVERTED, LEARNED, NOISY, PLAIN, TEST, TITLES, VANT
from labctl.studies.hardening.plan import BOARD_ARMS
from labctl.studies.hardening.results import Results, Subject, Way

ARM_COLOURS = {
    PLAIN: "#1b1f24",
    NOISY: "#0072b2",
    VANT: "#56b4e9",
    LEARNED: "#d55e00",
    CONSTANT: "#009e73",
    CONVERTED: "#999999",
}
_DASHES = {0: "-", 4: "--", 8: "-", 16: ":"}
"""Lines of quantised networks by their bits."""


def curve_figure(results: Results) -> Figure:
    """Accuracy against noise, a panel for each network; lines are means over seeds, bands their range."""
    subjects = results.subjects()
    with drawing(3.6 * len(subjects) + 2.4, 3.6) as figure:
        panels = _panels(figure, subjects)
        for axes, subject in zip(panels, subjects, strict=True):
            for way in shown_ways(results, subject):
                _curve(axes, results, subject, way)
            axes.set_xscale("log")
            axes.set_xlabel("noise (standard deviation)")
            axes.set_title(title(subject))
        panels[0].set_ylabel("accuracy of test inputs")
        _legend(figure, panels)
    return figure


def scale_figure(results: Results) -> Figure:
    """Area under the curve against the constant scale; the learned one as a line across."""
    subjects = results.subjects()
    with drawing(3.4 * len(subjects) + 2.0, 3.2) as figure:
        panels = _panels(figure, subjects)
        for axes, subject in zip(panels, subjects, strict=True):
            for bits in bits_of(results, subject):
                _scales(axes, results, subject, bits)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("constant scale")
            axes.set_title(title(subject))
        panels[0].set_ylabel("area under the curve")
        _legend(figure, panels)
    return figure


def surface_figure(results: Results) -> Figure:
    """Variance-aware less noisy training by the strength trained at and judged at, mean over seeds."""
    found = {subject: item for subject in results.subjects() if (item := surfaces(results, subject))}
    largest = max(0.02, *(float(np.abs(item.less.mean(axis=0)).max()) for item in found.values()))
    with drawing(3.2 * len(found) + 1.0, 3.2) as figure:
        panels = _panels(figure, list(found))
        for axes, (subject, item) in zip(panels, found.items(), strict=True):
            less = 100 * item.less.mean(axis=0)
            image = axes.pcolormesh(
                item.judged, item.trained, less, cmap="RdBu", vmin=-100 * largest, vmax=100 * largest
            )
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("judged at")
            axes.set_title(title(subject))
            axes.grid(visible=False)
        panels[0].set_ylabel("trained at")
        figure.colorbar(image, ax=panels, label="points of accuracy")
    return figure


def board_figure(results: Results) -> Figure:
    """Accuracy on the board by arm; each point is one board and seed, bars are means."""
    conditions = results.conditions()
    with drawing(3.2 * len(conditions) + 2.6, 3.0) as figure:
        panels = _panels(figure, conditions)
        for axes, condition in zip(panels, conditions, strict=True):
            for place, arm in enumerate(BOARD_ARMS):
                values = list(on_board(results, condition, arm).values())
                at = place + np.linspace(-0.15, 0.15, len(values))
                label = BOARD_TITLES[arm] if axes is panels[0] else None
                axes.plot(at, values, "o", ms=4, alpha=0.75, color=ARM_COLOURS[arm], label=label)
                axes.hlines(np.mean(values) if values else np.nan, place - 0.3, place + 0.3, color=ARM_COLOURS[arm])
            axes.set_xticks([])
            axes.set_title(f"{condition} board")
            axes.set_ylim(0, 1)
        panels[0].set_ylabel("accuracy of unseen voices")
        figure.legend(loc="outside right upper")
    return figure


def _panels(figure: Figure, of: Sequence[object]) -> list[Axes]:
    found: list[Axes] = list(figure.subplots(1, len(of), sharey=True, squeeze=False)[0])
    return found


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One entry for each label of any panel."""
    found = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(found.values()), list(found), loc="outside right upper")


def _curve(axes: Axes, results: Results, subject: Subject, way: Way) -> None:
    judged = results.matched(subject, way, TEST)
    if judged is None:
        return
    label = TITLES[way.arm] + (f", {way.bits} bit" if way.bits else "")
    colour, mean = ARM_COLOURS[way.arm], judged.values.mean(axis=0)
    axes.plot(judged.strengths, mean, _DASHES[way.bits], color=colour, lw=1.4, label=label)
    low, high = judged.values.min(axis=0), judged.values.max(axis=0)
    axes.fill_between(judged.strengths, low, high, color=colour, alpha=0.12, lw=0)


def _scales(axes: Axes, results: Results, subject: Subject, bits: int) -> None:
    found = {
        way.scale: areas(judged)
        for way in results.ways(subject)
        if way.arm == CONSTANT and way.bits == bits and (judged := results.judged(subject, way, TEST))
    }
    at, values = list(found), [item.value for item in found.values()]
    reach = [[item.value - item.low for item in found.values()], [item.high - item.value for item in found.values()]]
    colour = ARM_COLOURS[CONSTANT]
    errors = np.where(np.isfinite(reach), reach, 0.0)
    label = f"{TITLES[CONSTANT]}, {bits} bit"
    axes.errorbar(at, values, errors, fmt=f"{_DASHES[bits]}o", color=colour, ms=3.5, lw=1.2, label=label)
    learned = results.judged(subject, Way(LEARNED, bits), TEST)
    if learned is not None:
        label = f"{TITLES[LEARNED]}, {bits} bit"
        axes.axhline(areas(learned).value, ls=_DASHES[bits], color=ARM_COLOURS[LEARNED], lw=1.2, label=label)
