"""Asks a board with a few dozen vectors whether its calibration still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.measure import measure
from calibration.noise import total_noise
from calibration.observations import Observations, observe
from calibration.planning import PlanBuilder
from calibration.record import CalibrationRecord
from calibration.score import expected_output, mean_square
from calibration.sensitivity import evaluate
from data.processor import AnalogProcessor
from data.sweep import SweepPlan

Floats = NDArray[np.float64]
Verdict = Literal["fresh", "drifted", "stale"]

VECTORS: Final = 40
REPEATS: Final = 6

DRIFTED_GAIN: Final = 0.015
STALE_GAIN: Final = 0.10
"""Relative change of the common gain."""
DRIFTED_OFFSET: Final = 0.7
STALE_OFFSET: Final = 3.0
"""Typical change of a column's offset, in its trial noise."""
DRIFTED_RESIDUAL: Final = 1.10
STALE_RESIDUAL: Final = 1.60
"""Residual over noise, relative to that of the calibration."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        verdict: ``fresh`` to use as it is, ``drifted`` to use with care, ``stale`` to calibrate again.
        gain_ratio: common gain now over that of the calibration.
        gain_error: standard error of ``gain_ratio``.
        offset_shift: median size of the columns' offset changes, in codes.
        residual_over_noise: of the ordered model on the probe, median over the passing columns.
        expected_residual: the same at the time of the calibration, on its held-out sweep.
        vectors: how many vectors were sent.
    """

    verdict: Verdict
    gain_ratio: float
    gain_error: float
    offset_shift: float
    residual_over_noise: float
    expected_residual: float
    vectors: int

    def __str__(self) -> str:
        return (
            f"{self.verdict}: gain {100 * (self.gain_ratio - 1):+.1f} +- {100 * self.gain_error:.1f} %, "
            f"offsets moved by {self.offset_shift:.2f} codes, residual {self.residual_over_noise:.2f} x noise "
            f"({self.expected_residual:.2f} when calibrated)"
        )


def probe(record: CalibrationRecord, processor: AnalogProcessor, *, seed: int = 0) -> ProbeResult:
    """Send a few vectors and compare them with the ordered model. The weights are zero afterwards.

    Raises:
        BadInput: the board is not the one of the record.
    """
    record.check_identity(processor.identity)
    plan = probe_plan(record, seed=seed)
    try:
        sweep = measure(plan, processor)
    finally:
        processor.program(np.zeros((record.geometry.rows, record.geometry.columns), np.int8))
    points = observe([sweep], record.geometry)
    predicted = evaluate(points, record.ordered).predicted.astype(np.float64)
    expected = expected_output(predicted, record.ordered.noise, record.geometry)
    ratio, error, shift = _change(points, expected, record)
    columns = record.columns
    noise = total_noise(record.ordered.noise)
    residual = float(np.median((np.sqrt(mean_square(points, expected)) / noise)[columns]))
    moved = float(np.median(np.abs(shift[columns])))
    usual = float(np.median(noise[columns]))
    verdict = _verdict(abs(ratio - 1), moved / usual, residual / record.ordered_score.median)
    return ProbeResult(verdict, ratio, error, moved, residual, record.ordered_score.median, plan.vectors)


def probe_plan(record: CalibrationRecord, *, seed: int = 0) -> SweepPlan:
    """One zero vector, and others at the working schedule with weights that keep outputs inside the rails."""
    generator = np.random.default_rng([seed, 7])
    geometry = record.geometry
    builder = PlanBuilder(geometry, "probe", {"active_rows": ("1", "rows with a non-zero activation")})
    weights = np.rint(generator.normal(0, geometry.weight_max / 3, (geometry.rows, geometry.columns)))
    program = builder.program(weights.clip(-geometry.weight_max, geometry.weight_max))
    for number in range(VECTORS):
        vector = generator.integers(0, geometry.activation_max + 1, geometry.rows) * (number > 0)
        builder.add(program, record.schedule, vector, active_rows=int(np.count_nonzero(vector)))
    return builder.build(REPEATS)


def _change(points: Observations, expected: Floats, record: CalibrationRecord) -> tuple[float, float, Floats]:
    """Common gain ratio with its standard error, and each column's offset shift in codes, shape (columns,)."""
    offset = record.ordered.offset
    use = (~points.clamped & record.passes).astype(np.float64)
    count = np.maximum(use.sum(axis=0), 1)
    signal, change = expected - offset, points.mean - expected
    signal_mean, change_mean = (use * signal).sum(axis=0) / count, (use * change).sum(axis=0) / count
    weight = use / total_noise(record.ordered.noise) ** 2
    x, y = signal - signal_mean, change - change_mean
    power = (weight * x * x).sum(axis=0)
    slope = (weight * x * y).sum(axis=0) / np.maximum(power, 1e-12)
    good = slope[record.columns] if record.passes.any() else slope
    common = float(np.median(good))
    # The spread of the columns' slopes tells the error, misfit included; 1.25 is the median's loss of efficiency.
    spread = 1.4826 * float(np.median(np.abs(good - common)))
    return 1 + common, 1.25 * spread / np.sqrt(max(len(good), 1)), change_mean - common * signal_mean


def _verdict(gain: float, offset: float, residual: float) -> Verdict:
    if gain > STALE_GAIN or offset > STALE_OFFSET or residual > STALE_RESIDUAL:
        return "stale"
    if gain > DRIFTED_GAIN or offset > DRIFTED_OFFSET or residual > DRIFTED_RESIDUAL:
        return "drifted"
    return "fresh"
