"""The calibration record: fitted chip models of one board, their uncertainty, and where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.columns import ColumnFit, Name
from calibration.misfit import Misfit
from calibration.score import ResidualParts, Score
from calibration.selection import Candidate, model_name
from calibration.trend import Trend
from data.errors import BadInput
from data.values import Geometry, Identity, Schedule
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

METHOD: Final = (
    "batched Levenberg-Marquardt per column, joint Gauss-Newton for curves, common prior for the line, held-out choice "
    "of terms, errors by programmes, drift corrected to the end"
)
METHOD_VERSION: Final = 3

COVARIANCE_NAMES: Final = (
    "gain",
    "asymmetry",
    "offset",
    "tau_membrane_ns",
    "rail_low",
    "rail_high",
    "tau_line_ns",
    "line_limit",
    "noise",
)
"""The parameters whose covariance a record holds, in this order, in the units of ``ChipParameters``."""

_OF_COORDINATE: Final[dict[Name, str]] = {
    "leak": "tau_membrane_ns",
    "line_time": "tau_line_ns",
    "saturation": "line_limit",
}


class WrongBoard(BadInput):
    """A calibration was to be used with another board than the one it was measured on."""


@dataclass(frozen=True)
class CalibrationRecord:
    """What was found out about one board.

    Attributes:
        calibration_id: sortable id, that of the run file which holds the record.
        created: UTC, ISO 8601.
        identity: the board.
        geometry: its array.
        schedule: the working schedule.
        ordered: parameters of the chosen ordered model; those of the unordered one where no order effect was seen.
        unordered: parameters of the best order-blind model at the working schedule.
        covariance: of the ordered model's parameters (``COVARIANCE_NAMES``), shape (columns, 9, 9); NaN where a
            parameter is not in use or the data do not show it. What curves and row gains are unsure of is in it.
        passes: which columns can be used, shape (columns,).
        reasons: why a column does not pass, an empty string where it does.
        selection: the table from which the terms were chosen.
        ordered_score: of the ordered model on the held-out sweep.
        unordered_score: of the unordered model on the held-out sweep.
        parts: what the unordered residual is made of.
        misfit: what the ordered model leaves out, on the held-out sweep.
        runs: ids of the runs that were used.
        trend: how offsets and gains moved meanwhile; the models stand for the end of the last sweep.
        reference_gain: gain that held-out vectors like those of a probe show relative to the ordered model: where
            charge depends on the voltage, small signals see another gain than large ones. Probes compare with it.
        temperature_c: board temperature at the time in degrees Celsius, None when not known.
        method: how it was fitted.
        method_version: version of the method.
    """

    calibration_id: str
    created: str
    identity: Identity
    geometry: Geometry
    schedule: Schedule
    ordered: ChipParameters
    unordered: ChipParameters
    covariance: Floats
    passes: NDArray[np.bool_]
    reasons: tuple[str, ...]
    selection: tuple[Candidate, ...]
    ordered_score: Score
    unordered_score: Score
    parts: ResidualParts
    misfit: Misfit
    runs: tuple[str, ...]
    trend: Trend
    reference_gain: float = 1.0
    temperature_c: float | None = None
    method: str = METHOD
    method_version: int = METHOD_VERSION

    @property
    def order_effect_seen(self) -> bool:
        """Whether held-out evidence asks for an order-dependent term."""
        return bool(self.ordered.terms)

    @property
    def content_hash(self) -> str:
        """Eight hexadecimal digits that name the content (:func:`data.values.digest`)."""
        from calibration.recordfile import content_hash

        return content_hash(self)

    @property
    def columns(self) -> NDArray[np.intp]:
        """Indices of the passing columns."""
        return np.flatnonzero(self.passes)

    def standard_error(self, name: str) -> Floats:
        """One standard deviation of a parameter of the ordered model, shape (columns,); NaN where not fitted.

        Raises:
            BadInput: no such parameter.
        """
        if name not in COVARIANCE_NAMES:
            raise BadInput(f"there is no uncertainty of {name!r}; there is one of {', '.join(COVARIANCE_NAMES)}")
        index = COVARIANCE_NAMES.index(name)
        error: Floats = np.sqrt(self.covariance[:, index, index])
        return error

    def check_identity(self, identity: Identity) -> None:
        """Refuse another board than the one this record was measured on.

        Raises:
            WrongBoard: the board is another one, or runs another firmware.
        """
        mine = self.identity
        if (mine.manufacturer, mine.model, mine.serial_number) != (
            identity.manufacturer,
            identity.model,
            identity.serial_number,
        ):
            raise WrongBoard(
                f"calibration {self.calibration_id} belongs to {mine}, but this is {identity}; calibrate this board"
            )
        if mine.firmware != identity.firmware:
            raise WrongBoard(
                f"calibration {self.calibration_id} was measured with {mine}, but this is {identity}; "
                "another firmware may time events differently, calibrate again"
            )

    def save(self, path: Path) -> Path:
        """Write the record to a file: HDF5 that is NetCDF-4 too (:mod:`calibration.recordfile`)."""
        from calibration.recordfile import save_record

        return save_record(self, path)

    def summary(self) -> str:
        """A few lines for people."""
        ordered, unordered = self.ordered_score, self.unordered_score
        chosen = model_name(self.ordered.terms)
        failed = [f"  column {i}: {reason}" for i, reason in enumerate(self.reasons) if reason]
        table = [
            f"  {'*' if row.chosen else ' '} {row.name:<20} {row.residual_over_noise:8.3f} {row.behind:10.4f} "
            f"+- {row.error:.4f}"
            for row in self.selection
        ]
        return "\n".join(
            [
                f"calibration {self.calibration_id} of {self.identity}, {self.created}",
                f"ordered model: {chosen}" if self.order_effect_seen else "no order effect seen",
                f"held-out residual over trial noise: ordered {ordered.median:.3f}, unordered {unordered.median:.3f} "
                f"(all schedules: {ordered.median_all_schedules:.3f}, {unordered.median_all_schedules:.3f})",
                f"columns that pass: {int(self.passes.sum())} of {self.geometry.columns}",
                *failed[:8],
                *([f"  and {len(failed) - 8} more"] if len(failed) > 8 else []),
                "terms (residual over noise on the validation points of all schedules, loss behind the best):",
                *table,
            ]
        )


def load_record(path: Path | str) -> CalibrationRecord:
    """Read a calibration record.

    Raises:
        BadInput: no such file, damaged, or not a calibration.
    """
    from calibration.recordfile import read_record

    return read_record(Path(path))


def covariance_of(fit: ColumnFit, coordinates: Floats, noise_error: Floats) -> Floats:
    """Covariance of the fitted parameters in the units of ``ChipParameters``, shape (columns, 9, 9).

    Args:
        fit: the fitted columns.
        coordinates: covariance of the fitted coordinates, shape (columns, names, names).
        noise_error: standard error of each column's trial noise, shape (columns,).
    """
    count = len(COVARIANCE_NAMES)
    columns = len(fit.chi_square)
    covariance = np.full((columns, count, count), np.nan)
    slope = np.stack([_unit_slope(fit, name) for name in fit.names], axis=1)
    slope[np.einsum("caa->ca", fit.information) <= 0] = np.nan
    place = [COVARIANCE_NAMES.index(_OF_COORDINATE.get(name, name)) for name in fit.names]
    covariance[np.ix_(range(columns), place, place)] = coordinates * slope[:, :, None] * slope[:, None, :]
    noise = COVARIANCE_NAMES.index("noise")
    covariance[:, noise, noise] = noise_error**2
    return covariance


def _unit_slope(fit: ColumnFit, name: Name) -> Floats:
    """Derivative of the parameter by its fitted coordinate, shape (columns,)."""
    chip = fit.parameters
    if name == "gain":
        return chip.gain
    if name == "leak":
        return -(chip.tau_membrane_ns**2)
    if name == "saturation":
        return -(chip.line_limit**3) / 2
    return np.ones(len(fit.chi_square))
