"""How the calibrations of one board have changed over time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration.record import CalibrationRecord, load_record
from data.errors import BadInput
from labctl.calibrations.columns import PARAMETERS, parameters_in_use
from labctl.calibrations.looking import entry_of, list_calibrations, with_problem
from labctl.calibrations.values import CalibrationEntry, CalibrationHistory, HistoryPoint
from labctl.progress import Listener, Stop, never, silent

if TYPE_CHECKING:
    from labctl.calibrations.values import Floats

RESIDUALS = {
    "residual ordered": "residual of the ordered model / trial noise",
    "residual unordered": "residual of the order-blind model / trial noise",
}
TEMPERATURE = "temperature"
PASSING = "passing columns"


def calibration_history(
    folder: Path | str, board: str | None = None, *, listener: Listener = silent, stop: Stop = never
) -> CalibrationHistory:
    """The calibrations of one board in a folder of runs, oldest first.

    Args:
        folder: where they are.
        board: serial number; None for the board that was calibrated last.
        listener: hears of progress.
        stop: asked between files; true ends with those that have been read.

    Raises:
        BadInput: the folder cannot be listed.
    """
    known = list_calibrations(folder)
    chosen = board if board is not None else next((entry.board for entry in known if not entry.problem), "")
    points: list[HistoryPoint] = []
    unreadable: list[CalibrationEntry] = []
    wanted = [entry for entry in reversed(known) if entry.problem or entry.board == chosen]
    for number, entry in enumerate(wanted):
        if stop():
            break
        listener(number / len(wanted), entry.calibration_id)
        try:
            points.append(_point(load_record(entry.file), Path(entry.file)))
        except BadInput as error:
            unreadable.append(with_problem(entry, str(error)))
    labels = {item.name: item.axis for item in PARAMETERS}
    labels |= RESIDUALS | {TEMPERATURE: "board temperature / °C", PASSING: "columns that pass"}
    return CalibrationHistory(chosen, tuple(points), labels, tuple(unreadable))


def _point(record: CalibrationRecord, path: Path) -> HistoryPoint:
    passes = record.passes
    figures = {
        item.name: _quartiles(item.scale * getattr(record.ordered, item.name)[passes])
        for item in parameters_in_use(record)
    }
    for name, score in zip(RESIDUALS, (record.ordered_score, record.unordered_score), strict=True):
        figures[name] = _quartiles(score.residual_over_noise[passes])
    if record.temperature_c is not None:
        figures[TEMPERATURE] = (record.temperature_c,) * 3
    figures[PASSING] = (float(passes.sum()),) * 3
    return HistoryPoint(entry_of(record, path), datetime.fromisoformat(record.created).timestamp(), figures)


def _quartiles(values: Floats) -> tuple[float, float, float]:
    """Median, lower and upper quartile."""
    if not values.size:
        return (float("nan"),) * 3
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(median), float(low), float(high)
