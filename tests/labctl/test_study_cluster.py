"""Studies over the workers of a Dask scheduler: lost workers, resources, folders not shared, an end at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

from data.errors import BadInput, LabctlError, Problems
from labctl.cli import run as labctl
from labctl.studies.folder import StudyFolder
from labctl.studies.runner import StudyResult, run_study
from labctl.studies.spreading import Spread
from tests.labctl.farms import ROOT, Farm, start_offload, until, with_path
from tests.labctl.test_studies import MODULE, TOY, counts, notes, run_toy, toy_plan

__all__ = ["notes"]

pytest.importorskip("distributed")

SCRIPT = """
import signal
import sys
from pathlib import Path

from labctl.studies.folder import StudyFolder
from labctl.studies.points import Study
from labctl.studies.runner import run_study
from labctl.studies.spreading import Spread

signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
study = Study("toy", "a toy", "toy_points:compute", "toy_points:present")
run_study(study, StudyFolder(folder).plan(), folder, workers=Spread(scheduler=sys.argv[2]))
"""


@pytest.fixture(scope="module", autouse=True)
def offload() -> None:
    start_offload()


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Two workers, of which one owns a GPU, for the tests that leave them alone."""
    yield from _farm(tmp_path_factory.mktemp("farm"), [(), ("--resources", "gpu=1")])


@pytest.fixture
def own_farm(tmp_path: Path) -> Iterator[Farm]:
    """Two workers that a test may kill; nobody starts them again."""
    (tmp_path / "farm").mkdir()
    yield from _farm(tmp_path / "farm", [("--no-nanny",), ("--no-nanny",)])


def _farm(folder: Path, workers: list[tuple[str, ...]]) -> Iterator[Farm]:
    (folder / "code").mkdir()
    (folder / "code" / "toy_points.py").write_text(MODULE)
    farm = Farm(folder, folder / "code")
    try:
        farm.scheduler()
        farm.workers(*(("--nthreads", "1", *options) for options in workers))
        yield farm
    finally:
        farm.close()


def run_far(farm: Farm, notes: Path, folder: Path) -> StudyResult:
    return run_study(TOY, toy_plan(notes), folder, workers=Spread(scheduler=farm.address))


def start_far(farm: Farm, notes: Path, folder: Path, key: str) -> subprocess.Popen[bytes]:
    """The study in a process of its own, held in point ``key``."""
    (notes / f"{key}.hold").touch()
    StudyFolder(folder).begin(toy_plan(notes))
    code = notes.parent / "code"
    (code / "far.py").write_text(SCRIPT)
    command = [sys.executable, str(code / "far.py"), str(folder), farm.address]
    process = subprocess.Popen(command, env=with_path(code), stderr=subprocess.DEVNULL)
    until((notes / f"{key}.count").exists)
    return process


def test_far_workers_give_the_same_table_each_point_once(farm: Farm, notes: Path, tmp_path: Path) -> None:
    far = run_far(farm, notes, tmp_path / "far")
    assert far.state.complete
    assert counts(notes) == dict.fromkeys("abcde", 1)
    here = run_toy(notes, tmp_path / "here")
    pd.testing.assert_frame_equal(pd.read_parquet(far.folder.table), pd.read_parquet(here.folder.table))
    assert not list(far.folder.points.glob(".*"))


def test_a_point_that_fails_far_away_is_told_with_its_traceback(farm: Farm, notes: Path, tmp_path: Path) -> None:
    (notes / "c.raise").touch()
    state = run_far(farm, notes, tmp_path / "far").state
    assert (state.done, state.blocked) == (("a", "b", "e"), ("d",))
    assert "the toy broke" in state.failed[0].message
    assert "toy_points.py" in state.failed[0].traceback


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_worker_killed_in_the_middle_loses_no_point(own_farm: Farm, notes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "far"
    process = start_far(own_farm, notes, folder, "b")
    until(lambda: len(counts(notes)) == len("abcd") and len(own_farm.computing()) == 1)
    (computing,) = own_farm.computing()
    victim = next(item for item in own_farm.processes if item.pid == computing.ppid())
    victim.kill()
    victim.wait()
    until(lambda: counts(notes)["b"] == 2)
    assert not psutil.wait_procs([computing], timeout=10)[1], "what a dead worker computed has ended"
    (notes / "b.hold").unlink()
    assert process.wait(60) == 0
    assert StudyFolder(folder).state().complete
    assert counts(notes) == {**dict.fromkeys("acde", 1), "b": 2}
    whole = run_toy(notes, tmp_path / "whole").folder.table
    pd.testing.assert_frame_equal(pd.read_parquet(StudyFolder(folder).table), pd.read_parquet(whole))


def test_a_point_whose_last_worker_dies_is_not_waited_for_without_end(
    own_farm: Farm, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.studies.cluster.COMING_S", 1.0)
    (notes / "a.hold").touch()
    (notes / "b.hold").touch()

    def kill() -> None:
        until(lambda: len(counts(notes)) == len("ab"))
        for process in own_farm.processes[1:]:
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    told: list[str] = []
    ends = time.monotonic() + 30
    result = run_study(
        TOY,
        toy_plan(notes),
        tmp_path / "far",
        workers=Spread(scheduler=own_farm.address),
        listener=lambda _, message: told.append(message),
        stop=lambda: time.monotonic() > ends,
    )
    killer.join()
    assert [failure.key for failure in result.state.failed] == ["a", "b"]
    assert "the scheduler has no workers; start one with" in result.state.failed[0].message
    assert any(message.startswith("waiting, ") for message in told)


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_far_points_end_with_the_study(farm: Farm, notes: Path, tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "far"
    process = start_far(farm, notes, folder, "c")
    computing = farm.computing()
    assert len(computing) >= 1
    process.send_signal(how)
    # Python itself ends so after a KeyboardInterrupt: what Dask brings along must not swallow it.
    assert process.wait(20) == -how
    assert not psutil.wait_procs(computing, timeout=10)[1]
    assert {"c", "d"}.isdisjoint(StudyFolder(folder).state().done)
    (notes / "c.hold").unlink()
    assert run_far(farm, notes, folder).state.complete
    assert counts(notes)["c"] == 2


def test_a_stop_ends_far_points_at_once(farm: Farm, notes: Path, tmp_path: Path) -> None:
    (notes / "c.hold").touch()
    stop = threading.Event()
    watcher = threading.Thread(target=lambda: (until((notes / "c.count").exists), stop.set()))
    watcher.start()
    result = run_study(TOY, toy_plan(notes), tmp_path / "far", workers=Spread(scheduler=farm.address), stop=stop.is_set)
    watcher.join()
    assert {"c", "d"}.isdisjoint(result.state.done)
    until(lambda: not farm.computing(), 10)
    assert not list(result.folder.points.glob(".*"))


def test_only_a_worker_that_owns_it_takes_a_point(farm: Farm, notes: Path, tmp_path: Path) -> None:
    points = toy_plan(notes).points
    plan = replace(toy_plan(notes), points=tuple(replace(point, uses=("gpu",)) for point in points))
    assert run_study(TOY, plan, tmp_path / "gpu", workers=Spread(scheduler=farm.address)).state.complete
    owner = farm.processes[-1].pid
    computed_by = {psutil.Process(int(file.read_text())).ppid() for file in notes.glob("*.parent")}
    assert computed_by == {owner}


def test_points_that_nobody_takes_are_named(
    farm: Farm, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.studies.cluster.COMING_S", 1.0)
    told: list[str] = []
    plan = toy_plan(notes)
    points = tuple(replace(point, uses=("board",)) if point.key == "c" else point for point in plan.points)
    result = run_study(
        TOY,
        replace(plan, points=points),
        tmp_path / "board",
        workers=Spread(scheduler=farm.address),
        listener=lambda _, message: told.append(message),
    )
    assert result.state.done == ("a", "b", "e")
    (failure,) = result.state.failed
    assert "it uses board, and no worker owns that" in failure.message
    assert "--resources board=1" in failure.message
    assert any(message.startswith("waiting, c: it uses board") for message in told)


def test_workers_that_cannot_work_on_a_study_are_named_at_once(
    farm: Farm, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labctl.studies import cluster

    known = cluster.order_of
    elsewhere = str(tmp_path / "elsewhere")
    monkeypatch.setattr(cluster, "order_of", lambda *asked: replace(known(*asked), folder=elsewhere, version="9.9"))
    with pytest.raises(Problems) as caught:
        run_far(farm, notes, tmp_path / "far")
    assert "does not see the study's folder" in str(caught.value)
    assert "not 9.9; install the same version there" in str(caught.value)
    StudyFolder(Path(elsewhere)).begin(toy_plan(notes, seed=8))
    monkeypatch.setattr(cluster, "order_of", lambda *asked: replace(known(*asked), folder=elsewhere))
    with pytest.raises(BadInput, match="is another folder on"):
        run_far(farm, notes, tmp_path / "far")
    assert not counts(notes)


def test_what_the_page_starts_here_listens_on_this_machine_only(tmp_path: Path) -> None:
    from distributed import Client

    page = (Path(ROOT) / "docs" / "how-to" / "spread-a-study.md").read_text()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    starts = ("    dask scheduler --host 127.0.0.1 ", "    dask worker tcp://127.0.0.1:8786 ")
    shown = [line.partition("#")[0] for line in page.splitlines() if line.startswith(starts)]
    assert len(shown) == len(starts)
    processes: list[psutil.Popen] = []
    try:
        for line in shown:
            _, name, *options = line.replace("8786", port).split()
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *options]
            processes.append(psutil.Popen(command, cwd=tmp_path, env=with_path(tmp_path), stderr=subprocess.DEVNULL))
        with Client(f"tcp://127.0.0.1:{port}", set_as_default=False) as client:
            until(lambda: client.scheduler_info()["workers"])
        everyone = [child for item in processes for child in (item, *item.children(recursive=True))]
        listening = [item.laddr for each in everyone for item in each.net_connections() if item.status == "LISTEN"]
        assert len(listening) >= 3
        assert {address.ip for address in listening} == {"127.0.0.1"}
    finally:
        for item in reversed(processes):
            item.terminate()
        for item in processes:
            item.wait(20)


@pytest.mark.slow
def test_a_worker_on_several_threads_is_refused(tmp_path: Path, notes: Path) -> None:
    (tmp_path / "farm").mkdir()
    for farm in _farm(tmp_path / "farm", [("--no-nanny", "--nthreads", "2")]):
        with pytest.raises(BadInput, match="2 points at a time; start it with --nthreads 1"):
            run_far(farm, notes, tmp_path / "far")


def test_an_outcome_that_a_lost_scheduler_takes_along_is_said(notes: Path) -> None:
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    from labctl.studies.cluster import ClusterWorkers

    class Lost:
        status = "finished"

        def __init__(self, error: Exception) -> None:
            self._error = error

        def result(self) -> object:
            raise self._error

    workers = ClusterWorkers(None, None, None, lambda: None)  # type: ignore[arg-type]
    for error in (FutureCancelledError("labctl-c", "scheduler-connection-lost"), CommClosedError("closed")):
        with pytest.raises(LabctlError, match="out of reach; finished points are kept"):
            workers._outcome(Lost(error), toy_plan(notes).points[0])  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_scheduler_that_ends_is_said(own_farm: Farm, notes: Path, tmp_path: Path) -> None:
    (notes / "c.hold").touch()
    ended = threading.Thread(target=lambda: (until((notes / "c.count").exists), own_farm.close()))
    ended.start()
    with pytest.raises(LabctlError, match="out of reach; finished points are kept"):
        run_far(own_farm, notes, tmp_path / "far")
    ended.join()
    assert set(StudyFolder(tmp_path / "far").state().done) >= {"a"}


def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("labctl.studies.cluster.CONNECT_S", 0.5)
    command = ["study", "calibration", "--quick", "-o", str(tmp_path / "s"), "--scheduler"]
    assert labctl([*command, "tcp://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err
    assert "no scheduler answers at tcp://127.0.0.1:9 within 0.5 s" in said
    assert "Traceback" not in said
    assert labctl([*command, "127.0.0.1", "--workers", "2", "--resources", "gpu=x"]) == 2
    said = capsys.readouterr().err
    assert "3 problems" in said
    assert "no address like tcp://HOST:PORT" in said


def test_certificates_that_cannot_be_used_are_one_sentence(notes: Path, tmp_path: Path) -> None:
    import dask

    def refused(address: str, **settings: object) -> str:
        named = {f"distributed.comm.{name}": value for name, value in settings.items()}
        with dask.config.set(named), pytest.raises(BadInput) as caught:
            run_study(TOY, toy_plan(notes), tmp_path / "far", workers=Spread(scheduler=address))
        return str(caught.value)

    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        file = str(tmp_path / name)
        names = ("ca-file", "client.cert", "client.key")
        said = refused("tls://127.0.0.1:9", **{f"tls.{item}": file for item in names})
        assert "cannot be used" in said
        assert file in said
    assert "name a scheduler at tls://" in refused("tcp://127.0.0.1:9", **{"require-encryption": True})


@pytest.mark.slow
def test_encrypted_workers_take_only_those_who_have_the_key(notes: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    import dask
    from distributed import Security

    made = Security.temporary()
    files = {"ca-file": made.tls_ca_file, "cert": made.tls_client_cert, "key": made.tls_client_key}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    options = [part for name in files for part in (f"--tls-{name}", str(tmp_path / name))]
    (tmp_path / "farm").mkdir()
    farm = Farm(tmp_path / "farm", tmp_path / "code", options)
    keys = {"ca-file": str(tmp_path / "ca-file")} | {f"client.{name}": str(tmp_path / name) for name in ("cert", "key")}
    try:
        farm.scheduler("--protocol", "tls")
        assert farm.address.startswith("tls://")
        with pytest.raises(BadInput, match="names no certificates"):
            run_far(farm, notes, tmp_path / "far")
        with dask.config.set({f"distributed.comm.tls.{name}": path for name, path in keys.items()}):
            farm.workers(("--nthreads", "1", "--no-nanny", "--protocol", "tls"))
            assert run_far(farm, notes, tmp_path / "far").state.complete
    finally:
        farm.close()
