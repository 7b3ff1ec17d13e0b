"""Plans written as TOML, JSON and Python are the same plans when they are read or run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data.axes import CentreSpanAxis, LinearAxis, ListAxis, LogAxis, RangeAxis, ZipAxes
from data.errors import BadInput
from data.scan import Adaptive, BoardSweep, Needs, ScanPlan
from data.scanfile import read_scan_plan, write_scan_plan
from data.scantext import scan_plan_as_json, scan_plan_as_python, scan_plan_as_toml

RICH = ScanPlan(
    title='a "quoted" title',
    axes=(
        ZipAxes(
            axes=(
                ListAxis(set="psu.voltage", values=(0.5, 1, 2)),
                LogAxis(set="psu.current_limit", start=1e-3, stop=1, points=3, settle_s=0.25),
            )
        ),
        ListAxis(set="schedule.skip_zeros", values=(False, True)),
        ListAxis(set="chamber.mode", values=("STANDBY", "CONSTANT")),
        CentreSpanAxis(set="chamber.setting", centre=23, span=-4, points=5),
    ),
    read=("psu.current", "board.temperature"),
    sweep=BoardSweep(kind="random", most_points=20),
    snake=True,
    needs=Needs(board="B-1", calibration="latest", calibration_age_h=12),
    kind="bias",
)
ADAPTIVE = ScanPlan(
    axes=(RangeAxis(set="psu.voltage", low=0, high=4),),
    read=("psu.current",),
    adaptive=Adaptive(goal="psu.current", most=30),
)
PLAIN = ScanPlan(axes=(LinearAxis(set="psu.voltage", start=0, stop=4, points=5),), read=("psu.current",))
PLANS = pytest.mark.parametrize("plan", [RICH, ADAPTIVE, PLAIN], ids=["rich", "adaptive", "plain"])


@PLANS
@pytest.mark.parametrize("ending", [".toml", ".json"])
def test_a_written_file_is_read_as_the_same_plan(plan: ScanPlan, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"plan{ending}"
    write_scan_plan(plan, file)
    assert read_scan_plan(file) == plan


@PLANS
def test_the_python_of_a_plan_makes_the_same_plan(plan: ScanPlan) -> None:
    for text in (scan_plan_as_python(plan), scan_plan_as_python(scan_plan_as_json(plan))):
        made: dict[str, object] = {}
        exec(compile(text, "plan", "exec"), made)
        assert made["plan"] == plan


def test_what_is_as_usual_is_not_written() -> None:
    assert "snake" not in scan_plan_as_toml(PLAIN)
    assert "needs" not in scan_plan_as_python(PLAIN)
    assert 'LinearAxis(set="psu.voltage", start=0, stop=4, points=5)' in scan_plan_as_python(PLAIN)
    assert max(map(len, scan_plan_as_python(RICH).splitlines())) <= 110


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot write the plan .*plan\.toml"):
        write_scan_plan(PLAIN, tmp_path / "nowhere" / "plan.toml")


def test_writing_down_a_plan_loads_nothing_heavy() -> None:
    check = (
        "import sys, gui.panels.builder, gui.panels.parameters, data.scantext;"
        "print([name for name in ('pydantic', 'h5py', 'torch', 'pandas', 'scipy', 'numba') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
