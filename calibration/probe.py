"""Asks a board with a few dozen vectors whether its calibration still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from calibration.drift import change_from
from calibration.measure import measure
from calibration.noise import total_noise
from calibration.observations import observe
from calibration.planning import PlanBuilder
from calibration.record import CalibrationRecord
from calibration.score import residual_over_noise
from calibration.sensitivity import evaluate
from data.processor import AnalogProcessor
from data.sweep import SweepPlan

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
    chip = record.ordered
    change = change_from(points, chip, record.passes)
    ratio = change.gain_ratio / record.reference_gain
    noise = total_noise(chip.noise)[record.columns]
    residual = residual_over_noise(points, evaluate(points, chip).predicted, chip.noise)
    seen, expected = float(np.median(residual[record.columns])), record.ordered_score.median
    moved = float(np.median(np.abs(change.offset_shift[record.columns])))
    verdict = _verdict(abs(ratio - 1), moved / float(np.median(noise)), seen / expected)
    return ProbeResult(verdict, ratio, change.gain_error, moved, seen, expected, plan.vectors)


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


def _verdict(gain: float, offset: float, residual: float) -> Verdict:
    if gain > STALE_GAIN or offset > STALE_OFFSET or residual > STALE_RESIDUAL:
        return "stale"
    if gain > DRIFTED_GAIN or offset > DRIFTED_OFFSET or residual > DRIFTED_RESIDUAL:
        return "drifted"
    return "fresh"
