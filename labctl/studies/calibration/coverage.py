"""Whether intervals hold the truth as often as they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.prediction import predict_outputs, quantile
from calibration.record import COVARIANCE_NAMES, CalibrationRecord
from calibration.vectors import WEIGHT_RANGES
from data.sweep import SweepData
from labctl.studies.points import Row

Floats = NDArray[np.float64]

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Cases:
    """Errors of estimates, and the standard errors that were given for them; same shape.

    Attributes:
        off: estimate less truth.
        error: standard error.
    """

    off: Floats
    error: Floats

    def rows(self, **names: str) -> Iterator[Row]:
        """How many intervals hold the truth, how wide they are, and by how much they are too narrow or too wide."""
        known = np.isfinite(self.off) & np.isfinite(self.error) & (self.error > 0)
        if not known.any():
            return
        off, error = self.off[known], self.error[known]
        reach, count = quantile(CONFIDENCE), int(known.sum())
        found = {
            "coverage": float(np.mean(np.abs(off) <= reach * error)),
            "half-width": float(np.median(reach * error)),
            "root mean square error": float(np.sqrt(np.mean(off**2))),
            "root mean square pull": float(np.sqrt(np.mean((off / error) ** 2))),
            "median pull": float(np.median(off / error)),
        }
        for quantity, value in found.items():
            yield {**names, "quantity": quantity, "value": value, "count": count}


def parameter_rows(
    judgement: str, record: CalibrationRecord, truth: Mapping[str, Floats], passes: NDArray[np.bool_]
) -> Iterator[Row]:
    """Intervals of the parameters of a record against true values, shape (columns,) each, where ``passes``."""
    for name, true in truth.items():
        estimate = getattr(record.ordered, name)
        with np.errstate(invalid="ignore"):
            cases = Cases((estimate - true)[passes], record.standard_error(name)[passes])
        yield from cases.rows(judgement=judgement, parameter=name)


def repeat_rows(first: CalibrationRecord, second: CalibrationRecord) -> Iterator[Row]:
    """Two calibrations of one board from other vectors: their difference, which needs no truth, is 0."""
    both = first.passes & second.passes
    for name in COVARIANCE_NAMES:
        with np.errstate(invalid="ignore"):
            off = getattr(second.ordered, name) - getattr(first.ordered, name)
        error = np.hypot(first.standard_error(name), second.standard_error(name))
        yield from Cases(off[both], error[both]).rows(judgement="repeat", parameter=name)


def prediction_rows(record: CalibrationRecord, judged: SweepData) -> Iterator[Row]:
    """Intervals of predicted mean outputs against means of many repeats of vectors that no fit has seen."""
    plan = judged.plan
    seen = judged.outputs[: judged.measured].mean(axis=1)
    mean, error, own = np.empty_like(seen), np.empty_like(seen), np.empty_like(seen)
    for batch in plan.batches(len(seen)):
        found = predict_outputs(
            record, plan.programme(batch.program), plan.activations[batch.points], plan.schedules[batch.schedule]
        )
        mean[batch.points], error[batch.points], own[batch.points] = found.mean, found.error, found.parameter_error
    passes = record.passes
    # A mean at a limit of the ADC is predicted without error and tells nothing.
    geometry = record.geometry
    inside = (seen > geometry.output_min + 1) & (seen < geometry.output_max - 1)
    off, error = np.where(inside, mean - seen, np.nan)[:, passes], error[:, passes]
    yield from Cases(off, error).rows(judgement="prediction", parameter="all")
    known = own[:, passes][np.isfinite(off)]
    unsure = {"quantity": "parameter error", "value": float(np.sqrt(np.mean(known**2))), "count": known.size}
    yield {"judgement": "prediction", "parameter": "all", **unsure}
    kind, working = plan.coordinates["weight_range"].values, plan.coordinates["working"].values
    for number, name in enumerate(WEIGHT_RANGES):
        of = kind == number
        yield from Cases(off[of], error[of]).rows(judgement="prediction", parameter=f"{name} weights")
    for number, name in enumerate(("other schedules", "working schedule")):
        of = working == number
        yield from Cases(off[of], error[of]).rows(judgement="prediction", parameter=name)
