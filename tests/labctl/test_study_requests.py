"""Studies by name: asked for, stopped, gone on with, looked at; with the toy of the frame's own tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import BadInput
from labctl.service.messages import Failed
from labctl.service.messages_studies import StudyProgress
from labctl.service.requests.bench import UseBench
from labctl.service.requests.studies import ListStudies, OpenStudy, OpenStudyResults, ReportStudy, ResumeStudy, RunStudy
from labctl.studies import registry
from labctl.studies.asking import Asked, resume_study, run_study
from labctl.studies.folder import Plan
from labctl.studies.looking import look_at_study, study_kinds
from labctl.studies.points import Study
from labctl.studies.values import StudyResults, StudyView
from tests.labctl.test_service import Told
from tests.labctl.test_studies import MODULE, counts, toy_plan


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy as a study of the registry; where it writes how often each point was computed."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_points.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    folder = tmp_path / "notes"
    folder.mkdir()
    toy = Study(
        "toy",
        "a toy",
        "toy_points:compute",
        "toy_points:present",
        plan="tests.labctl.test_study_requests:plan_of_toy",
        scopes={"small": "a second"},
    )
    monkeypatch.setitem(registry.STUDIES, "toy", toy)
    monkeypatch.setenv("TOY_NOTES", str(folder))
    return folder


def plan_of_toy(scope: str, seed: int, geometry: str | None) -> Plan:
    import os

    return toy_plan(Path(os.environ["TOY_NOTES"]), seed)


def test_what_a_study_cannot_do_is_said_before_anything_is_written(notes: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no study nothing"):
        run_study("nothing", folder=tmp_path / "s")
    with pytest.raises(BadInput, match="no scope 'huge'; it has small"):
        run_study("toy", scope="huge", folder=tmp_path / "s")
    with pytest.raises(BadInput, match="geometry of its own"):
        run_study("toy", scope="small", geometry="8x8", folder=tmp_path / "s")
    with pytest.raises(BadInput, match="ROWSxCOLUMNS"):
        Asked("calibration", "quick", 1, "eight").plan()
    assert not (tmp_path / "s").exists()


def test_the_commands_and_the_window_name_folders_alike() -> None:
    assert Asked("calibration", "quick", 3, "64x16").folder_name == "study-calibration-quick-seed-3-64x16"
    assert {kind.name for kind in study_kinds()} >= {"ordering", "calibration"}
    assert len(Asked("ordering", "full").plan().points) > len(Asked("ordering", "quick").plan().points)


def test_a_script_spreads_the_study_as_the_window_did() -> None:
    run = RunStudy("toy", "small", 7, workers=2, resources="gpu=1")
    assert run.script() == "labctl.run_study('toy', scope='small', seed=7, workers=2, resources='gpu=1')"
    resume = ResumeStudy("s", scheduler="tcp://127.0.0.1:8786")
    assert resume.script() == "labctl.resume_study('s', scheduler='tcp://127.0.0.1:8786')"


def test_a_study_that_is_stopped_goes_on_where_it_was(notes: Path, tmp_path: Path) -> None:
    (notes / "b.hold").touch()
    folder = tmp_path / "s"
    stop = threading.Event()
    threading.Thread(target=lambda: (_wait((notes / "b.count").exists), stop.set())).start()
    began = time.monotonic()
    result = run_study("toy", scope="small", seed=7, folder=folder, workers=1, stop=stop.is_set)
    assert time.monotonic() - began < 30
    assert result.state.done == ("a",)
    assert look_at_study(folder).entry.done == 1
    assert not list(folder.glob("points/.*.part")), "a point that was stopped half way is thrown away"
    (notes / "b.hold").unlink()
    assert resume_study(folder, workers=1).state.complete
    assert counts(notes) == {"a": 1, "b": 2, "c": 1, "d": 1, "e": 1}
    assert look_at_study(folder).findings == ("10 rows",)


def test_a_window_runs_stops_and_reads_a_study(notes: Path, tmp_path: Path) -> None:
    (notes / "c.raise").touch()
    (notes / "e.hold").touch()
    told = Told()
    told.service.start()
    try:
        told.answer(UseBench(runs=str(tmp_path / "runs"), demo=True))
        number = told.ask(RunStudy("toy", "small", 7, workers=1))
        told.until((notes / "e.count").exists)
        folder = str(tmp_path / "runs" / "study-toy-small-seed-7")
        view = told.answer(OpenStudy(folder))
        assert isinstance(view, StudyView)
        states = {point.key: point.state for point in view.points}
        assert states == {"a": "done", "b": "done", "c": "failed", "d": "blocked", "e": "computing"}
        assert "the toy broke" in next(point.message for point in view.points if point.key == "c")
        assert view.entry.running
        told.service.cancel(number)
        reply = told.until(lambda: told.reply(number))
        assert isinstance(reply, Failed)
        assert reply.trouble.kind == "stopped"
        assert told.all(StudyProgress)[-1].over
        (notes / "c.raise").unlink()
        (notes / "e.hold").unlink()
        done = told.answer(ResumeStudy(folder, workers=1))
        assert isinstance(done, StudyView)
        assert done.entry.complete
        assert done.findings == ("10 rows",)
        progress = [item for item in told.all(StudyProgress) if item.left_s is not None]
        assert progress[-1].total == 5
        assert told.all(StudyProgress)[-1].over
        _, entries = told.answer(ListStudies())  # type: ignore[misc]
        assert [item.folder for item in entries] == [folder]
        results = told.answer(OpenStudyResults(folder))
        assert isinstance(results, StudyResults)
        assert results.total == len(results.rows) == 10
        assert results.header[0] == "point"
        assert isinstance(told.answer(ReportStudy(folder)), StudyView)
        assert "there is no study" in told.refusal(OpenStudy(str(tmp_path))).trouble.sentence
    finally:
        told.service.close()


def _wait(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)
