"""From sweeps to a calibration record: everything in its order, from data alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.drift import change_from, quiet
from calibration.fit import ModelFit, fit_model, starting_point, with_terms
from calibration.misfit import fit_misfit
from calibration.noise import column_faults, misfit_faults, noise_error, trial_noise
from calibration.observations import Observations, board_time, observe, thinned
from calibration.record import CalibrationRecord, covariance_of
from calibration.score import residual_over_noise, residual_parts, score
from calibration.selection import CANDIDATES, Candidate, choose_terms, model_name
from calibration.sensitivity import evaluate
from calibration.threads import one_blas_thread
from calibration.trend import Trend, fit_trend, middle_of
from calibration.uncertainty import covariance
from calibration.vectors import HELD_OUT, RANDOM
from data.errors import BadInput
from data.metadata import new_run_id, utc_now
from data.sweep import SweepData
from data.values import Geometry, Identity, Schedule
from models.parameters import ChipParameters, Term

Progress = Callable[[float, str], None]
"""Hears how much is done, 0 to 1, and what is being done; may raise to stop."""

VALIDATION_SHARE: Final = 0.25
FINAL_POINTS: Final = 2400
"""How many points each model is fitted to before one of them is chosen, and the chosen one in the end; then twice as
many where there are plenty."""
_VALIDATED: Final = (RANDOM, "permutations", "timing")
_BASE: Final[frozenset[Term]] = frozenset({"leak", "rails"})


@one_blas_thread()
def calibrate(
    sweeps: Sequence[SweepData],
    identity: Identity,
    geometry: Geometry,
    schedule: Schedule,
    *,
    temperature_c: float | None = None,
    progress: Progress = lambda done, doing: None,
) -> CalibrationRecord:
    """Fit the chip models of one board to the sweeps that were measured on it.

    The sweep of kind ``held-out`` scores the result and is used for nothing else. A part of the fitted sweeps
    validates: it chooses the terms, and is fitted in the end too.

    Args:
        sweeps: measured by :func:`calibration.plans.standard_plans`, in the sequence of their measurement; more or
            others do no harm.
        identity: the board they were measured on.
        geometry: its array.
        schedule: the working schedule: the unordered model is fitted and both are scored at it.
        temperature_c: of the board when the sweeps were measured, in degrees Celsius.
        progress: hears of progress.

    Raises:
        BadInput: a sweep that is needed is missing, or none of the columns works.
    """
    progress(0.0, "reading the sweeps")
    everything = observe(sweeps, geometry)
    held_out = everything.select(everything.of_kind(HELD_OUT))
    fitted = everything.select(~everything.of_kind(HELD_OUT))
    _check(fitted, held_out, schedule)
    parts = _Parts.of(fitted)
    noise = _noise(fitted, schedule)
    base, faults = _base(thinned(parts.train, FINAL_POINTS), noise, progress)
    passing = _passing(faults)
    fits = _candidates(parts.train, base, passing, progress)
    selection = choose_terms(parts.validation, [fit.parameters for fit in fits], passing)
    best = next(fit for fit, row in zip(fits, selection, strict=True) if row.chosen)
    progress(0.75, f"refining {model_name(best.parameters.terms)}")
    some = thinned(fitted, int(np.clip(fitted.points // 2, FINAL_POINTS, 2 * FINAL_POINTS)))
    final = fit_model(some, best.parameters, passing, rounds=1)
    trend = fit_trend(fitted, final, passing, _end_ns(sweeps))
    middle = middle_of(final, some)
    ordered = trend.at_the_end(final.parameters, middle)
    # Without any order effect the schedule does not matter either, and one model is both.
    unordered = _unordered(fitted, base.parameters, schedule, passing, trend) if best.parameters.terms else ordered
    seen = evaluate(parts.validation, final.parameters).predicted
    faults = misfit_faults(faults, residual_over_noise(parts.validation, seen, noise))
    progress(0.9, "estimating the errors")
    own = covariance(some, final, passing)
    offset = final.columns.names.index("offset")
    own[:, offset, offset] += trend.variance(middle)
    errors = covariance_of(final.columns, own, noise_error(_repeated(fitted, schedule)))
    progress(0.95, "scoring on the held-out sweep")
    return _record(
        identity,
        schedule,
        ordered,
        errors,
        unordered,
        faults,
        selection,
        fitted,
        held_out,
        sweeps,
        temperature_c,
        trend,
    )


@dataclass(frozen=True)
class _Parts:
    train: Observations
    validation: Observations

    @classmethod
    def of(cls, fitted: Observations) -> _Parts:
        """Every fourth point, by a fixed draw, of the sweeps that look like what the board is used for."""
        drawn = np.random.default_rng(0).random(fitted.points) < VALIDATION_SHARE
        validation = drawn & fitted.of_kind(*_VALIDATED)
        return cls(fitted.select(~validation), fitted.select(validation))


def _check(fitted: Observations, held_out: Observations, schedule: Schedule) -> None:
    if not fitted.of_kind(RANDOM).any():
        raise BadInput("the sweep of random vectors is missing; measure all standard plans before calibrating")
    if not held_out.points:
        raise BadInput("the held-out sweep is missing; measure all standard plans before calibrating")
    if not fitted.sent_by(schedule).any() or not held_out.sent_by(schedule).any():
        raise BadInput(
            f"no vector was measured with the working schedule ({schedule.spacing_ns} ns, {schedule.sends} sends); "
            "name the schedule that the sweeps were planned for"
        )


def _noise(fitted: Observations, schedule: Schedule) -> NDArray[np.float64]:
    """Trial noise of vectors like those in use: a leaky membrane forgets part of what a short vector still shows."""
    return trial_noise(_repeated(fitted, schedule))


def _repeated(fitted: Observations, schedule: Schedule) -> Observations:
    usual = fitted.of_kind(RANDOM) & fitted.sent_by(schedule) & (fitted.count > 1)
    return fitted.select(usual) if usual.any() else fitted


def _base(train: Observations, noise: NDArray[np.float64], progress: Progress) -> tuple[ModelFit, tuple[str, ...]]:
    """The model with leak and rails, which all others start from, and the columns that cannot be used."""
    start = starting_point(train, noise)
    faults = column_faults(train, noise, start.gain)
    if not _passing(faults).any():
        raise BadInput(f"none of the {len(faults)} columns can be used (column 0: {faults[0]}); check the board")
    progress(0.05, "fitting leak + rails")
    begin = with_terms(start, _BASE, ordered=True)
    fit = fit_model(train, begin, _passing(faults), rounds=2, check=lambda: progress(0.1, "fitting leak + rails"))
    faults = column_faults(train, noise, fit.parameters.gain)
    if not _passing(faults).any():
        raise BadInput(f"none of the {len(faults)} columns can be used (column 0: {faults[0]}); check the board")
    return fit, faults


def _candidates(
    train: Observations, base: ModelFit, passing: NDArray[np.bool_], progress: Progress
) -> tuple[ModelFit, ...]:
    fits = []
    for number, terms in enumerate(CANDIDATES):
        progress(0.3 + 0.45 * number / len(CANDIDATES), f"fitting {model_name(terms)}")
        start = with_terms(base.parameters, terms, ordered=bool(terms))
        # The base has been through two rounds on all points; its kin start from there and need fewer.
        fits.append(base if terms == _BASE else fit_model(thinned(train, FINAL_POINTS), start, passing, rounds=1))
    return tuple(fits)


def _unordered(
    fitted: Observations, base: ChipParameters, schedule: Schedule, passing: NDArray[np.bool_], trend: Trend
) -> ChipParameters:
    """The best order-blind model at the working schedule; its row gains may hold what a row's usual place does."""
    usual = thinned(fitted.select(fitted.sent_by(schedule) & fitted.of_kind(RANDOM, "baseline")), FINAL_POINTS)
    fit = fit_model(usual, with_terms(base, frozenset(), ordered=False), passing, rounds=2)
    return trend.at_the_end(fit.parameters, middle_of(fit, usual))


def _end_ns(sweeps: Sequence[SweepData]) -> float:
    return float(sum(board_time(sweep.plan)[: sweep.measured].sum() for sweep in sweeps))


def _passing(faults: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([not fault for fault in faults], dtype=np.bool_)


def _record(
    identity: Identity,
    schedule: Schedule,
    ordered: ChipParameters,
    errors: NDArray[np.float64],
    unordered: ChipParameters,
    faults: tuple[str, ...],
    selection: tuple[Candidate, ...],
    fitted: Observations,
    held_out: Observations,
    sweeps: Sequence[SweepData],
    temperature_c: float | None,
    trend: Trend,
) -> CalibrationRecord:
    passing, working = _passing(faults), held_out.sent_by(schedule)
    predicted = [evaluate(held_out, chip).predicted for chip in (ordered, unordered)]
    scores = [score(held_out, working, at, ordered.noise, passing) for at in predicted]
    usual = fitted.select(fitted.of_kind(RANDOM) & fitted.sent_by(schedule) & quiet(fitted))
    reference = change_from(usual, ordered, passing).gain_ratio if usual.points else 1.0
    return CalibrationRecord(
        calibration_id=new_run_id(),
        created=utc_now(),
        identity=identity,
        geometry=held_out.geometry,
        schedule=schedule,
        ordered=ordered,
        unordered=unordered,
        covariance=errors,
        passes=passing,
        reasons=faults,
        selection=selection,
        ordered_score=scores[0],
        unordered_score=scores[1],
        parts=residual_parts(scores[0], scores[1], ordered.noise),
        misfit=fit_misfit(held_out, ordered, passing),
        runs=tuple(dict.fromkeys(sweep.run_id for sweep in sweeps)),
        trend=trend,
        reference_gain=reference,
        temperature_c=temperature_c,
    )
