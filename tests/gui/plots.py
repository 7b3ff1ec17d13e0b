"""Runs to be plotted."""

from __future__ import annotations

import numpy as np

from data.axes import ListAxis, LogAxis
from data.scan import BoardSweep, ScanPlan
from data.scanfile import scan_plan_as_json
from labctl.service.messages import MEAN_OUTPUT, TIME, Axis, Points, RunBegan, RunData

RUN = "20261122-214000-0abc"
VOLTAGES = np.repeat([0.0, 1.0, 2.0], 4)
SPACINGS = np.array([8, 16, 32, 64, 64, 32, 16, 8, 8, 16, 32, 64])


def grid_plan() -> str:
    """Ordered sums against spacing and sends, as in the documentation, as JSON."""
    axes = (
        LogAxis(set="schedule.spacing_ns", start=8, stop=512, points=7),
        ListAxis(set="schedule.sends", values=(1, 2, 3, 4, 6)),
    )
    return scan_plan_as_json(
        ScanPlan(axes=axes, title="Ordered sums", snake=True, sweep=BoardSweep(kind="random", most_points=10))
    )


def sweep_began(total: int = 100, run_id: str = RUN, simulated: bool = True) -> RunBegan:
    """A sweep of one axis."""
    axis = Axis(np.arange(total) % 32, "1", "activation")
    units = {MEAN_OUTPUT: "1", TIME: "s"}
    return RunBegan(run_id, "sweep pulse", "pulse", f"{run_id}.h5", total, simulated, {"activation": axis}, units, ())


def scan_began(total: int = 12) -> RunBegan:
    """A scan that goes to and fro over two axes."""
    axes = {
        "supply.voltage": Axis(VOLTAGES[:total], "V", "supply voltage"),
        "schedule.spacing_ns": Axis(SPACINGS[:total], "ns", "spacing of events"),
    }
    units = {"meter.current": "A", TIME: "s"}
    labels = {"meter.current": "current through the meter"}
    return RunBegan(
        RUN, "scan grid", "scan", f"{RUN}.h5", total, False, axes, units, (3, 4), labels, "B-7", "2026-11-22"
    )


def points(first: int, values: np.ndarray, run_id: str = RUN, name: str = MEAN_OUTPUT, columns: int = 0) -> Points:
    """Values of one quantity, with outputs of columns if wanted."""
    rows = np.outer(values, np.arange(columns)).astype(np.float32) if columns else None
    return Points(run_id, first, {name: values, TIME: 0.1 * np.arange(first, first + len(values))}, rows)


def finished(run_id: str, values: np.ndarray) -> RunData:
    """A sweep that is over."""
    return RunData(sweep_began(len(values), run_id), points(0, values, run_id), "complete", "")
