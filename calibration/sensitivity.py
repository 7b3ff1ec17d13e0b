"""A model's prediction for observed points, and its derivatives by the parameters that are fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration import tangents
from calibration.line_tangents import walk_line_forward
from calibration.line_walk import walk_line_back
from calibration.observations import Observations
from calibration.tangents import walk_forward
from calibration.walks import look_up, walk_back
from models.kernels.cpu import parallel_kernels
from models.kernels.tiles import WIDTH
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
    used, program = np.unique(points.program, return_inverse=True)
    if len(used) < len(points.weights):
        points = replace(points, weights=points.weights[used], program=program)
    shape = (points.points, points.geometry.columns)
    predicted, slots = _forward(points, parameters)
    zero = np.zeros((1, 1), np.float32)
    uses_line = _uses_line(parameters)
    return Evaluation(
        predicted=predicted + parameters.offset.astype(np.float32),
        by_gain=slots[:, tangents.GAIN],
        by_asymmetry=slots[:, tangents.ASYMMETRY],
        by_leak=slots[:, tangents.LEAK],
        by_low=slots[:, tangents.LOW],
        by_high=slots[:, tangents.HIGH],
        by_line_time=slots[:, tangents.LINE_TIME] if uses_line else np.broadcast_to(zero, shape),
        by_saturation=slots[:, tangents.SATURATION] if uses_line else np.broadcast_to(zero, shape),
        reach=_reach(points, parameters) if reach else np.empty((0, points.geometry.rows, shape[1]), np.float32),
    )


def _uses_line(parameters: ChipParameters) -> bool:
    return parameters.ordered and "line" in parameters.terms


def _rails(parameters: ChipParameters) -> tuple[Floats, Floats, Floats, Floats]:
    """The rails of every event, and those of the finished sum."""
    nowhere = np.full_like(parameters.gain, np.inf)
    mine = parameters.rail_low, parameters.rail_high
    return (*mine, -nowhere, nowhere) if parameters.ordered else (-nowhere, nowhere, *mine)


def _forward(points: Observations, parameters: ChipParameters) -> tuple[Single, Single]:
    """Predictions without offset, shape (points, columns), and slots of :mod:`calibration.tangents`."""
    columns, uses_line = points.geometry.columns, _uses_line(parameters)
    predicted = np.empty((points.points, columns), np.float32)
    slots = np.empty((points.points, tangents.LINE_SLOTS if uses_line else tangents.SLOTS, columns), np.float32)
    settings = _Settings.of(points, parameters)
    skew = np.stack([1 / (1 + parameters.asymmetry), -1 / (1 - parameters.asymmetry)])
    timed = (*settings.sequence(points), settings.spacing, settings.settle, settings.curve)
    if uses_line:
        charges = _charges(points.weights, parameters, np.ones(columns), padded=True)
        own: tuple[Floats, ...] = (
            *_rails(parameters)[:2],
            parameters.gain,
            parameters.tau_line_ns,
            saturation_of(parameters),
            skew,
        )
    else:
        charges = _charges(points.weights, parameters, parameters.gain, padded=True)
        own = (*_rails(parameters), skew)
    job = (*timed, charges, *(_padded(factor) for factor in (*settings.decays, *own)), predicted, slots)
    with parallel_kernels():
        if uses_line:
            walk_line_forward(*job)
        else:
            walk_forward(*job)
    return predicted, slots


def _padded(factor: Floats) -> Single:
    """A factor of every column as float32, ones after the last column up to a whole tile."""
    missing = -factor.shape[-1] % WIDTH
    return np.pad(factor.astype(np.float32), [(0, 0)] * (factor.ndim - 1) + [(0, missing)], constant_values=1)


def _reach(points: Observations, parameters: ChipParameters) -> Single:
    """Derivatives by the charge of each row, shape (points, rows, columns)."""
    reach = np.empty((points.points, points.geometry.rows, points.geometry.columns), np.float32)
    settings = _Settings.of(points, parameters)
    order, decays = settings.sequence(points), tuple(decay.astype(np.float32) for decay in settings.decays)
    rails = tuple(rail.astype(np.float32) for rail in _rails(parameters))
    gain = parameters.gain.astype(np.float32)
    if _uses_line(parameters):
        charges = charge_of_weights(points.weights, parameters)
        line = parameters.tau_line_ns.astype(np.float32), saturation_of(parameters).astype(np.float32)
        timed = (*order, settings.spacing, settings.settle, settings.curve)
        job = (*timed, charges, *decays, *rails[:2], gain, *line, reach)
        with parallel_kernels():
            walk_line_back(*job)
        return reach
    job = (*order, settings.curve, _charges(points.weights, parameters, parameters.gain), *decays, *rails, reach)
    with parallel_kernels():
        walk_back(*job)
    # This walk differentiates by charge times gain.
    reach *= gain
    return reach


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
    return _charges(weights, parameters, np.ones(weights.shape[2]))


def _charges(weights: NDArray[np.int8], parameters: ChipParameters, gain: Floats, *, padded: bool = False) -> Single:
    """Charge of each weight times ``gain``, shape (columns,); with columns up to a whole tile where ``padded``."""
    top = parameters.geometry.weight_max
    codes = np.arange(-top, top + 1)
    table = parameters.weight_curve[:, None] * (1 + parameters.asymmetry * np.sign(codes)[:, None]) * gain
    columns = weights.shape[2]
    shape = (*weights.shape[:2], columns + (-columns % WIDTH if padded else 0))
    charges: Single = np.empty(shape, np.float32)
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
    curve: Single
    decays: tuple[Floats, Floats]

    @classmethod
    def of(cls, points: Observations, parameters: ChipParameters) -> _Settings:
        spacing = np.array([schedule.spacing_ns for schedule in points.schedules], np.float64)
        settle = np.array([schedule.settle_ns for schedule in points.schedules], np.float64)
        leak = leak_of(parameters)
        # The settle time begins one slot after the last event.
        decays = tuple(np.exp(-np.outer(time, leak)) for time in (spacing, spacing + settle))
        return cls(
            orders=np.array([schedule.order_array(points.geometry.rows) for schedule in points.schedules]),
            skip_zeros=np.array([schedule.skip_zeros for schedule in points.schedules]),
            sends=np.array([schedule.sends for schedule in points.schedules], np.int64),
            spacing=spacing.astype(np.float32),
            settle=settle.astype(np.float32),
            curve=parameters.activation_curve.astype(np.float32),
            decays=(decays[0], decays[1]),
        )

    def sequence(self, points: Observations) -> tuple[NDArray[np.generic], ...]:
        return (
            points.activations,
            points.program,
            points.schedule,
            self.orders,
            self.skip_zeros,
            self.sends,
        )


def leak_of(parameters: ChipParameters) -> Floats:
    """Leak rate 1 / tau in 1/ns, 0 for an infinite time constant, shape (columns,)."""
    leak: Floats = 1 / parameters.tau_membrane_ns
    return leak
