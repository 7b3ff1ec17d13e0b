"""Worker processes of this machine: what each owns, how they end, and what they leave to whoever comes after."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from data.errors import BadInput, Problems
from labctl.cli import run as labctl
from labctl.progress import never, silent
from labctl.studies.folder import Plan, StudyFolder
from labctl.studies.holding import STALE_S, Holding
from labctl.studies.local import LocalWorkers
from labctl.studies.pace import pace
from labctl.studies.points import Point, Study
from labctl.studies.process import ONE_THREAD
from labctl.studies.resources import environments, parse_resources, share
from labctl.studies.run import Run
from labctl.studies.runner import run_study
from labctl.studies.spreading import Spread
from labctl.studies.workers import Outcome
from tests.labctl.farms import until
from tests.labctl.test_studies import TOY, notes, run_toy, toy_plan

__all__ = ["notes"]

MODULE = """
import os
import sys
import time
from pathlib import Path

NAMES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


class Slow:
    def __del__(self):
        time.sleep(0.3)


def compute(point, place, needs):
    print("what is computed may print and read")
    sys.stdin.read()
    if "safe" in point.settings:
        try:
            Path(point.settings["safe"]).write_text("energised")
            time.sleep(60)
        finally:
            Path(point.settings["safe"]).write_text("safe")
    if "finaliser" in point.settings:
        Path(point.settings["finaliser"]).touch()
        while True:
            Slow()
            time.sleep(0.3)
    if "sleep" in point.settings:
        Path(point.settings["sleep"]).touch()
        while True:
            try:
                time.sleep(60)
            except SystemExit:
                pass
    time.sleep(0.2)
    yield {"pid": os.getpid(), **{name: os.environ.get(name, "-") for name in NAMES}}
"""

STUDY = Study("toy", "a toy", "toy_workers:compute", "toy_points:present")


@pytest.fixture(autouse=True)
def toy_workers(notes: Path) -> None:
    (notes.parent / "code" / "toy_workers.py").write_text(MODULE)


def plan_of(*points: Point) -> Plan:
    return Plan("toy", "small", 1, points)


def test_each_worker_owns_at_most_one_of_each_resource() -> None:
    assert parse_resources(" gpu=2, board=1,") == {"gpu": 2, "board": 1}
    owned = share({"gpu": 2, "board": 1}, 4)
    assert owned == (frozenset({"gpu"}), frozenset({"gpu"}), frozenset({"board"}), frozenset())
    assert share({"gpu": 1, "board": 1}, 1) == (frozenset({"gpu", "board"}),)
    with pytest.raises(Problems, match="3 gpu, but 2 workers"):
        share({"gpu": 3}, 2)
    with pytest.raises(Problems) as caught:
        parse_resources("gpu,board=0,x=1,x=2")
    assert len(caught.value.problems) == 3


def test_a_worker_sees_its_own_device_only(monkeypatch: pytest.MonkeyPatch) -> None:
    owned = share({"gpu": 2}, 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [found["CUDA_VISIBLE_DEVICES"] for found in environments(owned)] == ["0", "1", ""]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [found["CUDA_VISIBLE_DEVICES"] for found in environments(owned)] == ["5", "7", ""]
    assert environments(share({"board": 1}, 2)) == ({}, {})


def test_points_run_on_one_thread_by_the_worker_that_owns_what_they_use(notes: Path, tmp_path: Path) -> None:
    points = [Point(f"gpu{n}", uses=("gpu",)) for n in range(3)] + [Point(f"any{n}") for n in range(3)]
    spread = Spread(workers=2, resources="gpu=1")
    folder = run_study(STUDY, plan_of(*points), tmp_path / "s", workers=spread).folder
    rows = {point.key: folder.rows(point.key)[0] for point in points}
    assert len({rows[f"gpu{n}"]["pid"] for n in range(3)}) == 1
    assert {rows[f"gpu{n}"]["CUDA_VISIBLE_DEVICES"] for n in range(3)} == {"0"}
    assert rows["any0"]["CUDA_VISIBLE_DEVICES"] == ""
    assert {row["OMP_NUM_THREADS"] for row in rows.values()} == {ONE_THREAD["OMP_NUM_THREADS"]} == {"1"}
    assert {row["NUMBA_NUM_THREADS"] for row in rows.values()} == {"1"}


def test_points_that_no_worker_can_take_are_refused_before_anything_is_computed(notes: Path, tmp_path: Path) -> None:
    gpu = [Point(f"g{n}", uses=("gpu",)) for n in range(5)]
    with pytest.raises(Problems) as caught:
        run_study(STUDY, plan_of(Point("a"), *gpu, Point("b", uses=("board",))), tmp_path / "s", workers=2)
    said = str(caught.value)
    assert (
        "g0, g1, g2 and 2 more: it uses gpu, and no worker owns that; say what there is with --resources gpu=1" in said
    )
    assert "b: it uses board" in said
    assert not StudyFolder(tmp_path / "s").state().done


def test_everything_wrong_with_a_plan_is_said_at_once(tmp_path: Path) -> None:
    points = (Point("A"), Point("b", needs=("c",)), Point("b", uses=("GPU",)))
    with pytest.raises(Problems) as caught:
        StudyFolder(tmp_path / "s").begin(plan_of(*points))
    assert len(caught.value.problems) == 4
    assert not (tmp_path / "s").exists()


def test_everything_wrong_with_a_command_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "study",
        "calibration",
        "--geometry",
        "8",
        "--resources",
        "gpu=9",
        "--workers",
        "2",
        "-o",
        str(tmp_path / "s"),
    ]
    assert labctl(command) == 2
    said = capsys.readouterr().err
    assert "the study calibration has 2 problems" in said
    assert "it takes ROWSxCOLUMNS" in said
    assert "9 gpu, but 2 workers" in said
    assert not (tmp_path / "s").exists()


def test_libraries_that_far_workers_need_are_named(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "labctl.studies.cluster", raising=False)
    monkeypatch.delattr("labctl.studies.cluster", raising=False)
    with pytest.raises(BadInput, match=r"need distributed; install labctl\[studies\]"):
        run_study(TOY, toy_plan(notes), tmp_path / "s", workers=Spread(scheduler="tcp://127.0.0.1:9"))


def test_a_point_that_is_given_up_leaves_its_with_blocks(notes: Path, tmp_path: Path) -> None:
    safe = tmp_path / "state"
    folder = StudyFolder(tmp_path / "s")
    folder.begin(plan_of(Point("a", {"safe": str(safe)})))
    workers = LocalWorkers(STUDY.compute, folder.path, 1)
    workers.begin(folder.plan().points[0])
    until(lambda: safe.exists() and safe.read_text() == "energised")
    began = time.monotonic()
    workers.close()
    assert time.monotonic() - began < 4.0
    assert safe.read_text() == "safe"
    assert not list(folder.points.iterdir())


def test_a_point_that_will_not_end_is_ended(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StudyFolder(tmp_path / "s")
    folder.begin(plan_of(Point("a", {"sleep": str(tmp_path / "asleep")})))
    workers = LocalWorkers(STUDY.compute, folder.path, 1)
    workers.begin(folder.plan().points[0])
    until((tmp_path / "asleep").exists)
    monkeypatch.setattr("labctl.studies.process.PATIENCE_S", 0.1)
    workers.close()


def test_a_point_is_given_up_also_where_a_finaliser_runs(notes: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "s")
    folder.begin(plan_of(Point("a", {"finaliser": str(tmp_path / "begun")})))
    workers = LocalWorkers(STUDY.compute, folder.path, 1)
    workers.begin(folder.plan().points[0])
    until((tmp_path / "begun").exists)
    time.sleep(0.4)
    workers.close()
    assert not list(folder.points.iterdir()), "it has left its blocks, and was not ended by force"


def test_a_run_on_another_machine_is_known_by_the_age_of_its_word(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    file.write_text(json.dumps({"pid": 1, "started": 0.0, "host": "elsewhere", "since": time.time()}))
    holding = Holding(file)
    assert str(holding.holder()) == "process 1 on elsewhere"
    with pytest.raises(BadInput, match="process 1 on elsewhere is at work"), holding.held(tmp_path):
        pass
    old = time.time() - STALE_S - 1
    os.utime(file, (old, old))
    assert holding.holder() is None
    with holding.held(tmp_path):
        assert json.loads(file.read_text())["host"] == socket.gethostname()
        os.utime(file, (old, old))
        holding.refresh()
        assert time.time() - file.stat().st_mtime < 60
    assert not file.exists()


def test_of_processes_that_begin_at_the_same_moment_one_is_at_work(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    left = json.dumps({"pid": 1, "started": 0.0, "host": socket.gethostname(), "since": 0.0})
    both, once = threading.Barrier(2), threading.Barrier(2)
    refused: list[str] = []

    def begin() -> None:
        both.wait(10)
        try:
            with Holding(file).held(tmp_path):
                once.wait(10)
        except BadInput as error:
            refused.append(str(error))
            once.wait(10)

    for _ in range(40):
        file.write_text(left)
        threads = [threading.Thread(target=begin) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 40
    assert all(f"process {os.getpid()} is at work" in said for said in refused)
    assert not file.exists()


def test_who_was_replaced_leaves_the_file_of_the_other_one(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    other = json.dumps({"pid": 1, "started": 0.0, "host": "elsewhere", "since": time.time()})
    with Holding(file).held(tmp_path):
        file.write_text(other)
    assert file.read_text() == other


class Elsewhere:
    """Workers of another machine, whose points are seen here only later, or never."""

    def __init__(self, folder: StudyFolder, after_s: float) -> None:
        self._folder = folder
        self._after_s = after_s
        self._begun: list[Point] = []
        self._threads: list[threading.Timer] = []

    @property
    def busy(self) -> int:
        return len(self._begun)

    def free(self, point: Point) -> bool:
        return True

    def lack(self, point: Point) -> None:
        return None

    def begin(self, point: Point) -> None:
        assert all(self._folder.is_done(key) for key in point.needs)
        self._begun.append(point)
        timer = threading.Timer(self._after_s, self._finish, [point.key])
        self._threads.append(timer)
        timer.start()

    def wait(self, timeout_s: float) -> list[Outcome]:
        ended, self._begun = self._begun, []
        return [Outcome(point.key) for point in ended]

    def close(self) -> None:
        for timer in self._threads:
            timer.cancel()
            timer.join()

    def _finish(self, key: str) -> None:
        with self._folder.writing(key) as place:
            self._folder.finish(place, [])


@pytest.mark.parametrize(("after_s", "done"), [(0.5, ("a", "b", "c", "d", "e")), (60.0, ())])
def test_a_finished_point_counts_once_it_is_seen_here(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_s: float, done: tuple[str, ...]
) -> None:
    monkeypatch.setattr("labctl.studies.folder.SEEN_S", 2.0 * min(after_s, 1.0))
    folder, plan = StudyFolder(tmp_path / "s"), toy_plan(notes)
    folder.begin(plan)
    workers = Elsewhere(folder, after_s)
    Run(folder, plan, workers, silent, never).all()
    workers.close()
    state = folder.state()
    assert state.done == done
    assert all("does not show it" in failure.message for failure in state.failed)
    assert bool(state.failed) is (not done)


def test_keys_of_a_run_that_was_killed_are_thrown_away(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "s" / ".keys-left").mkdir(parents=True)
    (tmp_path / "s" / ".keys-left" / "key").touch()
    assert run_toy(notes, tmp_path / "s").state.complete
    assert not list((tmp_path / "s").glob(".keys-*"))


def test_half_done_points_are_known_by_their_whole_key(notes: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "s")
    folder.begin(toy_plan(notes))
    for part in ("noise-0.here-1", "noise-0.5.here-2", "noise-0.5.elsewhere-2"):
        (folder.points / f".{part}.part").mkdir()
    with folder.held():
        assert folder.computing() == ("noise-0", "noise-0.5")
        folder.sweep("noise-0")
        assert folder.computing() == ("noise-0.5",)
        folder.sweep()
        assert folder.computing() == ()


def test_the_pace_is_that_of_the_run_that_goes_on(notes: Path, tmp_path: Path) -> None:
    folder = run_toy(notes, tmp_path / "s").folder
    assert pace(folder, folder.state()).per_hour is None, "nobody is at work"
    now = time.time()
    for age, key in zip((500, 50, 40, 20), "abcd", strict=True):
        os.utime(folder.place(key) / "result.json", (now - age, now - age))
    (folder.place("e") / "result.json").unlink()
    me = psutil.Process()
    running = {"pid": me.pid, "started": me.create_time(), "host": socket.gethostname(), "since": now - 60}
    (folder.path / "running.json").write_text(json.dumps(running))
    found = pace(folder, folder.state())
    assert found.per_hour == pytest.approx(3 / 60 * 3600, rel=0.05)
    assert found.left_s == pytest.approx(20, rel=0.05)


def test_status_is_told_while_another_process_works(
    notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.cli.study_commands.WATCH_S", 0.02)
    folder = tmp_path / "s"
    folder_of_study = StudyFolder(folder)
    folder_of_study.begin(toy_plan(notes))
    workers = LocalWorkers(TOY.compute, folder, 1)
    try:
        with folder_of_study.held():
            for point in toy_plan(notes).points[:3]:
                workers.begin(point)
                assert workers.wait(30)
            assert labctl(["study", "status", str(folder), "--json"]) == 0
            told = json.loads(capsys.readouterr().out)
            assert (told["done"], told["waiting"], told["running"]) == (3, ["d", "e"], True)
            assert told["points_per_hour"] > 0
            assert told["left_s"] > 0
            assert labctl(["study", "status", str(folder)]) == 0
            assert "points an hour; the rest takes about" in capsys.readouterr().out
    finally:
        workers.close()
    assert labctl(["study", "status", str(folder), "--watch"]) == 0
    assert capsys.readouterr().out.count("3 of 5 points are done") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_idle_worker_that_dies_costs_nothing(notes: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "s")
    folder.begin(plan_of(Point("a"), Point("b")))
    workers = LocalWorkers(STUDY.compute, folder.path, 1)
    try:
        workers.begin(Point("a"))
        assert [item.failure for item in workers.wait(30)] == [None]
        idle = [child for child in psutil.Process().children() if "labctl.studies.serving" in child.cmdline()]
        for child in idle:
            child.send_signal(signal.SIGTERM)
        psutil.wait_procs(idle, timeout=5)
        assert workers.wait(0.5) == []
        workers.begin(Point("b"))
        assert [item.failure for item in workers.wait(30)] == [None]
    finally:
        workers.close()


def test_resources_that_changed_nothing_read_back(notes: Path, tmp_path: Path) -> None:
    plan = plan_of(Point("a", uses=("gpu", "board")))
    folder = StudyFolder(tmp_path / "s")
    folder.begin(plan)
    assert folder.plan() == plan
    with pytest.raises(BadInput, match="another plan"):
        folder.begin(replace(plan, points=(Point("a"),)))
    content = json.loads((tmp_path / "s" / "plan.json").read_text())
    del content["points"][0]["uses"]
    (tmp_path / "s" / "plan.json").write_text(json.dumps(content))
    assert folder.plan().points[0].uses == (), "plans of before resources are read"
