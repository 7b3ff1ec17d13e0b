"""A writer that dies at each of its system calls in turn, the last write half done: nothing acknowledged is lost."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data import upkeep
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_run
from data.variables import Variable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

ROWS = np.arange(60_000, dtype=np.int16).reshape(-1, 3)
RUN = RunMetadata(run_id="20261122-174500-00a1", kind="crash", started="2026-11-22T17:45:00Z", simulated=True)


def write_a_run(folder: Path, length: int | None, acknowledge: Callable[[str], None]) -> None:
    """Everything a run may do to its file: arrays before, between and after the rows, growth, several streams."""
    with RunWriter.create(folder, RUN) as writer:
        acknowledge("begun")
        writer.add("x", Variable(("p",), np.arange(3000.0), "V", coordinate=True))
        acknowledge("x")
        writer.stream("y", ("row", "axis"), (length, 3), np.int16, fill=-1)
        writer.stream("t", ("row",), (length,), np.float64, "s")
        acknowledge("streams")
        for start, stop in ((0, 10), (10, 9000), (9000, 20_000)):
            writer.append("y", ROWS[start:stop])
            writer.append("t", np.arange(start, stop))
            acknowledge(str(writer.checkpoint()))
            writer.add(f"after_{stop}", Variable(("word",), np.array(["a", "b"])))
            acknowledge(f"after_{stop}")
    acknowledge("ended")


def dying_at(number: int, folder: Path, length: int | None) -> tuple[list[str], bool]:
    """Let a child write until its system call ``number``; what it acknowledged, and whether it got to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        calls = 0

        def counted(original: Callable[..., Any], torn: bool) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == number:
                    if torn:
                        original(arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
                    os._exit(9)
                return original(*arguments, **options)

            return call

        os.pwrite = counted(os.pwrite, True)
        for name in ("ftruncate", "posix_fallocate", "link", "unlink", "fdatasync"):
            if hasattr(os, name):
                setattr(os, name, counted(getattr(os, name), False))
        try:
            write_a_run(folder, length, lambda text: os.write(writing, f"{text}\n".encode()) and None)
        except BaseException:  # noqa: BLE001 - a child must not go on with the tests of its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read().split()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), "the child failed by itself"
    return said, code == 0


def check(path: Path, said: list[str]) -> None:
    """Everything acknowledged is in the file, for us and for xarray."""
    run = read_run(path)
    assert run.metadata.status == ("complete" if "ended" in said else run.metadata.status)
    done = max((int(item) for item in said if item.isdigit()), default=0)
    if "streams" in said:
        assert run.rows_done is not None
        assert run.rows_done >= done
        np.testing.assert_array_equal(run.values("y")[: run.rows_done], ROWS[: run.rows_done])
        np.testing.assert_array_equal(run.values("t")[: run.rows_done], np.arange(run.rows_done))
    for name in said:
        if name == "x" or name.startswith("after"):
            assert len(run.values(name))
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert "ended" not in said or dataset.sizes["row"] == 20_000


@pytest.mark.parametrize("length", [20_000, None], ids=["sized", "open"])
@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_a_writer_may_die_at_every_system_call(tmp_path: Path, length: int | None, step: int) -> None:
    for number in range(1, 1000, step):
        folder = tmp_path / str(number)
        said, ended = dying_at(number, folder, length)
        path = folder / RUN.filename
        if path.exists():
            if upkeep.Undo.find(path) is None:
                check(path, said)
            else:
                assert read_run(path).metadata.status == "interrupted", "read through what undoes the change"
            mended = upkeep.repair(path)
            assert not mended.failed
            check(path, said)
            assert upkeep.verify(path).verdict == "sound", number
        else:
            assert said == []
        upkeep.remove_leftovers(folder)
        assert {item.name for item in folder.iterdir()} <= {path.name}
        if ended:
            assert number > 50
            return
    pytest.fail("a run does not take a thousand system calls")
