"""What order does on a board beside what the models of its calibration say, from the sweeps of the calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from calibration.noise import total_noise
from calibration.observations import Observations, observe
from calibration.record import CalibrationRecord, load_record
from calibration.score import expected_output, residual_over_noise
from calibration.sensitivity import evaluate
from data.catalogue import Catalogue
from data.errors import BadInput
from data.sweep import SweepData
from data.sweepfile import read_sweep
from data.values import Schedule
from labctl.calibrations.values import Floats, Mask, OrderCurves, OrderSpread, PositionCurve, ScheduleResiduals

POSITION: Final = "position"
PERMUTATIONS: Final = "permutations"
HELD_OUT: Final = "held-out"


def order_curves(calibration: Path | str) -> OrderCurves:
    """What the sweeps of a calibration show beside its models; sweeps are looked for in the calibration's folder.

    Args:
        calibration: its run file.

    Raises:
        BadInput: no such file, or damaged.
    """
    path = Path(calibration)
    return order_curves_of(load_record(path), path.parent)


def order_curves_of(record: CalibrationRecord, folder: Path) -> OrderCurves:
    """As :func:`order_curves`, for a calibration that has been read already.

    Args:
        record: the calibration.
        folder: where the run files of its sweeps are.

    Raises:
        BadInput: a sweep is damaged.
    """
    sweeps = _sweeps(record, folder)
    wanted = (POSITION, PERMUTATIONS, HELD_OUT)
    known = {kind: observe([sweep], record.geometry) for kind, sweep in sweeps.items()}
    return OrderCurves(
        position=position_curves(record, sweeps[POSITION]) if POSITION in sweeps else (),
        spread=order_spread(record, sweeps[PERMUTATIONS]) if PERMUTATIONS in sweeps else None,
        residuals=schedule_residuals(record, known[HELD_OUT]) if HELD_OUT in known else None,
        missing=tuple(kind for kind in wanted if kind not in sweeps),
    )


def position_curves(record: CalibrationRecord, sweep: SweepData) -> tuple[PositionCurve, ...]:
    """One row moved through the slots: signal of every column by the events that follow it.

    Args:
        record: the calibration.
        sweep: of :func:`calibration.plans.position`.

    Raises:
        BadInput: a sweep of another kind.
    """
    row, later, spacing = (_coordinate(sweep, name) for name in ("row", "later", "spacing"))
    points = observe([sweep], record.geometry)
    signals = _signals(record, points)
    curves = []
    for key in sorted(set(zip(row.tolist(), spacing.tolist(), strict=True))):
        pick = np.flatnonzero((row == key[0]) & (spacing == key[1]))
        pick = pick[np.argsort(later[pick], kind="stable")]
        sign = np.sign(points.weights[points.program[pick[0]], int(key[0])]).astype(float)
        measured, ordered, unordered = (sign * signal[pick] for signal in signals)
        passing = record.passes & (sign != 0)
        noise = total_noise(record.ordered.noise)[passing] ** 2 / points.count[pick[0]]
        curves.append(
            PositionCurve(
                row=int(key[0]),
                spacing_ns=int(key[1]),
                later=later[pick].astype(float),
                measured=measured,
                ordered=ordered,
                unordered=unordered,
                means=np.stack([_mean(signal, passing) for signal in (measured, ordered, unordered)]),
                error=float(np.sqrt(noise.sum())) / max(int(passing.sum()), 1),
            )
        )
    return tuple(curves)


def order_spread(record: CalibrationRecord, sweep: SweepData) -> OrderSpread:
    """Standard deviation over the event orders of one multiset of charges, root mean square over multisets.

    The measured one has the variance taken off that trial noise leaves in a mean.

    Args:
        record: the calibration.
        sweep: of :func:`calibration.orders.permutations`.

    Raises:
        BadInput: a sweep of another kind.
    """
    multiset = _coordinate(sweep, "multiset")
    points = observe([sweep], record.geometry)
    noise = total_noise(record.ordered.noise)[None] ** 2 / points.count[:, None]
    groups = [np.flatnonzero(multiset == value) for value in np.unique(multiset)]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        raise BadInput(f"run {sweep.run_id} holds no multiset in more than one order; measure the permutations again")

    def spread(signal: Floats) -> Floats:
        variance: Floats = np.mean([signal[group].var(axis=0, ddof=1) for group in groups], axis=0)
        return variance

    measured, ordered, unordered = _signals(record, points)
    floor = np.mean([noise[group].mean(axis=0) for group in groups], axis=0)
    return OrderSpread(
        measured=np.sqrt(np.maximum(spread(measured) - floor, 0.0)),
        ordered=np.sqrt(spread(ordered)),
        unordered=np.sqrt(spread(unordered)),
        noise=np.sqrt(floor),
        orders=max(len(group) for group in groups),
    )


def schedule_residuals(record: CalibrationRecord, held_out: Observations) -> ScheduleResiduals:
    """Residual over trial noise of both models for each schedule of the held-out sweep, the working one first."""
    working = record.schedule
    used = [item for index, item in enumerate(held_out.schedules) if (held_out.schedule == index).any()]
    schedules = sorted(used, key=lambda item: (item != working, item.order is not None, item.spacing_ns, item.sends))
    noise = record.ordered.noise
    residuals = []
    for chip in (record.ordered, record.unordered):
        predicted = evaluate(held_out, chip).predicted
        parts = [held_out.sent_by(item) for item in schedules]
        residuals.append(
            np.stack([residual_over_noise(held_out.select(part), predicted[part], noise) for part in parts])
        )
    return ScheduleResiduals(tuple(in_words(item, working) for item in schedules), residuals[0], residuals[1])


def in_words(schedule: Schedule, working: Schedule) -> str:
    """A schedule in a few words."""
    text = f"{schedule.spacing_ns} ns, {schedule.sends} send{'s' if schedule.sends != 1 else ''}"
    if schedule.order is not None:
        backwards = schedule.order == tuple(reversed(range(len(schedule.order))))
        text += ", rows backwards" if backwards else ", another order"
    return f"{text} (working)" if schedule == working else text


def _signals(record: CalibrationRecord, points: Observations) -> tuple[Floats, Floats, Floats]:
    """Measured, ordered and unordered output without offset, shape (points, columns) each."""
    chips = (record.ordered, record.unordered)
    expected = [
        expected_output(evaluate(points, chip).predicted, record.ordered.noise, points.geometry) - chip.offset
        for chip in chips
    ]
    return points.mean - record.ordered.offset, expected[0], expected[1]


def _mean(signal: Floats, passing: Mask) -> Floats:
    if not passing.any():
        return np.full(len(signal), np.nan)
    mean: Floats = signal[:, passing].mean(axis=1)
    return mean


def _coordinate(sweep: SweepData, name: str) -> Floats:
    if name not in sweep.plan.coordinates:
        raise BadInput(f"run {sweep.run_id} is a sweep {sweep.plan.kind} without {name}; it shows no such curve")
    values: Floats = np.asarray(sweep.plan.coordinates[name].values[: sweep.measured], np.float64)
    return values


def _sweeps(record: CalibrationRecord, folder: Path) -> Mapping[str, SweepData]:
    """The sweeps that show order, by kind; the last of each that the calibration was fitted to."""
    catalogue = Catalogue(folder)
    catalogue.refresh()
    ids = set(record.runs)
    found: dict[str, SweepData] = {}
    for entry in catalogue.runs():
        if entry.run_id in ids and entry.kind in (POSITION, PERMUTATIONS, HELD_OUT):
            sweep = read_sweep(entry.path)
            if sweep.measured:
                found[entry.kind] = replace(sweep, run_id=entry.run_id)
    return found
