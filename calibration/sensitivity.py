"""A model's prediction for observed points, and its derivatives by the parameters that are fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.line_walk import walk_line
from calibration.observations import Observations
from calibration.walks import (
    GAIN,
    HIGH,
    LEAK,
    LINE_SLOTS,
    LINE_TIME,
    LOW,
    NEGATIVE,
    POSITIVE,
    SATURATION,
    SLOTS,
    look_up,
    walk,
)
from models.kernels.cpu import parallel_kernels
from models.parameters import ChipParameters

Floats = NDArray[np.float64]
Single = NDArray[np.float32]

NO_LIMIT = 1e9
"""Line limit in charge from which on the line counts as one that does not saturate."""


@dataclass(frozen=True)
class Evaluation:
    """A model at observed points.

    Attributes:
        predicted: output before rounding, offset included, shape (points, columns).
        by_gain: derivative by the relative gain, d v / d ln gain.
        by_asymmetry: derivative by the asymmetry.
        by_leak: derivative by the leak rate 1 / tau, in codes times ns.
        by_low: derivative by the lower rail.
        by_high: derivative by the upper rail.
        by_line_time: derivative by the line's time constant in codes per ns; zero without *line*.
        by_saturation: derivative by the inverse square of the line's limit; zero without *line*.
        reach: derivative by the charge of each row, shape (points, rows, columns); empty unless asked for.
    """

    predicted: Single
    by_gain: Single
    by_asymmetry: Single
    by_leak: Single
    by_low: Single
    by_high: Single
    by_line_time: Single
    by_saturation: Single
    reach: Single


def evaluate(points: Observations, parameters: ChipParameters, *, reach: bool = False) -> Evaluation:
    """Predict every point of ``points`` and differentiate; nothing but the settings of the points is used.

    The prediction is that of :func:`models.kernels.membrane` plus the offset, to float32 rounding.
    """
    uses_line = parameters.ordered and "line" in parameters.terms
    shape = (points.points, points.geometry.columns)
    predicted = np.empty(shape, np.float32)
    slots = np.empty((shape[0], LINE_SLOTS if uses_line else SLOTS, shape[1]), np.float32)
    gradient = np.empty((shape[0] if reach else 0, points.geometry.rows, shape[1]), np.float32)
    gain = parameters.gain.astype(np.float32)
    charges = charge_of_weights(points.weights, parameters)
    settings = _Settings.of(points, parameters)
    rails = parameters.rail_low.astype(np.float32), parameters.rail_high.astype(np.float32)
    nowhere = np.full(shape[1], -np.inf, np.float32), np.full(shape[1], np.inf, np.float32)
    outputs = (predicted, slots, gradient)
    with parallel_kernels():
        if uses_line:
            line = parameters.tau_line_ns.astype(np.float32), saturation_of(parameters).astype(np.float32)
            job = (*settings.sequence(points, parameters), charges, *settings.decays, *rails, gain, *line, *outputs)
            walk_line(*job)
        else:
            clip = (*rails, *nowhere) if parameters.ordered else (*nowhere, *rails)
            job = (*settings.sequence(points, parameters), charges * gain, *settings.decays, *clip, *outputs)
            walk(*job)
    positive, negative = slots[:, POSITIVE], slots[:, NEGATIVE]
    asymmetry = parameters.asymmetry.astype(np.float32)
    zero = np.zeros(shape, np.float32)
    return Evaluation(
        predicted=predicted + parameters.offset.astype(np.float32),
        by_gain=slots[:, GAIN] if uses_line else positive + negative,
        by_asymmetry=positive / (1 + asymmetry) - negative / (1 - asymmetry),
        by_leak=slots[:, LEAK],
        by_low=slots[:, LOW],
        by_high=slots[:, HIGH],
        by_line_time=slots[:, LINE_TIME] if uses_line else zero,
        by_saturation=slots[:, SATURATION] if uses_line else zero,
        # The walk without line differentiates by charge times gain.
        reach=gradient if uses_line else gradient * gain,
    )


def predict(points: Observations, parameters: ChipParameters) -> Single:
    """Outputs before rounding, offset included, shape (points, columns), by the reference kernels of the models."""
    from models.kernels import membrane

    predicted = np.empty((points.points, points.geometry.columns), np.float32)
    for program, schedule, rows in groups(points):
        voltage = membrane(points.activations[rows], points.weights[program], parameters, points.schedules[schedule])
        predicted[rows] = voltage + parameters.offset
    return predicted


def groups(points: Observations) -> Iterator[tuple[int, int, NDArray[np.intp]]]:
    """Programme, schedule and point indices of the points that share both."""
    keys = points.program.astype(np.int64) * len(points.schedules) + points.schedule
    order = np.argsort(keys, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if len(rows):
            yield int(points.program[rows[0]]), int(points.schedule[rows[0]]), rows


def charge_of_weights(weights: NDArray[np.int8], parameters: ChipParameters) -> Single:
    """Charge of each weight at unit activation, shape of ``weights``: row gain, curve and asymmetry applied."""
    top = parameters.geometry.weight_max
    codes = np.arange(-top, top + 1)
    table = parameters.weight_curve[:, None] * (1 + parameters.asymmetry * np.sign(codes)[:, None])
    charges: Single = np.empty(weights.shape, np.float32)
    with parallel_kernels():
        look_up(weights, table.astype(np.float32), parameters.row_gain.astype(np.float32), charges)
    return charges


def saturation_of(parameters: ChipParameters) -> Floats:
    """Inverse square of the line's limit, 0 where it has none, shape (columns,)."""
    limit = parameters.line_limit
    return np.where(limit < NO_LIMIT, 1 / np.square(np.minimum(limit, NO_LIMIT)), 0.0)


@dataclass(frozen=True)
class _Settings:
    """The schedules of the points as arrays, one entry a schedule."""

    orders: NDArray[np.uint16]
    skip_zeros: NDArray[np.bool_]
    sends: NDArray[np.int64]
    spacing: Single
    settle: Single
    decays: tuple[Single, Single]

    @classmethod
    def of(cls, points: Observations, parameters: ChipParameters) -> _Settings:
        spacing = np.array([schedule.spacing_ns for schedule in points.schedules], np.float64)
        settle = np.array([schedule.settle_ns for schedule in points.schedules], np.float64)
        leak = leak_of(parameters)
        # The settle time begins one slot after the last event.
        decays = tuple(np.exp(-np.outer(time, leak)).astype(np.float32) for time in (spacing, spacing + settle))
        return cls(
            orders=np.array([schedule.order_array(points.geometry.rows) for schedule in points.schedules]),
            skip_zeros=np.array([schedule.skip_zeros for schedule in points.schedules]),
            sends=np.array([schedule.sends for schedule in points.schedules], np.int64),
            spacing=spacing.astype(np.float32),
            settle=settle.astype(np.float32),
            decays=(decays[0], decays[1]),
        )

    def sequence(self, points: Observations, parameters: ChipParameters) -> tuple[NDArray[np.generic], ...]:
        return (
            points.activations,
            points.program,
            points.schedule,
            self.orders,
            self.skip_zeros,
            self.sends,
            self.spacing,
            self.settle,
            parameters.activation_curve.astype(np.float32),
        )


def leak_of(parameters: ChipParameters) -> Floats:
    """Leak rate 1 / tau in 1/ns, 0 for an infinite time constant, shape (columns,)."""
    leak: Floats = 1 / parameters.tau_membrane_ns
    return leak
