"""A calibration as it is shown, and the calibrations and sweeps of a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.record import CalibrationRecord, load_record
from data.catalogue import UNREADABLE, Catalogue, RunEntry
from labctl.calibrations.columns import column_parameters
from labctl.calibrations.values import CalibrationEntry, CalibrationView, Floats, HeldOut, ModelRow, SweepEntry

KIND = "calibration"
NEEDED = ("baseline", "single-row", "position", "permutations", "timing", "random", "held-out")
"""Kinds of the sweeps that a calibration can use; the last two it cannot do without."""


def list_calibrations(folder: Path | str) -> tuple[CalibrationEntry, ...]:
    """The calibrations in a folder of runs, newest first.

    Raises:
        BadInput: the folder cannot be listed.
    """
    catalogue = Catalogue(folder)
    catalogue.refresh()
    found = [entry for entry in catalogue.runs(kind=KIND) if entry.status in ("complete", UNREADABLE)]
    return tuple(_entry_of_run(entry) for entry in reversed(found))


def list_sweeps(folder: Path | str) -> tuple[SweepEntry, ...]:
    """The complete sweeps in a folder of runs that a calibration can be fitted to, newest first.

    The newest of every kind on the board that was measured last are suggested.

    Raises:
        BadInput: the folder cannot be listed.
    """
    catalogue = Catalogue(folder)
    catalogue.refresh()
    found = [entry for entry in catalogue.runs(status="complete") if entry.kind in NEEDED and entry.board]
    sweeps: list[SweepEntry] = []
    taken: set[str] = set()
    for run in reversed(found):
        suggested = run.board == found[-1].board and run.kind not in taken
        taken |= {run.kind} if suggested else set()
        sweeps.append(SweepEntry(run.run_id, str(run.path), run.kind, run.started, run.board, run.simulated, suggested))
    return tuple(sweeps)


def look_at_calibration(path: Path | str) -> CalibrationView:
    """A calibration, ready to be shown.

    Raises:
        BadInput: no such file, damaged, or no calibration.
    """
    return view_of(load_record(path), Path(path))


def entry_of(record: CalibrationRecord, path: Path) -> CalibrationEntry:
    """A calibration's line in a list."""
    identity = record.identity
    return CalibrationEntry(
        record.calibration_id, str(path), record.created, identity.serial_number, identity.simulated
    )


def view_of(record: CalibrationRecord, path: Path) -> CalibrationView:
    """A calibration that has been read already, ready to be shown.

    Args:
        record: the calibration.
        path: its file.
    """
    ordered, unordered = record.ordered_score, record.unordered_score
    medians = (ordered.median, unordered.median, ordered.median_all_schedules, unordered.median_all_schedules)
    parts = {name: getattr(record.parts, name) for name in ("trial_noise", "misfit", "order")}
    return CalibrationView(
        entry=entry_of(record, path),
        content_hash=record.content_hash,
        facts=_facts(record, path),
        order_effect_seen=record.order_effect_seen,
        passes=record.passes,
        reasons=record.reasons,
        parameters=column_parameters(record),
        curves=_curves(record),
        models=tuple(
            ModelRow(row.name, row.residual_over_noise, row.behind, row.error, row.chosen) for row in record.selection
        ),
        held_out=HeldOut(ordered.residual_over_noise, unordered.residual_over_noise, medians, parts),
        array=_array(record),
        runs=record.runs,
    )


def _entry_of_run(run: RunEntry) -> CalibrationEntry:
    problem = run.message if run.status == UNREADABLE else ""
    return CalibrationEntry(run.run_id, str(run.path), run.started, run.board, run.simulated, problem)


def _facts(record: CalibrationRecord, path: Path) -> tuple[tuple[str, str], ...]:
    geometry, schedule = record.geometry, record.schedule
    found = (
        ("calibration", record.calibration_id),
        ("hash", record.content_hash),
        ("board", str(record.identity)),
        ("origin", "SIMULATED" if record.identity.simulated else "measured"),
        ("array", f"{geometry.rows} rows x {geometry.columns} columns"),
        ("columns that pass", f"{int(record.passes.sum())} of {geometry.columns}"),
        ("working schedule", f"{schedule.spacing_ns} ns, {schedule.sends} sends"),
        ("temperature", "" if record.temperature_c is None else f"{record.temperature_c:.1f} °C"),
        ("offset drift", _drift(record)),
        ("method", f"version {record.method_version}: {record.method}"),
        ("sweeps", f"{len(record.runs)}, from {record.runs[0]} to {record.runs[-1]}" if record.runs else ""),
        ("file", str(path)),
    )
    return tuple((label, value) for label, value in found if value)


def _drift(record: CalibrationRecord) -> str:
    """How fast offsets moved while the sweeps were measured."""
    rates = np.abs(record.trend.offset_rate[record.passes])
    if not np.isfinite(rates).any():
        return ""
    return f"{float(np.nanmedian(rates)):.3g} codes/s of board time, median column"


def _curves(record: CalibrationRecord) -> dict[str, tuple[Floats, Floats]]:
    chip, top = record.ordered, record.geometry.weight_max
    codes, weights = np.arange(len(chip.activation_curve), dtype=float), np.arange(-top, top + 1, dtype=float)
    return {
        "activation": (codes, chip.activation_curve - codes),
        "weight": (weights, chip.weight_curve - weights),
        "row gain": (np.arange(len(chip.row_gain), dtype=float), chip.row_gain),
    }


def _array(record: CalibrationRecord) -> NDArray[np.float32]:
    gain = record.ordered.gain
    usual = float(np.median(gain[record.passes])) if record.passes.any() else float(np.median(gain))
    relative: NDArray[np.float32] = np.outer(record.ordered.row_gain, gain / usual).astype(np.float32)
    return relative


def with_problem(entry: CalibrationEntry, problem: str) -> CalibrationEntry:
    """The same, with why it cannot be used."""
    return replace(entry, problem=problem)
