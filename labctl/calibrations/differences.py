"""A calibration less another one of the same board, in units of what either is unsure of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from calibration.record import CalibrationRecord, WrongBoard, load_record
from labctl.calibrations.columns import Shown, parameters_in_use
from labctl.calibrations.looking import entry_of
from labctl.calibrations.values import CalibrationDifference, ParameterDifference

if TYPE_CHECKING:
    from labctl.calibrations.values import Floats

BEYOND: Final = 3.0
"""Standard errors from which on a column has changed."""

_NORMAL: Final = 0.6745
"""Median of the absolute value of a standard normal variable."""


def compare_calibrations(one: Path | str, other: Path | str) -> CalibrationDifference:
    """Differences of the parameters of two calibrations, column by column.

    Args:
        one: run file of a calibration.
        other: run file of the one that is taken off it.

    Raises:
        WrongBoard: they are of different boards.
        BadInput: no such file, damaged, or no calibration.
    """
    first, second = load_record(one), load_record(other)
    if first.identity.serial_number != second.identity.serial_number or first.geometry != second.geometry:
        raise WrongBoard(
            f"calibration {first.calibration_id} is of {first.identity}, {second.calibration_id} of "
            f"{second.identity}; compare calibrations of one board"
        )
    known = {item.name for item in parameters_in_use(second)}
    shared = [item for item in parameters_in_use(first) if item.name in known]
    passes = (first.passes, second.passes)
    return CalibrationDifference(
        one=entry_of(first, Path(one)),
        other=entry_of(second, Path(other)),
        parameters=tuple(_difference(first, second, item) for item in shared),
        gained=tuple(np.flatnonzero(passes[0] & ~passes[1]).tolist()),
        lost=tuple(np.flatnonzero(passes[1] & ~passes[0]).tolist()),
        facts=_facts(first, second),
    )


def _difference(one: CalibrationRecord, other: CalibrationRecord, shown: Shown) -> ParameterDifference:
    both = one.passes & other.passes
    difference = np.where(both, _taken(one, shown), np.nan) - np.where(both, _taken(other, shown), np.nan)
    error = shown.scale * np.hypot(one.standard_error(shown.name), other.standard_error(shown.name))
    with np.errstate(invalid="ignore", divide="ignore"):
        in_errors = np.where(error > 0, difference / error, np.nan)
    known = in_errors[np.isfinite(in_errors)]
    return ParameterDifference(
        name=shown.name,
        label=shown.label,
        unit=shown.unit,
        difference=difference,
        in_errors=in_errors,
        median=float(np.median(difference[both])) if both.any() else float("nan"),
        typical=float(np.median(np.abs(known))) / _NORMAL if known.size else float("nan"),
        beyond=int((np.abs(known) > BEYOND).sum()),
    )


def _taken(record: CalibrationRecord, shown: Shown) -> Floats:
    values: Floats = shown.scale * getattr(record.ordered, shown.name)
    return values


def _facts(one: CalibrationRecord, other: CalibrationRecord) -> tuple[tuple[str, str, str], ...]:
    rows = [
        ("created", *(item.created for item in (one, other))),
        ("firmware", *(item.identity.firmware for item in (one, other))),
        ("terms", *(" + ".join(sorted(item.ordered.terms)) or "none" for item in (one, other))),
        ("residual over noise", *(f"{item.ordered_score.median:.3f}" for item in (one, other))),
        ("columns that pass", *(str(int(item.passes.sum())) for item in (one, other))),
        (
            "temperature",
            *("unknown" if item.temperature_c is None else f"{item.temperature_c:.1f} °C" for item in (one, other)),
        ),
    ]
    return tuple((label, first, second) for label, first, second in rows if first != second)
