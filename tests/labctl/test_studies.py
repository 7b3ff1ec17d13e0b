"""The frame of studies with a toy: killed and gone on with, each point once, a failure alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

from data.errors import BadInput
from labctl.cli import run as labctl
from labctl.cli import study_commands
from labctl.studies.asking import Asked
from labctl.studies.folder import Plan, StudyFolder
from labctl.studies.points import Point, Study, check_plan
from labctl.studies.registry import STUDIES, find_study
from labctl.studies.run import TRIES
from labctl.studies.runner import StudyResult, command, publish, run_study

TOY = Study("toy", "a toy", "toy_points:compute", "toy_points:present")

MODULE = """
import os
import time
from pathlib import Path

import numpy as np

from labctl.report.page import Page
from labctl.studies.points import Presented


def compute(point, place, needs):
    notes = Path(point.settings["notes"])
    with (notes / f"{point.key}.count").open("a") as file:
        file.write("x")
    (notes / f"{point.key}.parent").write_text(str(os.getppid()))
    (place / "drawn.txt").write_text(str(point.settings["seed"]))
    if (notes / f"{point.key}.raise").exists():
        raise RuntimeError("the toy broke")
    if (notes / f"{point.key}.die").exists():
        os._exit(3)
    time.sleep(point.settings.get("pause_s", 0.0))
    while (notes / f"{point.key}.hold").exists():
        time.sleep(0.02)
    before = sum(int((path / "drawn.txt").read_text()) for path in needs.values())
    draw = np.random.default_rng(point.settings["seed"])
    return [{"name": point.key, "value": float(draw.normal()), "before": before} for _ in range(2)]


def present(table, pictures):
    (pictures / "none.txt").write_text("")
    return Presented(Page("Toy", simulated=True), [f"{len(table)} rows"], {"rows": len(table)})
"""

SCRIPT = """
import signal
import sys
from pathlib import Path

from labctl.studies.folder import StudyFolder
from labctl.studies.points import Study
from labctl.studies.runner import run_study

if __name__ == "__main__":
    # A shell that runs tests in the background has Ctrl-C ignored, and processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    study = Study("toy", "a toy", "toy_points:compute", "toy_points:present")
    run_study(study, StudyFolder(folder).plan(), folder, workers=1)
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the toy writes how often each point was computed, and reads what it is to do to it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_points.py").write_text(MODULE)
    (tmp_path / "code" / "script.py").write_text(SCRIPT)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def toy_plan(notes: Path, seed: int = 7) -> Plan:
    def point(key: str, number: int, *needs: str) -> Point:
        return Point(key, {"seed": seed + number, "notes": str(notes)}, needs)

    points = (point("a", 0), point("b", 1), point("c", 2, "a"), point("d", 3, "a", "c"), point("e", 4, "b"))
    return Plan("toy", "small", seed, points)


def run_toy(notes: Path, folder: Path, workers: int = 1) -> StudyResult:
    return run_study(TOY, toy_plan(notes), folder, workers=workers)


def counts(notes: Path) -> dict[str, int]:
    return {file.stem: len(file.read_text()) for file in notes.glob("*.count")}


def start_held(notes: Path, folder: Path, key: str) -> subprocess.Popen[bytes]:
    """The study in a process and group of its own, held in point ``key``."""
    (notes / f"{key}.hold").touch()
    StudyFolder(folder).begin(toy_plan(notes))
    command = [sys.executable, str(notes.parent / "code" / "script.py"), str(folder)]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, start_new_session=True)
    wait_for((notes / f"{key}.count").exists, process)
    return process


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the study ended early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_point_is_done_once_and_the_table_has_them_in_the_order_of_the_plan(notes: Path, tmp_path: Path) -> None:
    result = run_toy(notes, tmp_path / "study", workers=2)
    assert result.state.complete
    table = pd.read_parquet(result.folder.table)
    assert table["point"].tolist() == [key for key in "abcde" for _ in range(2)]
    assert table["name"].tolist() == table["point"].tolist()
    sums = dict(zip(table["point"], table["before"], strict=True))
    assert sums == {"a": 0, "b": 0, "c": 7, "d": 7 + 9, "e": 8}
    assert counts(notes) == dict.fromkeys("abcde", 1)
    assert "Toy" in result.folder.report.read_text(encoding="utf-8")
    again = run_toy(notes, tmp_path / "study")
    assert counts(notes) == dict.fromkeys("abcde", 1)
    pd.testing.assert_frame_equal(pd.read_parquet(again.folder.table), table)


def test_any_number_of_workers_gives_the_same_table(notes: Path, tmp_path: Path) -> None:
    one, three = (run_toy(notes, tmp_path / f"with-{n}", workers=n).folder.table for n in (1, 3))
    pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(three))


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_killed_and_gone_on_with_gives_the_same_table(notes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = start_held(notes, folder, "c")
    with pytest.raises(BadInput, match=f"process {process.pid} is at work"):
        run_toy(notes, folder)
    assert StudyFolder(folder).state().running
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = StudyFolder(folder).state()
    assert before.done == ("a", "b")
    assert not before.running
    (notes / "c.hold").unlink()
    result = run_toy(notes, folder)
    assert counts(notes) == {**dict.fromkeys("abde", 1), "c": 2}
    assert not list(result.folder.points.glob(".*"))
    whole = run_toy(notes, tmp_path / "whole")
    pd.testing.assert_frame_equal(pd.read_parquet(result.folder.table), pd.read_parquet(whole.folder.table))


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_the_workers_and_keeps_what_is_finished(notes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    process = start_held(notes, folder, "c")
    workers = psutil.Process(process.pid).children()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) != 0
    assert not psutil.wait_procs(workers, timeout=5)[1]
    state = StudyFolder(folder).state()
    assert (state.done, state.waiting, state.running) == (("a", "b"), ("c", "d", "e"), False)
    assert not list((folder / "points").glob(".*"))


@pytest.mark.parametrize(("how", "words"), [("raise", "the toy broke"), ("die", "exit code 3")])
def test_a_point_that_fails_is_told_and_the_others_are_done(notes: Path, tmp_path: Path, how: str, words: str) -> None:
    (notes / f"c.{how}").touch()
    result = run_toy(notes, tmp_path / "study")
    assert result.state.done == ("a", "b", "e")
    assert [item.key for item in result.state.failed] == ["c"]
    assert words in result.state.failed[0].message
    assert result.state.blocked == ("d",)
    assert set(pd.read_parquet(result.folder.table)["point"]) == {"a", "b", "e"}
    (notes / f"c.{how}").unlink()
    assert run_toy(notes, tmp_path / "study").state.complete
    tries = TRIES if how == "die" else 1
    assert counts(notes) == {**dict.fromkeys("abde", 1), "c": tries + 1}


def test_a_folder_belongs_to_one_plan(notes: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "study")
    folder.begin(toy_plan(notes))
    folder.begin(toy_plan(notes))
    with pytest.raises(BadInput, match="another plan"):
        folder.begin(toy_plan(notes, seed=8))
    with pytest.raises(BadInput, match="there is no study"):
        StudyFolder(tmp_path / "empty").plan()
    plan = tmp_path / "study" / "plan.json"
    plan.write_text(json.dumps({"format": "labctl study", "version": 99}))
    with pytest.raises(BadInput, match="not written by this version"):
        folder.plan()


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((), "no points"),
        ((Point("a"), Point("a")), "two points a"),
        ((Point("a", needs=("b",)), Point("b")), "needs b"),
        ((Point("../a"),), "cannot name a point"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(points: tuple[Point, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_plan(points)


def test_publishing_says_what_stands_in_its_way(notes: Path, tmp_path: Path) -> None:
    result = run_toy(notes, tmp_path / "study")
    assert result.presented is not None
    with pytest.raises(BadInput, match="toy has no page for a repository"):
        publish(result.presented, result.folder, tmp_path / "docs")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written to"):
        publish(replace(result.presented, markdown="# Toy\n\nrest"), result.folder, tmp_path / "file")
    page, table, _ = publish(replace(result.presented, markdown="# Toy\n\nrest"), result.folder, tmp_path / "docs")
    assert page.read_text(encoding="utf-8").startswith("# Toy\n\nWritten by `labctl study report`")
    assert "5 of 5 points" in page.read_text(encoding="utf-8")
    assert table.read_bytes() == result.folder.table.read_bytes()


BOARDS = [name for name, study in STUDIES.items() if study.any_geometry]


@pytest.mark.parametrize("geometry", [None, "64x160"])
@pytest.mark.parametrize(("name", "scope"), [(name, scope) for name in BOARDS for scope in STUDIES[name].scopes])
def test_the_command_that_is_named_computes_the_same_plan(
    name: str, scope: str, geometry: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Asked(name, scope, 7, geometry).plan()
    assert (plan == Asked(name, scope, 7).plan()) == (geometry is None)
    ran: list[Plan] = []
    monkeypatch.setattr(study_commands, "run", lambda plan, *_: ran.append(plan))
    assert labctl(command(plan).split()[1:]) == 0
    assert ran == [plan]


@pytest.mark.parametrize("name", BOARDS)
def test_a_geometry_that_is_none_is_refused_at_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert labctl(["study", name, "--geometry", "128"]) == 2
    assert "it takes ROWSxCOLUMNS" in capsys.readouterr().err


def test_studies_are_found_by_name() -> None:
    assert all(find_study(name).name == name for name in STUDIES)
    with pytest.raises(BadInput, match="the studies are ordering"):
        find_study("odering")
