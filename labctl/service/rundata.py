"""Run files as a live view has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from data.metadata import RunMetadata
from data.runfile import Run, read_run
from data.scanrun import ELAPSED, is_scan, scan_of, variable_names
from data.sweepfile import sweep_of
from labctl.service.messages import MEAN_OUTPUT, TIME, TRIAL_NOISE, Axis, Points, RunBegan, RunData
from labctl.service.points import OUTPUT, every_of, points_of


def run_data(path: Path) -> RunData:
    """A run from its file.

    Raises:
        BadInput: the file cannot be read or is damaged.
    """
    run = read_run(path)
    metadata = run.metadata
    axes: dict[str, Axis] = {}
    values: dict[str, NDArray[Any]] = {}
    units: dict[str, str] = {TIME: "s", MEAN_OUTPUT: "1", TRIAL_NOISE: "1"}
    labels: dict[str, str] = {}
    shape: tuple[int, ...] = ()
    total = run.rows_done or 0
    if is_scan(run):
        scan = scan_of(run)
        total, shape = scan.plan.count, scan.plan.shape if scan.plan.adaptive is None else ()
        known = variable_names(scan.plan)
        for name in scan.settings:
            axes[name] = Axis(scan.settings[name], *_told(run, known[name]))
        for name in scan.readings:
            units[name], labels[name] = _told(run, known[f"read {name}"])
        values = {name: taken[: scan.measured] for name, taken in scan.readings.items()}
        if scan.outputs is not None:
            values[OUTPUT] = scan.outputs[: scan.measured]
        values[TIME] = run.values(ELAPSED)[: scan.measured]
        units[TIME], labels[TIME] = _told(run, ELAPSED)
    elif "plan_kind" in run.variables:
        sweep = sweep_of(run)
        total = sweep.plan.points
        axes = {name: Axis(item.values, item.unit, item.long_name) for name, item in sweep.plan.coordinates.items()}
        values = {OUTPUT: sweep.outputs[: sweep.measured]}
    began = RunBegan(
        metadata.run_id,
        metadata.title or metadata.kind,
        metadata.kind,
        str(path),
        total,
        metadata.simulated,
        axes,
        units,
        shape,
        labels,
        "" if metadata.identity is None else str(metadata.identity),
        metadata.started,
    )
    every = every_of(total)
    points = points_of(metadata.run_id, 0, values, every=every) if values else Points(metadata.run_id, 0, {})
    plan = metadata.plan if is_scan(run) else ""
    return RunData(began, points, str(metadata.status), metadata.message, facts(metadata), plan)


def facts(metadata: RunMetadata) -> tuple[tuple[str, str], ...]:
    """What a file says of its run, for people."""
    found = (
        ("run", metadata.run_id),
        ("kind", metadata.kind),
        ("title", metadata.title),
        ("origin", "SIMULATED" if metadata.simulated else "measured"),
        ("board", "" if metadata.identity is None else str(metadata.identity)),
        ("started", metadata.started),
        ("ended", metadata.ended),
        ("status", metadata.status),
        ("message", metadata.message),
        ("calibration", metadata.calibration_id),
        ("counterpart", metadata.counterpart),
        ("seed", "" if metadata.seed is None else str(metadata.seed)),
        ("comment", metadata.comment),
        *((name, version) for name, version in metadata.versions.items()),
    )
    return tuple((label, str(value)) for label, value in found if value)


def _told(run: Run, variable: str) -> tuple[str, str]:
    """Unit and meaning of a variable."""
    found = run.variables[variable]
    return found.unit, found.long_name
