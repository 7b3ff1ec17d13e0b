"""Studies over the workers of a Dask scheduler: lost workers, resources, folders not shared, an end at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from labctl.studies.runner import run_study
from labctl.studies.spreading import Spread
from tests.labctl.test_studies import TOY, counts, notes, toy_plan

__all__ = ["notes"]

pytest.importorskip("distributed")


@dataclass
class Farm:
    """A scheduler on loopback and workers, as somebody starts them by hand."""

    folder: Path
    code: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        import json

        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def scheduler(self) -> None:
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
        until = time.monotonic() + 60
        while not (self.folder / "scheduler.json").exists():
            assert time.monotonic() < until
            time.sleep(0.05)

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        return self._start("dask_worker", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", *options)

    def _start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).resolve().parents[2])
        command = [sys.executable, "-m", f"distributed.cli.{name}", "--scheduler-file"]
        process = subprocess.Popen(
            [*command, str(self.folder / "scheduler.json"), *options],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(self.code), root])},
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(30)


@pytest.fixture
def farm(notes: Path, tmp_path: Path) -> Iterator[Farm]:
    (tmp_path / "farm").mkdir()
    farm = Farm(tmp_path / "farm", tmp_path / "code")
    try:
        farm.scheduler()
        yield farm
    finally:
        farm.close()


def test_one(farm: Farm, notes: Path, tmp_path: Path) -> None:
    farm.worker()
    farm.worker()
    time.sleep(3)
    result = run_study(TOY, toy_plan(notes), tmp_path / "s", workers=Spread(scheduler=farm.address))
    assert result.state.complete, result.state
    assert counts(notes) == dict.fromkeys("abcde", 1)
