"""The parameters of a calibration that have a value a column, as people want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.calibrations.values import ColumnParameter, Floats, Mask

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord

OUTLIER: Final = 3.5
"""Modified z-score from which on a column is an outlier: Iglewicz and Hoaglin, *How to Detect and Handle Outliers*
(1993), section 3.3; of a thousand normal ones fewer than one is that far out."""

ROBUST: Final = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a parameter is shown.

    Attributes:
        name: as in :class:`models.parameters.ChipParameters`.
        label: in words.
        unit: for people; empty for a number without unit.
        scale: from the parameter's own unit to ``unit``.
    """

    name: str
    label: str
    unit: str
    scale: float = 1.0

    @property
    def axis(self) -> str:
        """For an axis: label and unit."""
        return f"{self.label} / {self.unit}" if self.unit else self.label


PARAMETERS: Final = (
    Shown("gain", "gain", "codes/charge"),
    Shown("asymmetry", "asymmetry", "%", 100.0),
    Shown("offset", "offset", "codes"),
    Shown("noise", "trial noise", "codes"),
    Shown("tau_membrane_ns", "membrane time constant", "µs", 1e-3),
    Shown("rail_low", "lower rail", "codes"),
    Shown("rail_high", "upper rail", "codes"),
    Shown("tau_line_ns", "line time constant", "ns"),
    Shown("line_limit", "line limit", "charge"),
)
_OF_THE_LINE: Final = ("tau_line_ns", "line_limit")


def parameters_in_use(record: CalibrationRecord) -> tuple[Shown, ...]:
    """Those that the ordered model of a calibration has."""
    chip = record.ordered
    return tuple(
        item
        for item in PARAMETERS
        if ("line" in chip.terms or item.name not in _OF_THE_LINE)
        and np.isfinite(getattr(chip, item.name)[record.passes]).all()
    )


def column_parameters(record: CalibrationRecord) -> tuple[ColumnParameter, ...]:
    """The parameters of a calibration with errors and outliers."""
    return tuple(_column_parameter(record, item) for item in parameters_in_use(record))


def _column_parameter(record: CalibrationRecord, shown: Shown) -> ColumnParameter:
    values = shown.scale * getattr(record.ordered, shown.name)
    errors = abs(shown.scale) * record.standard_error(shown.name)
    median, spread = robust(values[record.passes])
    return ColumnParameter(
        name=shown.name,
        label=shown.label,
        unit=shown.unit,
        values=values,
        errors=errors,
        outliers=outliers(values, median, spread) & record.passes,
        median=median,
        spread=spread,
    )


def robust(values: Floats) -> tuple[float, float]:
    """Median and robust standard deviation; NaN where there is nothing."""
    known = values[np.isfinite(values)]
    if not known.size:
        return float("nan"), float("nan")
    median = float(np.median(known))
    return median, ROBUST * float(np.median(np.abs(known - median)))


def outliers(values: Floats, median: float, spread: float) -> Mask:
    """Which values are far from the others, same shape; none where all are the same."""
    if not spread > 0:
        return np.zeros(values.shape, np.bool_)
    return np.asarray(np.abs(values - median) > OUTLIER * spread, np.bool_)
