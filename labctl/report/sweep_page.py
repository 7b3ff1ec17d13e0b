"""The report of a sweep: what was sent, what came back, and how far repeats and columns spread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from data.errors import BadInput
from data.runfile import read_metadata
from data.sweep import SweepData
from data.sweepfile import read_sweep
from labctl.report import plots
from labctl.report.facts import facts
from labctl.report.page import Page

MOST_COORDINATES = 4


def page(path: Path) -> Page:
    """Build the page of a sweep run."""
    metadata = read_metadata(path)
    sweep = read_sweep(path)
    if not sweep.measured:
        raise BadInput(f"{path} holds no measured point, so there is nothing to report")
    plan = sweep.plan
    lead = f"{sweep.measured} of {plan.points} points, {plan.repeats} repeats each, {len(plan.weights)} programmes."
    result = Page(f"Sweep: {plan.kind}", lead, metadata.simulated)
    result.facts(facts(metadata))
    outputs = sweep.outputs[: sweep.measured].astype(np.float64)
    result.heading("Outputs")
    columns = outputs.shape[2]
    noise = outputs.std(axis=1, ddof=1) if plan.repeats > 1 else np.full((1, columns), np.nan)
    result.facts(
        {
            "range of codes": f"{outputs.min():.0f} to {outputs.max():.0f}",
            "trial noise (median over columns)": f"{np.nanmedian(np.sqrt((noise**2).mean(axis=0))):.2f} output codes",
            "spread over columns (median over points)": f"{np.median(outputs.mean(axis=1).std(axis=1)):.2f} codes",
        }
    )
    result.figure(_image(outputs), "Mean over repeats of every point (down) and column (across).")
    varied = [name for name, item in plan.coordinates.items() if len(np.unique(item.values[: sweep.measured])) > 1]
    if varied:
        result.heading("Over the coordinates")
        names = varied[:MOST_COORDINATES]
        figure = _over_coordinates(sweep, outputs, names)
        result.figure(
            figure,
            "Mean over columns, each with the sign of its mean output; bars are the standard error of the change from "
            "the first point.",
        )
    return result


def _image(outputs: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Figure:
    means = outputs.mean(axis=1)
    limit = float(np.abs(means).max()) or 1.0
    with plots.drawing(9.0, 3.6) as figure:
        axes = figure.subplots()
        image = axes.imshow(means, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_xlabel("column")
        axes.set_ylabel("point")
        axes.grid(visible=False)
        figure.colorbar(image, label="output codes")
    return figure


def _over_coordinates(
    sweep: SweepData, outputs: np.ndarray[tuple[int, ...], np.dtype[np.float64]], names: list[str]
) -> Figure:
    means = outputs.mean(axis=1)
    means *= np.sign(means.mean(axis=0))
    with plots.drawing(9.0, 3.0) as figure:
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names), sharey=True)), names, strict=True):
            coordinate = sweep.plan.coordinates[name]
            values = np.asarray(coordinate.values[: sweep.measured], dtype=np.float64)
            levels = np.unique(values)
            grouped = [means[values == level].mean(axis=0) for level in levels]
            middle = np.array([group.mean() for group in grouped])
            error = np.array([_error(group - grouped[0]) for group in grouped])
            axes.errorbar(levels, middle, error, fmt="o", ms=3, lw=0.8, color=plots.COLOURS["board"])
            unit = "" if coordinate.unit == "1" else f" / {coordinate.unit}"
            axes.set_xlabel(f"{coordinate.long_name}{unit}", fontsize=8)
        figure.supylabel("output x sign of the column / codes", fontsize=9)
    return figure


def _error(change: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Standard error of the mean change over columns."""
    return float(change.std() / np.sqrt(len(change)))
