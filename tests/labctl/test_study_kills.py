"""A study killed at random moments and gone on with: the same table as one that nobody disturbed, no point lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from labctl.studies.folder import Plan, StudyFolder
from labctl.studies.points import Point
from labctl.studies.runner import run_study
from tests.labctl.farms import until, with_path
from tests.labctl.test_studies import TOY, counts, notes

__all__ = ["notes"]

POINTS = 20
SCRIPT = """
import sys
from pathlib import Path

from labctl.studies.folder import StudyFolder
from labctl.studies.points import Study
from labctl.studies.runner import run_study

folder = Path(sys.argv[1])
study = Study("toy", "a toy", "toy_points:compute", "toy_points:present")
run_study(study, StudyFolder(folder).plan(), folder, workers=2)
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills process groups")


def chain(notes: Path) -> Plan:
    """Points of which each needs the third before it."""

    def point(number: int) -> Point:
        settings = {"seed": number, "notes": str(notes), "pause_s": 0.05}
        return Point(f"p{number:02}", settings, (f"p{number - 3:02}",) if number >= 3 else ())

    points = tuple(map(point, range(POINTS)))
    return Plan("toy", "chain", 1, points)


def start(notes: Path, folder: Path) -> subprocess.Popen[bytes]:
    # No guard around what the script does: workers do not import it.
    code = notes.parent / "code"
    (code / "chain.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(code / "chain.py"), str(folder)], env=with_path(code), start_new_session=True
    )


def begun(notes: Path) -> int:
    return sum(counts(notes).values())


def killed_and_gone_on_with(notes: Path, folder: Path, seed: int, kills: int) -> None:
    """Kill the study a few times when some more points have been begun, each time a moment later."""
    random = np.random.default_rng(seed)
    StudyFolder(folder).begin(chain(notes))
    for _ in range(kills):
        goal = begun(notes) + int(random.integers(1, 4))
        process = start(notes, folder)
        until(lambda process=process, goal=goal: begun(notes) >= goal or process.poll() is not None)
        time.sleep(float(random.uniform(0.0, 0.05)))
        if process.poll() is not None:
            break
        if random.random() < 0.5:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            # Only the one that leads: its workers notice and give up what they do.
            workers = psutil.Process(process.pid).children()
            process.kill()
            assert not psutil.wait_procs(workers, timeout=20)[1]
        process.wait()
    last = start(notes, folder)
    assert last.wait(120) == 0


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_a_study_killed_at_random_moments_gives_the_same_table(notes: Path, tmp_path: Path, seed: int) -> None:
    folder = StudyFolder(tmp_path / "killed")
    killed_and_gone_on_with(notes, folder.path, seed, kills=3)
    assert folder.state().complete
    assert not list(folder.points.glob(".*"))
    killed = begun(notes)
    assert POINTS <= killed <= POINTS + 2 * 3, "a kill costs at most what two workers were computing"
    whole = run_study(TOY, chain(notes), tmp_path / "whole", workers=1).folder
    pd.testing.assert_frame_equal(pd.read_parquet(folder.table), pd.read_parquet(whole.table))


def test_a_killed_worker_loses_no_point_and_the_study_goes_on(notes: Path, tmp_path: Path) -> None:
    for key in ("p01", "p05"):
        (notes / f"{key}.hold").touch()
    folder = StudyFolder(tmp_path / "killed")
    folder.begin(chain(notes))
    process = start(notes, folder.path)
    for key, others in (("p01", 3), ("p05", 4)):
        until(lambda key=key: key in counts(notes))
        until(lambda others=others: len(folder.state().done) >= others)
        _computing(process, folder, key).kill()
        until(lambda key=key: counts(notes)[key] == 2)
        (notes / f"{key}.hold").unlink()
    assert process.wait(60) == 0
    assert folder.state().complete
    assert counts(notes) == {point.key: 1 + (point.key in {"p01", "p05"}) for point in chain(notes).points}


def _computing(process: subprocess.Popen[bytes], folder: StudyFolder, key: str) -> psutil.Process:
    """The worker that computes a point, by the folder that it writes."""
    (part,) = folder.points.glob(f".{key}.*.part")
    number = int(part.name.removesuffix(".part").rsplit("-", 1)[1])
    return next(child for child in psutil.Process(process.pid).children() if child.pid == number)
