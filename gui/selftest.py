"""``labctl selftest gui``: is the window quick while the bench works, and does its memory stay flat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from data.errors import LabctlError
from labctl.cli.console import emit, table
from labctl.cli.options import AsJson

LIMITS: Final[Mapping[str, float]] = {
    "first_paint_ms": 1500.0,
    "loop_gap_ms_p99": 20.0,
    "loop_gap_ms_max": 50.0,
    "million_point_frame_ms": 33.0,
    "memory_growth_mb": 32.0,
}
"""What a window must keep to on a computer that does nothing else."""
GRACE_S: Final = 240.0
RUN_S: Final = 2.0


def gui(
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.05, help="How long live sweeps are watched while a network is trained.")
    ] = 0.5,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs that are opened and closed again.")] = 500,
    as_json: AsJson = False,
) -> None:
    """Open the real window with an emulated board, and measure how quick it is and whether its memory stays flat.

    Fails when a limit is passed: first paint 1.5 s, gaps of the event loop 20 ms (99 %) and 50 ms (worst), a frame of a
    million points 33 ms, memory 32 MB. Other work on the computer counts against it.
    """
    figures = rehearse(minutes, runs)
    if as_json:
        emit(figures)
    else:
        rows = [
            [name, f"{value:.1f}", f"{LIMITS[name]:g}" if name in LIMITS else ""] for name, value in figures.items()
        ]
        table("The window", ["", "measured", "at most"], rows)
    passed = [name for name, limit in LIMITS.items() if figures[name] > limit]
    if passed:
        said = ", ".join(f"{name} is {figures[name]:.1f} and may be {LIMITS[name]:g}" for name in passed)
        raise LabctlError(f"{said}; try it again on a computer that does nothing else")


def rehearse(minutes: float, runs: int) -> dict[str, float]:
    """Put a window through its paces in a process of its own; returns what it measured.

    Args:
        minutes: how long live sweeps are watched while a network is trained.
        runs: how many runs are opened and closed again.

    Raises:
        LabctlError: the window could not be opened or did not reach the end.
    """
    with tempfile.TemporaryDirectory(prefix="labctl-gui-") as name:
        folder = Path(name)
        environment = dict(os.environ)
        if sys.platform == "linux" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        command = [sys.executable, "-m", "gui.rehearsal", name, repr(time.time()), str(minutes), str(runs)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
            try:
                _, errors = child.communicate(timeout=minutes * 60 + runs * RUN_S + GRACE_S)
            except subprocess.TimeoutExpired as error:
                child.terminate()  # its service notices, makes the board safe and ends
                raise LabctlError("the window did not come to the end of its rehearsal in time") from error
        file = folder / "figures.json"
        if child.returncode or not file.exists():
            last = errors.strip().splitlines()[-1:] or ["it said nothing"]
            raise LabctlError(f"the window ended before its rehearsal was over: {last[0]}")
        found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return {name: found[name] for name in (*LIMITS, *(name for name in found if name not in LIMITS))}
