"""A disk without room: a clear sentence, nothing lost, and the same call works once there is room."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import _thread, upkeep
from data.errors import DiskFull, LabctlError
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_run
from data.variables import Variable

SMALL_DISK = """
import os, pathlib, shutil, sys
import numpy as np
import data._disk
from data import upkeep
from data.errors import DiskFull
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_run
from data.variables import Variable

folder, way = pathlib.Path(sys.argv[1]), sys.argv[2]
if way != "looks":
    data._disk.SPARE_BYTES = 0
if way == "runs into it":
    del os.posix_fallocate
ballast = folder / "ballast"

def fill_up():
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - (1 << 19))))

rows = np.arange(1 << 20, dtype=np.int16).reshape(-1, 64)

full = 0

def insist(call):
    global full
    try:
        return call()
    except DiskFull as error:
        full += 1
        assert str(folder) in str(error) and "free space" in str(error), error
        try:
            call()
        except DiskFull:
            full += 1
        ballast.unlink()
        result = call()
        fill_up()
        return result

with RunWriter.create(folder, RunMetadata.new("full", simulated=True)) as writer:
    fill_up()
    insist(lambda: writer.stream("y", ("row", "column"), (None, 64), np.int16))
    for start in range(0, len(rows), 1000):
        insist(lambda: writer.append("y", rows[start : start + 1000]))
        insist(writer.checkpoint)
    insist(lambda: writer.stream("z", ("other",), (3 << 20,), np.int8))
    insist(lambda: writer.add("noise", Variable(("many",), np.random.default_rng(0).bytes(1) and
                                                np.random.default_rng(0).integers(0, 255, 3 << 20).astype(np.uint8))))
    insist(writer.finish)
run = read_run(writer.path)
assert run.rows_done == len(rows), run.rows_done
assert (run.values("y") == rows).all()
assert upkeep.verify(writer.path).verdict == "sound"
assert len(run.values("noise")) == 3 << 20
print("full", full)
"""


def on_a_small_disk(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a file system of 16 MiB of its own, as nobody but root of its own name space can."""
    script = 'mount -t tmpfs -o size=16m tmpfs "$1" && shift && exec "$@"'
    folder = arguments[0]
    command = ["unshare", "-rm", "sh", "-c", script, "sh", folder, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="needs name spaces to mount a small disk")
@pytest.mark.parametrize("way", ["looks", "reserves", "runs into it"])
def test_a_small_disk_fills_up_and_nothing_is_lost(tmp_path: Path, way: str) -> None:
    done = on_a_small_disk(SMALL_DISK, str(tmp_path), way)
    assert done.returncode == 0, done.stderr
    name, full = done.stdout.split()
    assert name == "full"
    assert int(full) >= 4


def refuse(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter.create(tmp_path, RunMetadata.new("test", simulated=True))


def test_rows_refused_in_the_background_are_told_at_the_next_call_and_kept(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer:
        writer.stream("y", ("p",), (1 << 20,), np.int16)
        monkeypatch.setattr(os, "pwrite", refuse)
        writer.append("y", np.arange(200_000) % 1000)
        with pytest.raises(DiskFull, match="free space and go on"):
            writer.checkpoint()
        with pytest.raises(DiskFull):
            writer.append("y", [7])
        monkeypatch.undo()
        writer.append("y", [7])
        assert writer.checkpoint() == 200_001
    run = read_run(writer.path)
    np.testing.assert_array_equal(run.values("y")[:200_001], [*(np.arange(200_000) % 1000), 7])
    assert run.metadata.status == "complete"


@pytest.mark.parametrize("call", ["os.pwrite", "os.ftruncate", "os.posix_fallocate"])
def test_a_change_of_the_file_happens_whole_or_not_at_all(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    arrays = {f"v{number}": Variable(("p",), np.arange(5000.0) + number) for number in range(3)}
    with writer:
        writer.add("v0", arrays["v0"])
        original: Callable[..., Any] = getattr(os, call.removeprefix("os."))
        for after in range(40):  # a disk that takes so many calls and no more
            left = [after]

            def some(*arguments: Any, left: list[int] = left) -> Any:
                left[0] -= 1
                return original(*arguments) if left[0] >= 0 else refuse()

            monkeypatch.setattr(call, some)
            try:
                writer.add("v1", arrays["v1"])
            except DiskFull:
                monkeypatch.undo()
                continue
            monkeypatch.undo()
            break
        else:
            pytest.fail("the change never went through")
        assert after > 0
        writer.add("v2", arrays["v2"])
    run = read_run(writer.path)
    for name, variable in arrays.items():
        np.testing.assert_array_equal(run.values(name), variable.values)
    assert upkeep.verify(writer.path).verdict == "sound"


def test_a_run_that_cannot_be_finished_keeps_what_was_acknowledged(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with writer:
            writer.stream("y", ("p",), (1000,), np.int16)
            writer.append("y", np.arange(10))
            writer.checkpoint()
            writer.append("y", np.arange(10))
            monkeypatch.setattr(os, "pwrite", refuse)

    with pytest.raises(DiskFull):
        work()
    monkeypatch.undo()
    with pytest.raises(LabctlError, match="has ended"):
        writer.append("y", [1])
    run = read_run(writer.path)
    assert run.rows_done == 10
    np.testing.assert_array_equal(run.values("y")[:10], np.arange(10))


def test_a_failing_disk_is_one_sentence_and_the_file_is_closed(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    def work() -> None:
        with writer:
            writer.stream("y", ("p",), (10,), np.int8)
            writer.append("y", [1, 2])
            monkeypatch.setattr(os, "pwrite", broken)
            writer.checkpoint()

    with pytest.raises(LabctlError, match=r"could not be written \(Input/output error\).*health"):
        work()
    assert writer.metadata.status == "failed"
    monkeypatch.undo()
    assert read_run(writer.path).rows_done == 0


def test_a_disk_that_does_not_answer_holds_nobody_for_ever(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    original = os.pwrite

    def slow(*arguments: Any) -> int:
        answers.wait(20)
        return original(*arguments)

    with writer:
        writer.stream("y", ("p",), (1 << 22,), np.int16)
        monkeypatch.setattr(_thread, "PATIENCE_S", 0.2)
        monkeypatch.setattr(os, "pwrite", slow)
        rows = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
        taken = 0
        start = time.monotonic()

        def fill() -> None:
            nonlocal taken
            while True:
                writer.append("y", rows)
                taken += len(rows)

        for _ in range(2):
            with pytest.raises(LabctlError, match="give the same rows again"):
                fill()
        with pytest.raises(LabctlError, match=r"has not taken .* rows within"):
            writer.checkpoint()
        assert time.monotonic() - start < 5
        answers.set()
        monkeypatch.undo()
        writer.append("y", rows)
        assert writer.checkpoint() == taken + len(rows)
    np.testing.assert_array_equal(
        read_run(writer.path).values("y")[: taken + 3], [*np.tile(rows, taken >> 16), 0, 1, 2]
    )
