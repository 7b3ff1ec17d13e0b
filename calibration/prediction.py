"""What a calibrated board will answer on average, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibration.misfit import CHUNK, squared_contributions
from calibration.observations import Observations
from calibration.record import COVARIANCE_NAMES, CalibrationRecord
from calibration.score import expected_output
from calibration.sensitivity import Evaluation, evaluate
from data.errors import BadInput
from data.values import Activations, Schedule, Weights, check_activations, check_weights
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

_ROUNDING: Final = 0.5
"""An ADC that rounds down reads this much low on average, in codes."""


@dataclass(frozen=True)
class Prediction:
    """Expected outputs.

    Attributes:
        mean: mean output in codes over many repeats, shape (vectors, columns).
        error: standard error of ``mean`` in codes: of the parameters, and what the model leaves out, same shape.
        parameter_error: the part of ``error`` that more or better sweeps could lower, same shape.
    """

    mean: Floats
    error: Floats
    parameter_error: Floats

    def interval(self, confidence: float = 0.9) -> tuple[Floats, Floats]:
        """Lower and upper end of the central interval that holds the true mean with this probability.

        Raises:
            BadInput: the confidence is not between 0 and 1.
        """
        reach = quantile(confidence) * self.error
        return self.mean - reach, self.mean + reach


def quantile(confidence: float) -> float:
    """Half-width, in standard errors, of a central normal interval.

    Raises:
        BadInput: the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise BadInput(f"the confidence is {confidence}; it must lie between 0 and 1")
    return float(ndtri(0.5 + confidence / 2))


def predict_outputs(
    record: CalibrationRecord, weights: Weights, activations: Activations, schedule: Schedule
) -> Prediction:
    """Mean outputs of the calibrated board by the ordered model, with their errors.

    The error holds the covariance of the parameters, to first order, and the misfit that the held-out sweep showed
    (:class:`calibration.misfit.Misfit`). It holds for settings like those of that sweep, and for the time when the last
    sweep ended (:class:`calibration.trend.Trend`); what has drifted since, a probe shows.

    Args:
        record: the calibration.
        weights: shape (rows, columns).
        activations: shape (vectors, rows).
        schedule: how the vectors are sent.

    Raises:
        BadInput: codes or a schedule that the board cannot take.
    """
    schedule.check(record.geometry)
    codes = check_activations(activations, record.geometry)
    matrix = check_weights(weights, record.geometry)
    mean, error, own = np.empty((3, len(codes), record.geometry.columns))
    for first in range(0, len(codes), CHUNK):
        part = slice(first, first + CHUNK)
        mean[part], error[part], own[part] = _predict(record, _settings(record, matrix, codes[part], schedule))
    return Prediction(mean, error, own)


def _predict(record: CalibrationRecord, points: Observations) -> tuple[Floats, Floats, Floats]:
    chip = record.ordered
    here = evaluate(points, chip, reach=True)
    slope = derivatives_by_parameter(here, chip)
    variance = np.einsum("apc,cab,bpc->pc", slope, np.nan_to_num(record.covariance), slope, optimize=True)
    misfit = record.misfit.variance(squared_contributions(points, chip, here), here.predicted - chip.offset)
    expected = expected_output(here.predicted, chip.noise, record.geometry)
    return expected - _ROUNDING, np.sqrt(variance + misfit), np.sqrt(variance)


def derivatives_by_parameter(here: Evaluation, chip: ChipParameters) -> Floats:
    """Derivatives of the prediction by the parameters of the covariance, shape (parameters, points, columns)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        table: dict[str, NDArray[np.floating]] = {
            "gain": here.by_gain / chip.gain,
            "asymmetry": here.by_asymmetry,
            "offset": np.ones_like(here.by_gain),
            "tau_membrane_ns": -here.by_leak / chip.tau_membrane_ns**2,
            "rail_low": here.by_low,
            "rail_high": here.by_high,
            "tau_line_ns": here.by_line_time,
            "line_limit": -2 * here.by_saturation / chip.line_limit**3,
            "noise": np.zeros_like(here.by_gain),
        }
    return np.nan_to_num(np.stack([table[name] for name in COVARIANCE_NAMES]).astype(np.float64))


def _settings(record: CalibrationRecord, weights: Weights, codes: Activations, schedule: Schedule) -> Observations:
    """The vectors as points, nothing measured."""
    count, nothing = len(codes), np.zeros((len(codes), record.geometry.columns))
    first = np.zeros(count, np.intp)
    return Observations(
        geometry=record.geometry,
        weights=weights[None],
        schedules=(schedule,),
        activations=codes,
        program=first,
        schedule=first,
        kind=first,
        kinds=("prediction",),
        mean=nothing,
        variance=nothing,
        count=np.ones(count, np.int64),
        clamped=nothing > 0,
        time=np.zeros(count),
    )
