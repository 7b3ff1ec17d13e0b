"""A calibration in words, rows and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gui.models.spans import ago
from labctl.calibrations.values import (
    CalibrationDifference,
    CalibrationEntry,
    CalibrationView,
    ColumnParameter,
    ParameterDifference,
)
from labctl.service.messages import Light
from labctl.service.messages_calibration import CalibrationInUse

INTERVAL: Final = 1.645
"""Half of a 90 % interval in standard errors."""

OUTLIER, FAILS = "outlier", "fails"


@dataclass(frozen=True, slots=True)
class Choice:
    """A calibration to choose.

    Attributes:
        text: when, which board, and what is special.
        tip: all of it.
        file: its run file.
        usable: whether it can be opened.
    """

    text: str
    tip: str
    file: str
    usable: bool


def local_time(iso: str) -> str:
    """A time of a file as the clock on the wall says it."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso or "unknown time"


def age(iso: str, now: float) -> str:
    """How old it is, in words; empty where nobody knows."""
    try:
        return ago(max(0.0, now - datetime.fromisoformat(iso).timestamp()))
    except ValueError:
        return ""


def choice(entry: CalibrationEntry, in_use: CalibrationInUse, newest: bool, now: float) -> Choice:
    """A line of the list of calibrations."""
    marks = []
    if entry.calibration_id == in_use.calibration_id or (newest and not in_use.calibration_id):
        marks.append("in use")
    if entry.simulated:
        marks.append("SIMULATED")
    if entry.problem:
        marks.append("cannot be read")
    text = "  ·  ".join([local_time(entry.created), *marks, entry.board or "unknown board"])
    tip = "\n".join(part for part in (entry.calibration_id, age(entry.created, now), entry.file, entry.problem) if part)
    return Choice(text, tip, entry.file, not entry.problem)


def in_use_words(in_use: CalibrationInUse, any_there: bool) -> tuple[Light, str]:
    """What live runs and comparisons use, as light and sentence."""
    if not any_there:
        return "off", "In use: none, the folder holds no calibration."
    if not in_use.calibration_id:
        return "off", "In use: the latest calibration of the folder, probed when it is used."
    light: Light = "ok" if in_use.words.startswith("fresh") else "warning"
    return light, f"In use: {in_use.calibration_id}. Probe: {in_use.words}"


def headline(view: CalibrationView) -> str:
    """What a calibration says, in two sentences."""
    ordered, unordered, all_ordered, all_unordered = view.held_out.medians
    if not view.order_effect_seen:
        return (
            f"No order effect was seen: both models agree. Held-out residual {ordered:.3f} times the trial noise; 1 "
            "would be perfect."
        )
    return (
        f"Held-out residual over trial noise: ordered {ordered:.3f}, order-blind {unordered:.3f} at the working "
        f"schedule; {all_ordered:.3f} and {all_unordered:.3f} over all schedules. 1 would be perfect."
    )


def facts(view: CalibrationView, now: float) -> list[tuple[str, str]]:
    """What is known of a calibration, with its age."""
    created = view.entry.created
    return [*view.facts[:2], ("created", f"{local_time(created)} ({age(created, now)})"), *view.facts[2:]]


def model_rows(view: CalibrationView) -> list[tuple[str, ...]]:
    """The table of nested models."""
    return [
        (
            f"{row.name} ✓" if row.chosen else row.name,
            f"{row.residual:.3f}",
            f"{row.behind:.4f}",
            f"{row.error:.4f}",
        )
        for row in view.models
    ]


def part_rows(view: CalibrationView) -> list[tuple[str, ...]]:
    """What the order-blind residual is made of, median over the passing columns in codes."""
    words = {"trial_noise": "trial noise", "misfit": "misfit, stays with both", "order": "order, only ordered explains"}
    passing = view.passes
    return [
        (words.get(name, name), f"{np.median(values[passing]):.2f}" if passing.any() else "–")
        for name, values in view.held_out.parts.items()
    ]


def parameter(view: CalibrationView, name: str) -> ColumnParameter | None:
    """A parameter by name."""
    return next((item for item in view.parameters if item.name == name), None)


def column_order(item: ColumnParameter, by_value: bool) -> NDArray[np.intp]:
    """In which order the columns stand, shape (columns,)."""
    if not by_value:
        return np.arange(len(item.values))
    return np.argsort(np.nan_to_num(item.values, nan=np.inf), kind="stable")


def figure(value: float, error: float) -> str:
    """A value to two figures of its error."""
    if not np.isfinite(value):
        return "–"
    if not np.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    digits = min(12, max(0, 1 - int(np.floor(np.log10(error)))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def column_mark(view: CalibrationView, item: ColumnParameter, column: int) -> str:
    """What is special about a column, in words."""
    if not view.passes[column]:
        return f"{FAILS}: {view.reasons[column]}"
    if item.outliers[column]:
        return f"{OUTLIER}: {(item.values[column] - item.median) / item.spread:+.1f} robust standard deviations"
    return ""


def parameter_rows(view: CalibrationView, item: ColumnParameter, order: NDArray[np.intp]) -> list[tuple[str, str, str]]:
    """Column, value with its 90 % interval, and what is special, for every column in this order."""
    return [
        (
            str(column),
            figure(float(item.values[column]), INTERVAL * float(item.errors[column])),
            column_mark(view, item, column),
        )
        for column in order.tolist()
    ]


def parameter_words(item: ColumnParameter, passing: int) -> str:
    """A parameter over the columns, in a line."""
    count = int(item.outliers.sum())
    few = f"{count} outlier{'s' if count != 1 else ''}"
    return f"median {item.median:.4g} {item.unit}, spread {item.spread:.2g} over {passing} passing columns, {few}"


def column_words(view: CalibrationView, column: int) -> str:
    """All of one column, in a line."""
    if not view.passes[column]:
        return f"column {column} fails: {view.reasons[column]}"
    ordered, unordered = view.held_out.ordered[column], view.held_out.unordered[column]
    return f"column {column} passes; residual over noise: ordered {ordered:.2f}, order-blind {unordered:.2f}"


def failing_rows(view: CalibrationView) -> list[tuple[str, str]]:
    """The columns that fail, with the reason."""
    return [(str(column), reason) for column, reason in enumerate(view.reasons) if reason]


def difference_rows(difference: CalibrationDifference) -> list[tuple[str, ...]]:
    """The table of a comparison, one parameter a line."""
    return [
        (
            item.label,
            f"{item.median:+.3g} {item.unit}".strip(),
            "–" if not np.isfinite(item.typical) else f"{item.typical:.2f}",
            str(item.beyond),
        )
        for item in difference.parameters
    ]


def difference_words(difference: CalibrationDifference) -> str:
    """What has changed, in a sentence."""
    moved = [item.label for item in difference.parameters if item.typical > 2]
    words = [f"Moved by more than twice what either is unsure of: {', '.join(moved)}." if moved else ""]
    words.append("" if moved else "No parameter has moved by more than twice what either is unsure of.")
    words.append(_columns("now fail", difference.lost))
    words.append(_columns("pass again", difference.gained))
    words += [f"{label}: {one}, before {other}." for label, one, other in difference.facts if label != "created"]
    return " ".join(word for word in words if word)


def difference_of(difference: CalibrationDifference, name: str) -> ParameterDifference | None:
    """A parameter's difference by name."""
    return next((item for item in difference.parameters if item.name == name), None)


def earlier(entries: Sequence[CalibrationEntry], file: str) -> list[CalibrationEntry]:
    """Readable calibrations of the same board, those before it first, the nearest first."""
    at = next((index for index, item in enumerate(entries) if item.file == file), None)
    if at is None:
        return []
    board = entries[at].board
    others = [item for item in (*entries[at + 1 :], *reversed(entries[:at])) if not item.problem]
    return [item for item in others if item.board == board]


def _columns(what: str, columns: tuple[int, ...]) -> str:
    if not columns:
        return ""
    shown = ", ".join(str(column) for column in columns[:8]) + (", …" if len(columns) > 8 else "")
    return f"{len(columns)} column{'s' if len(columns) != 1 else ''} {what} ({shown})."
