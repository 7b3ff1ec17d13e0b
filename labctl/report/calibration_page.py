"""The report of a calibration: what was fitted, how sure, and how well it predicts what it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from calibration.record import CalibrationRecord, load_record
from data.runfile import read_metadata
from labctl.calibrations.columns import Shown, parameters_in_use
from labctl.report import plots
from labctl.report.facts import facts
from labctl.report.page import Page


def page(path: Path) -> Page:
    """Build the page of a calibration record."""
    record = load_record(path)
    lead = f"{record.identity}, calibrated {record.created}."
    result = Page("Calibration", lead, record.identity.simulated)
    result.facts(
        {
            **facts(read_metadata(path)),
            "working schedule": f"{record.schedule.spacing_ns} ns, {record.schedule.sends} sends",
            "method": f"{record.method} (version {record.method_version})",
            "measured in": ", ".join(record.runs),
        }
    )
    _score(result, record)
    _parameters(result, record)
    _columns(result, record)
    return result


def _score(result: Page, record: CalibrationRecord) -> None:
    result.heading("How well it predicts")
    if not record.order_effect_seen:
        result.text("No order effect was seen: held-out evidence asks for no order term, and both models agree.")
    result.text(
        "Residual of single trials on vectors that nothing was fitted to, as a multiple of the trial noise; 1 would be "
        "perfect. It can be a little below 1 where a rail clips part of the noise away."
    )
    rows = [
        [name, f"{score.median:.3f}", f"{score.median_all_schedules:.3f}"]
        for name, score in (("ordered", record.ordered_score), ("unordered", record.unordered_score))
    ]
    result.table(["model", "working schedule", "all schedules"], rows)
    result.figure(_histogram(record), "Held-out residual over trial noise of every column that passes.")
    result.text("Terms, chosen by held-out evidence: the simplest model within the error of the best.")
    candidates = [
        [
            row.name,
            f"{row.residual_over_noise:.3f}",
            f"{row.behind:.4f}",
            f"{row.error:.4f}",
            "yes" if row.chosen else "",
        ]
        for row in record.selection
    ]
    best = [(index, 0) for index, row in enumerate(record.selection) if row.chosen]
    result.table(["model", "residual over noise", "loss behind the best", "standard error", "chosen"], candidates, best)


def _histogram(record: CalibrationRecord) -> Figure:
    with plots.drawing(9.0, 3.0) as figure:
        axes = figure.subplots()
        scores = {
            "ordered": record.ordered_score.residual_over_noise[record.passes],
            "unordered": record.unordered_score.residual_over_noise[record.passes],
        }
        edges = np.linspace(0.8, max(2.0, float(np.quantile(scores["unordered"], 0.99))), 60)
        for name, values in scores.items():
            axes.hist(values, edges.tolist(), color=plots.COLOURS[name], alpha=0.75, label=name)
        axes.axvline(1.0, color="#1b1f24", lw=0.8, ls="--")
        axes.set_xlabel("held-out residual / trial noise")
        axes.set_ylabel("columns")
        axes.legend()
    return figure


def _parameters(result: Page, record: CalibrationRecord) -> None:
    result.heading("Parameters of the ordered model")
    shown = parameters_in_use(record)
    if "line" in record.ordered.terms:
        result.text(
            "Time constant and limit of the line describe one compression together and are strongly correlated: they "
            "are effective values, drawn towards what all columns share."
        )
    result.figure(_per_column(record, shown), "Every column that passes, with one standard error.")
    result.figure(_curves(record), "Curves that all columns share, as the difference from the ideal, and row gains.")


def _per_column(record: CalibrationRecord, shown: Sequence[Shown]) -> Figure:
    columns = record.columns
    with plots.drawing(9.0, 1.7 * len(shown)) as figure:
        for axes, item in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharex=True)), shown, strict=True):
            values = item.scale * getattr(record.ordered, item.name)[columns]
            errors = item.scale * np.nan_to_num(record.standard_error(item.name)[columns])
            plots.interval(axes, columns.astype(float), values, errors, item.name, plots.COLOURS["ordered"])
            axes.set_ylabel(item.axis, fontsize=7)
        axes.set_xlabel("column")
    return figure


def _curves(record: CalibrationRecord) -> Figure:
    ordered = record.ordered
    codes = np.arange(len(ordered.activation_curve))
    weights = np.arange(-record.geometry.weight_max, record.geometry.weight_max + 1)
    with plots.drawing(9.0, 2.8) as figure:
        left, middle, right = figure.subplots(1, 3)
        left.plot(codes, ordered.activation_curve - codes, "-", color=plots.COLOURS["ordered"])
        left.set_xlabel("activation code")
        left.set_ylabel("charge - ideal / codes")
        middle.plot(weights, ordered.weight_curve - weights, "-", color=plots.COLOURS["ordered"])
        middle.set_xlabel("weight code")
        right.plot(ordered.row_gain, ".", ms=3, color=plots.COLOURS["ordered"])
        right.set_xlabel("row")
        right.set_ylabel("row gain")
    return figure


def _columns(result: Page, record: CalibrationRecord) -> None:
    result.heading("Columns that do not pass")
    failed = {f"column {index}": reason for index, reason in enumerate(record.reasons) if reason}
    if failed:
        result.facts(failed)
    else:
        result.text("All columns pass.")
