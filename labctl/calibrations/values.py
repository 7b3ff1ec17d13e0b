"""What a look at calibrations gives: plain values with small arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CalibrationEntry:
    """A calibration in a folder.

    Attributes:
        calibration_id: its id.
        file: its run file.
        created: UTC, ISO 8601.
        board: serial number.
        simulated: whether the board is emulated.
        problem: why it cannot be read, empty where it can.
    """

    calibration_id: str
    file: str
    created: str
    board: str
    simulated: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SweepEntry:
    """A sweep that was measured before and can be fitted.

    Attributes:
        run_id: its id.
        file: its run file.
        kind: what was swept.
        started: UTC, ISO 8601.
        board: serial number.
        simulated: whether the board is emulated.
        suggested: whether it belongs to the newest full set of its board.
    """

    run_id: str
    file: str
    kind: str
    started: str
    board: str
    simulated: bool
    suggested: bool = False


@dataclass(frozen=True, slots=True)
class ColumnParameter:
    """One parameter of the ordered model over the columns.

    Attributes:
        name: as in :class:`models.parameters.ChipParameters`.
        label: in words.
        unit: for people; empty for a number without unit.
        values: in ``unit``, shape (columns,).
        errors: one standard error, shape (columns,); NaN where the data do not show it.
        outliers: columns far from all others, shape (columns,).
        median: over the passing columns.
        spread: robust standard deviation over the passing columns.
    """

    name: str
    label: str
    unit: str
    values: Floats
    errors: Floats
    outliers: Mask
    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One line of the table of nested models.

    Attributes:
        name: its terms.
        residual: over noise, on the validation part.
        behind: its loss behind the best model's, in noise variances.
        error: standard error of ``behind``.
        chosen: whether it is in use.
    """

    name: str
    residual: float
    behind: float
    error: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out residuals of both models.

    Attributes:
        ordered: residual over trial noise at the working schedule, shape (columns,); 1 is perfect.
        unordered: the same of the order-blind model.
        medians: over the passing columns: ordered and unordered at the working schedule, then at all schedules.
        parts: what the order-blind residual is made of, in codes, shape (columns,) each: ``trial_noise``, ``misfit``,
            ``order``.
    """

    ordered: Floats
    unordered: Floats
    medians: tuple[float, float, float, float]
    parts: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """A calibration as it is shown.

    Attributes:
        entry: which one.
        content_hash: names its content.
        facts: what is known of it, a label and a value each.
        order_effect_seen: whether held-out evidence asks for an order term.
        passes: which columns can be used, shape (columns,).
        reasons: why a column cannot, empty where it can.
        parameters: those with a value a column.
        curves: what all columns share, as the difference from the ideal, by name.
        models: the table from which the terms were chosen.
        held_out: how well both models predict.
        array: gain of every synapse relative to the median, as row and column gains say, shape (rows, columns).
        runs: ids of the sweeps that were fitted.
    """

    entry: CalibrationEntry
    content_hash: str
    facts: tuple[tuple[str, str], ...]
    order_effect_seen: bool
    passes: Mask
    reasons: tuple[str, ...]
    parameters: tuple[ColumnParameter, ...]
    curves: Mapping[str, tuple[Floats, Floats]]
    models: tuple[ModelRow, ...]
    held_out: HeldOut
    array: NDArray[np.float32]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PositionCurve:
    """One row moved through the slots of the event sequence.

    Attributes:
        row: the active row.
        spacing_ns: between two events.
        later: events after the active one, shape (steps,).
        measured: signal in codes, shape (steps, columns); the sign of the weight taken out.
        ordered: by the ordered model, same shape.
        unordered: by the order-blind model, same shape.
        means: of the three over the passing columns, shape (3, steps).
        error: standard error of the measured mean in codes, from the trial noise.
    """

    row: int
    spacing_ns: int
    later: Floats
    measured: Floats
    ordered: Floats
    unordered: Floats
    means: Floats
    error: float


@dataclass(frozen=True, slots=True)
class OrderSpread:
    """How far the outputs for one multiset of charges lie apart over its event orders, in codes, shape (columns,).

    Attributes:
        measured: standard deviation over the orders, trial noise taken out.
        ordered: by the ordered model.
        unordered: by the order-blind model.
        noise: what trial noise alone would show.
        orders: how many orders were measured.
    """

    measured: Floats
    ordered: Floats
    unordered: Floats
    noise: Floats
    orders: int


@dataclass(frozen=True, slots=True)
class ScheduleResiduals:
    """Held-out residual over trial noise for each schedule, shape (schedules, columns).

    Attributes:
        schedules: in words, the working one first.
        ordered: of the ordered model.
        unordered: of the order-blind model.
    """

    schedules: tuple[str, ...]
    ordered: Floats
    unordered: Floats


@dataclass(frozen=True, slots=True)
class OrderCurves:
    """What the sweeps of a calibration show beside what its models say.

    Attributes:
        position: curves of the position sweep.
        spread: of the permutations; None where they are missing.
        residuals: of the held-out sweep; None where it is missing.
        missing: sweeps whose run files are not in the folder, in words.
    """

    position: tuple[PositionCurve, ...]
    spread: OrderSpread | None
    residuals: ScheduleResiduals | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParameterDifference:
    """One parameter of a calibration less that of another.

    Attributes:
        name: as in :class:`models.parameters.ChipParameters`.
        label: in words.
        unit: for people.
        difference: in ``unit``, shape (columns,); NaN where one of them does not pass or does not have it.
        in_errors: in units of its standard error, shape (columns,).
        median: of ``difference``.
        typical: root of the median square of ``in_errors`` over that of a normal variable; 1 when nothing has changed.
        beyond: columns with more than three standard errors.
    """

    name: str
    label: str
    unit: str
    difference: Floats
    in_errors: Floats
    median: float
    typical: float
    beyond: int


@dataclass(frozen=True, slots=True)
class CalibrationDifference:
    """A calibration less another of the same board.

    Attributes:
        one: the calibration.
        other: what is taken off it.
        parameters: those that both have.
        gained: columns that pass only in ``one``.
        lost: columns that pass only in ``other``.
        facts: what else differs, a label, the one's and the other's value each.
    """

    one: CalibrationEntry
    other: CalibrationEntry
    parameters: tuple[ParameterDifference, ...]
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    facts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One calibration of a board in its history.

    Attributes:
        entry: which one.
        at: seconds since the epoch.
        figures: median and quartiles over the passing columns by name: parameters, ``residual ordered`` and
            ``residual unordered``; ``temperature`` and ``passing columns`` three times the same.
    """

    entry: CalibrationEntry
    at: float
    figures: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class CalibrationHistory:
    """The calibrations of one board, oldest first.

    Attributes:
        board: serial number.
        points: those that can be read.
        labels: of the figures, with unit.
        unreadable: calibrations that cannot be read, each with why.
    """

    board: str
    points: tuple[HistoryPoint, ...]
    labels: Mapping[str, str]
    unreadable: tuple[CalibrationEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """What a few dozen vectors say of a calibration on the board that is connected.

    Attributes:
        entry: the calibration.
        verdict: ``fresh``, ``drifted`` or ``stale``.
        words: what was found, in a line.
    """

    entry: CalibrationEntry
    verdict: str
    words: str
