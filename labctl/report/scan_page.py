"""The report of a scan: what was set, and every reading over the quantity that changed most often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data.errors import BadInput
from data.runfile import Run, read_run
from data.scan import SWEEP_MEAN
from data.scanrun import SWEEP_MEAN_VARIABLE, ScanData, scan_of, variable_names
from data.variables import Variable, is_text
from labctl.report import plots
from labctl.report.facts import facts
from labctl.report.page import Page

MOST_LINES = 8
SHADES = ("#1b1f24", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")


def page(path: Path) -> Page:
    """Build the page of a scan."""
    run = read_run(path)
    scan = scan_of(run)
    if not scan.measured:
        raise BadInput(f"{path} holds no measured setting, so there is nothing to report")
    names = variable_names(scan.plan)
    most = "at most " if scan.plan.adaptive else ""
    lead = f"{scan.measured} settings measured of {most}{scan.plan.count}."
    result = Page(f"Scan: {scan.plan.title or ', '.join(scan.plan.targets)}", lead, run.metadata.simulated)
    result.facts(facts(run.metadata))
    result.heading("Settings")
    rows = [_extent(run.variables[names[target]], scan.measured) for target in scan.plan.targets]
    result.table(["quantity", "from", "to", "different values"], rows)
    result.heading("Readings")
    read = {name: names[f"read {name}"] for name in scan.plan.read}
    if scan.plan.sweep is not None:
        read[SWEEP_MEAN] = SWEEP_MEAN_VARIABLE
    for name, variable in read.items():
        figure = _over_the_fastest(run, scan, names, variable)
        result.figure(figure, f"{name} at every setting, over the quantity that changed most often.")
    return result


def _extent(variable: Variable, measured: int) -> list[str]:
    values = variable.values[:measured]
    unit = "" if variable.unit == "1" else f" {variable.unit}"
    ends = (values[0], values[-1]) if is_text(values) else (values.min(), values.max())
    low, high = (str(end) if is_text(values) else f"{float(end):g}{unit}" for end in ends)
    return [variable.long_name, low, high, str(len(set(values.tolist())))]


def _over_the_fastest(run: Run, scan: ScanData, names: dict[str, str], variable: str) -> Figure:
    """A line for each combination of the slower quantities, of many the first few spread over all."""
    fastest = run.variables[names[scan.plan.targets[-1]]]
    reading = run.variables[variable]
    x, y = fastest.values[: scan.measured], np.asarray(reading.values[: scan.measured], np.float64)
    slower = [run.variables[names[target]].values[: scan.measured] for target in scan.plan.targets[:-1]]
    with plots.drawing(9.0, 3.4) as figure:
        axes = figure.subplots()
        if scan.plan.adaptive is not None and slower:
            dots = axes.scatter(np.asarray(slower[-1], np.float64), x, c=y, s=14, cmap="viridis")
            figure.colorbar(dots, label=_labelled(reading))
            _name(axes, run.variables[names[scan.plan.targets[-2]]], fastest)
            return figure
        combinations = list(zip(*(values.tolist() for values in slower), strict=True)) or [()] * len(x)
        for shade, combination in zip(SHADES, _spread(list(dict.fromkeys(combinations))), strict=False):
            here = np.array([other == combination for other in combinations])
            _line(axes, x[here], y[here], ", ".join(_short(value) for value in combination), shade)
        if slower:
            title = ", ".join(scan.plan.targets[:-1])
            axes.legend(title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0), title_fontsize=8, fontsize=8)
        _name(axes, fastest, reading)
    return figure


def _line(axes: Axes, x: NDArray[np.generic], y: NDArray[np.float64], label: str, colour: str) -> None:
    order = np.argsort(x, kind="stable")
    axes.plot(x[order], y[order], "o-", ms=3, lw=0.8, color=colour, label=label)


def _spread(items: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    picked = np.unique(np.linspace(0, len(items) - 1, min(len(items), MOST_LINES)).round().astype(int))
    return [items[index] for index in picked]


def _name(axes: Axes, across: Variable, up: Variable) -> None:
    axes.set_xlabel(_labelled(across))
    axes.set_ylabel(_labelled(up))


def _labelled(variable: Variable) -> str:
    return variable.long_name + ("" if variable.unit == "1" else f" / {variable.unit}")


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
