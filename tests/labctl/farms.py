"""A Dask scheduler on loopback with workers, as somebody starts them by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = str(Path(__file__).resolve().parents[2])


@dataclass
class Farm:
    """Processes of Dask; :meth:`close` ends them.

    Attributes:
        folder: where they write.
        code: a folder of modules that workers can import.
        options: for the scheduler and each worker, e.g. certificates.
    """

    folder: Path
    code: Path
    options: Sequence[str] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(json.loads(self._file.read_text())["address"])

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def scheduler(self, *options: str) -> None:
        self._start("dask_scheduler", "--port", "0", "--no-show", *options)
        until(self._file.exists)

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        return self._start("dask_worker", "--local-directory", str(self.folder / "scratch"), *options)

    def workers(self, *each: Sequence[str]) -> list[subprocess.Popen[bytes]]:
        """Several workers, each with its options, and wait until the scheduler has them."""
        from distributed import Client

        started = [self.worker(*options) for options in each]
        with Client(self.address, set_as_default=False) as client:
            until(lambda: len(client.scheduler_info()["workers"]) >= len(each))
        return started

    def computing(self) -> list[psutil.Process]:
        """Processes that compute points for workers of this farm."""
        found = []
        for process in self.processes:
            if process.poll() is None:
                for child in psutil.Process(process.pid).children(recursive=True):
                    try:
                        if "labctl.studies.serving" in child.cmdline():
                            found.append(child)
                    except psutil.NoSuchProcess:
                        continue
        return found

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{name}", "--scheduler-file", str(self._file)]
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--no-dashboard", *self.options, *options],
            env=with_path(self.code),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process


def start_offload() -> None:
    """Start the one thread that Dask keeps for the life of a process, so that nobody takes it for left behind."""
    from distributed.utils import _offload_executor

    _offload_executor.submit(int).result()


def with_path(code: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our variables, with a folder of modules that can be imported."""
    return {**os.environ, **(more or {}), "PYTHONPATH": os.pathsep.join([str(code), ROOT])}


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
