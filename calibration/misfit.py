"""What a fitted model leaves out, and how it grows: the variance of the misfit at any setting.

Single synapses differ from what row and column gains say, so a part of the misfit grows with the contributions of the
single events, added in squares as independent errors are; another part, bends of the read-out and of the charge with
the voltage, grows with the voltage; and there may be a floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from calibration.noise import total_noise
from calibration.observations import Observations
from calibration.score import expected_output
from calibration.sensitivity import Evaluation, charge_of_weights, evaluate
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

CHUNK: Final = 64
"""Points whose derivatives by every synapse are held in memory at once."""
_GROSS: Final = 16.0
"""Squared residuals count at most this many of their variances."""
_ROUNDS: Final = 5


@dataclass(frozen=True)
class Misfit:
    """Variance of the misfit, common to all columns.

    Attributes:
        floor: in codes squared.
        charge: per squared contribution of the single events; its root is their typical relative error.
        voltage: per squared membrane voltage.
    """

    floor: float = 0.0
    charge: float = 0.0
    voltage: float = 0.0

    def variance(self, squares: Floats, voltage: Floats) -> Floats:
        """Variance in codes squared.

        Args:
            squares: sum of the squared contributions of all events (:func:`squared_contributions`), codes squared.
            voltage: before offset, in codes, same shape.
        """
        variance: Floats = self.floor + self.charge * squares + self.voltage * voltage**2
        return variance


def squared_contributions(points: Observations, chip: ChipParameters, here: Evaluation) -> Floats:
    """Sum over the rows of the squared change of the output by each row's charge, shape (points, columns).

    Args:
        points: settings.
        chip: the model.
        here: the model at ``points``, with its reach.
    """
    used, program = np.unique(points.program, return_inverse=True)
    charges = charge_of_weights(points.weights[used], chip)
    curve = chip.activation_curve.astype(np.float32)
    squares = np.empty((points.points, points.geometry.columns))
    for point in range(points.points):
        charge = charges[program[point]] * curve[points.activations[point]][:, None]
        squares[point] = np.square(here.reach[point] * charge).sum(axis=0)
    return squares


def fit_misfit(held_out: Observations, chip: ChipParameters, passing: NDArray[np.bool_]) -> Misfit:
    """Variance of the misfit from points that nothing was fitted to, by weighted non-negative least squares.

    Args:
        held_out: those points.
        chip: the fitted model.
        passing: columns that count, shape (columns,).
    """
    columns = np.flatnonzero(passing)
    seen, part = held_out.select_columns(columns), chip.select(columns)
    terms, square, trial = [], [], []
    for first in range(0, held_out.points, CHUNK):
        points = seen.select(np.arange(first, min(first + CHUNK, held_out.points)))
        here = evaluate(points, part, reach=True)
        expected = expected_output(here.predicted, part.noise, points.geometry)
        used = ~points.clamped
        terms.append(_terms(points, part, here)[:, used])
        square.append(np.square(points.mean - expected)[used])
        trial.append(np.broadcast_to(total_noise(part.noise) ** 2 / points.count[:, None], used.shape)[used])
    return _solve(np.concatenate(terms, axis=1), np.concatenate(square), np.concatenate(trial))


def _terms(points: Observations, chip: ChipParameters, here: Evaluation) -> Floats:
    voltage = here.predicted - chip.offset
    return np.stack([np.ones_like(voltage), squared_contributions(points, chip, here), voltage**2])


def _solve(terms: Floats, square: Floats, trial: Floats) -> Misfit:
    """Squared residuals have a spread like their mean, so each counts by what it is expected to be."""
    if not len(square):
        return Misfit()
    variance = np.maximum(square.mean() - trial.mean(), 0.0) * np.ones_like(square)
    found = np.zeros(3)
    for _ in range(_ROUNDS):
        weight = 1 / np.maximum(variance + trial, 1e-12)
        capped = np.minimum(square, _GROSS * (variance + trial)) - trial
        scale = np.maximum(np.sqrt(np.mean((terms * weight) ** 2, axis=1)), 1e-30)
        found = nnls((terms / scale[:, None] * weight).T, capped * weight)[0] / scale
        variance = found @ terms
    return Misfit(*(float(value) for value in found))
