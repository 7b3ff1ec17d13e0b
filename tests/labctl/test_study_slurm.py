"""Studies as jobs of SLURM: the file that says what to ask for, and a SLURM of three commands that runs jobs here."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from data.errors import BadInput, LabctlError, Problems
from labctl.studies.cluster_slurm import SlurmFile, _Jobs
from labctl.studies.runner import run_study
from labctl.studies.spreading import Spread
from tests.labctl.farms import ROOT, start_offload, until
from tests.labctl.test_studies import TOY, counts, notes, toy_plan

__all__ = ["notes"]

pytest.importorskip("dask_jobqueue")

SBATCH = """#!/bin/sh
cat > "$SLURM_TOY/script.sh"
count=$(sed -n 's/^#SBATCH --array=1-//p' "$SLURM_TOY/script.sh")
for task in $(seq "$count"); do
    # Jobs of their own sessions, which nobody waits for, like on another machine.
    SLURM_ARRAY_TASK_ID=$task setsid sh "$SLURM_TOY/script.sh" > "$SLURM_TOY/job-$task.log" 2>&1 < /dev/null &
    echo "$!" >> "$SLURM_TOY/jobs"
done
echo "4711;toy"
"""

SCANCEL = """#!/bin/sh
echo "$1" >> "$SLURM_TOY/cancelled"
for job in $(cat "$SLURM_TOY/jobs"); do kill -TERM -- "-$job"; done
true
"""

SQUEUE = """#!/bin/sh
cat "$SLURM_TOY/queue"
"""


@pytest.fixture(scope="module", autouse=True)
def offload() -> None:
    start_offload()


@pytest.fixture
def loopback() -> str:
    """The loopback interface."""
    return next(name for name, found in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in found))


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Commands named ``sbatch`` and ``scancel``; their folder of notes."""
    folder = tmp_path / "slurm"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL), ("squeue", SQUEUE)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "queue").write_text("4711 short labctl R\n")
    monkeypatch.setenv("SLURM_TOY", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "code"), ROOT]))
    yield folder
    jobs = [int(line) for line in (folder / "jobs").read_text().split()] if (folder / "jobs").exists() else []
    until(lambda: not any(psutil.pid_exists(job) for job in jobs), 20)


def slurm_file(folder: Path, interface: str, more: str = "") -> Path:
    path = folder / "slurm.toml"
    path.write_text(f'jobs = 2\nmemory = "1GB"\ninterface = "{interface}"\n{more}')
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="the toy is for sh and setsid")
@pytest.mark.parametrize("encrypted", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_jobs_compute_what_they_own_and_are_cancelled(
    slurm: Path, notes: Path, tmp_path: Path, loopback: str, encrypted: str
) -> None:
    pytest.importorskip("cryptography")
    more = f'encrypted = {encrypted}\nqueue = "short"\ndirectives = ["--gres=gpu:1"]\n[resources]\ngpu = 1\n'
    plan = toy_plan(notes)
    plan = replace(plan, points=tuple(replace(point, uses=("gpu",)) for point in plan.points))
    before = signal.getsignal(signal.SIGINT)
    result = run_study(TOY, plan, tmp_path / "s", workers=Spread(slurm=slurm_file(tmp_path, loopback, more)))
    assert signal.getsignal(signal.SIGINT) is before
    assert result.state.complete
    assert counts(notes) == dict.fromkeys("abcde", 1)
    script = (slurm / "script.sh").read_text()
    assert "#SBATCH -p short" in script
    assert "#SBATCH --gres=gpu:1" in script
    assert ("tls://" in script) == (encrypted == "true")
    assert "--dashboard-address 127.0.0.1:0" in script
    assert (slurm / "cancelled").read_text() == "4711\n"
    assert not list((tmp_path / "s").glob(".keys-*")), "the keys are thrown away"


@pytest.mark.skipif(sys.platform != "linux", reason="the toy is for sh and setsid")
def test_a_refusal_of_slurm_is_said_and_nothing_is_left(
    slurm: Path, notes: Path, tmp_path: Path, loopback: str
) -> None:
    (slurm / "bin" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2\nexit 1\n")
    with pytest.raises(LabctlError, match=r"SLURM refused the jobs: .*invalid partition"):
        run_study(TOY, toy_plan(notes), tmp_path / "s", workers=Spread(slurm=slurm_file(tmp_path, loopback)))
    assert [item.name for item in (tmp_path / "s").glob(".*")] == [".running.json.lock"]


@pytest.mark.skipif(sys.platform != "linux", reason="the toy is for sh and setsid")
def test_what_the_jobs_do_not_own_is_refused_and_jobs_that_all_ended_are_not_waited_for(
    slurm: Path, notes: Path, tmp_path: Path, loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slurm / "bin" / "sbatch").write_text("#!/bin/sh\necho 4711\n")
    (slurm / "jobs").touch()
    plan = toy_plan(notes)
    board = replace(plan, points=tuple(replace(point, uses=("board",)) for point in plan.points))
    spread = Spread(slurm=slurm_file(tmp_path, loopback))
    with pytest.raises(Problems, match=r"a, b, c and 2 more: it uses board, .*\[resources\] in the SLURM file"):
        run_study(TOY, board, tmp_path / "board", workers=spread)
    monkeypatch.setattr("labctl.studies.cluster_slurm.LOOK_S", 0.0)
    told: list[str] = []

    def heard(_: float, message: str) -> None:
        told.append(message)
        if message.startswith("waiting"):
            (slurm / "queue").write_text("")

    state = run_study(TOY, plan, tmp_path / "ended", workers=spread, listener=heard).state
    assert any("`squeue --me` shows jobs that wait" in message for message in told)
    assert [item.key for item in state.failed] == ["a", "b"]
    assert state.blocked == ("c", "d", "e")


def test_everything_wrong_with_a_slurm_file_is_said_at_once(tmp_path: Path, loopback: str) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text('jobs = 0\nmemory = ""\npartition = "short"\n[resources]\nGPU = 1\n')
    with pytest.raises(Problems) as caught:
        SlurmFile.read(path)
    assert len(caught.value.problems) == 5
    for words in ("jobs: it should", "memory: it should", "interface is missing", "partition is not a setting", "GPU"):
        assert words in str(caught.value)
    with pytest.raises(BadInput, match=f"names the interface ib7; here are .*{loopback}"):
        SlurmFile.read(slurm_file(tmp_path, "ib7"))
    path.write_text("jobs =")
    with pytest.raises(BadInput, match="not valid TOML"):
        SlurmFile.read(path)
    with pytest.raises(BadInput, match="cannot read"):
        SlurmFile.read(tmp_path / "none.toml")


def test_without_slurm_one_sentence_says_so(
    notes: Path, tmp_path: Path, loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="no command sbatch or squeue or scancel here"):
        run_study(TOY, toy_plan(notes), tmp_path / "s", workers=Spread(slurm=slurm_file(tmp_path, loopback)))


@pytest.mark.skipif(sys.platform != "linux", reason="the toy is for sh and setsid")
def test_jobs_that_are_not_cancelled_are_named(slurm: Path, caplog: pytest.LogCaptureFixture) -> None:
    (slurm / "bin" / "sbatch").write_text("#!/bin/sh\ncat > /dev/null\necho 4711\n")
    (slurm / "bin" / "scancel").write_text("#!/bin/sh\necho 'no controller' >&2\nexit 1\n")
    with _Jobs.submitted("a script"):
        pass
    assert "has not cancelled the jobs (no controller); do it with `scancel 4711`" in caplog.text
