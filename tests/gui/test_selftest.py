from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from pytestqt.qtbot import QtBot
from typer.testing import CliRunner

import gui.selftest
from data.errors import LabctlError
from gui.desk import Desk
from gui.panels.plot import PlotPanel
from gui.rehearsal import Spread
from gui.selftest import LIMITS, rehearse
from gui.theme import Theme
from tests.gui.plots import finished

GOOD = {name: limit / 2 for name, limit in LIMITS.items()}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> object:
    import typer

    made = typer.Typer()
    made.command()(gui.selftest.gui)
    return made


def test_the_figures_are_printed_and_limits_are_kept(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gui.selftest, "rehearse", lambda minutes, runs: GOOD)
    result = CliRunner().invoke(app, ["--json"])  # type: ignore[arg-type]
    assert json.loads(result.stdout) == GOOD
    assert result.exit_code == 0
    late = {**GOOD, "loop_gap_ms_max": 51.0}
    monkeypatch.setattr(gui.selftest, "rehearse", lambda minutes, runs: late)
    result = CliRunner().invoke(app, [])  # type: ignore[arg-type]
    assert isinstance(result.exception, LabctlError)
    assert "loop_gap_ms_max is 51.0 and may be 50" in str(result.exception)


def test_the_command_is_light(tmp_path: Path) -> None:
    code = "import gui.selftest, sys; print([n for n in ('PyQt6', 'pyqtgraph', 'torch', 'h5py') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_window_that_cannot_be_opened_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    with pytest.raises(LabctlError, match="before its rehearsal was over"):
        rehearse(0.05, 1)


def test_times_are_counted_in_bins_of_the_same_memory() -> None:
    rng = np.random.default_rng(1)
    times = rng.gamma(2.0, 3.0, 20_000)
    spread = Spread()
    assert (spread.quantile(0.99), spread.maximum) == (0.0, 0.0)
    for time_ms in times:
        spread.add(float(time_ms))
    assert spread.maximum == times.max()
    for share in (0.5, 0.99):
        assert spread.quantile(share) == pytest.approx(np.quantile(times, share), abs=0.06)
    spread.add(9000.0)
    assert spread.quantile(1.0) == pytest.approx(5000.0, abs=0.1)
    assert spread.maximum == 9000.0


@pytest.mark.slow
def test_the_real_window_comes_to_the_end_of_its_rehearsal() -> None:
    found = rehearse(0.05, 5)
    assert set(LIMITS) <= set(found)
    assert found["points_per_s"] > 0
    assert found["runs_opened"] == 5
    assert found["million_point_frame_ms"] > 0


@pytest.mark.slow
def test_memory_is_flat_over_five_hundred_runs(qtbot: QtBot, desk: Desk, theme: Theme) -> None:
    panel = PlotPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(660, 420)
    panel.show()
    values = np.random.default_rng(1).normal(size=20_000)
    seen = []
    for number in range(550):
        desk.run_chosen.emit(finished(f"run{number}", values))
        panel.refresh()
        panel.pages.curves.plot.viewport().repaint()
        if number in (49, 549):
            seen.append(psutil.Process().memory_info().rss)
    assert seen[1] - seen[0] < 8 * 2**20, "a run kept would be 160 kB, five hundred of them 80 MB"
