"""What the writer promises beyond files: single rows, rows that stay, order of ids, memory, processes and threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data import _rowstore
from data.catalogue import Catalogue
from data.errors import BadInput, LabctlError
from data.metadata import RunMetadata, new_run_id
from data.runfile import RunWriter, read_run
from data.variables import Variable


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter.create(tmp_path, RunMetadata.new("test", simulated=True))


def test_single_rows_of_several_streams(writer: RunWriter) -> None:
    with writer:
        writer.stream("volt", ("row",), (None,), np.float64, "V")
        writer.stream("count", ("row",), (None,), np.uint8)
        writer.stream("trace", ("row", "time"), (None, 4), np.float32)
        for number in range(70_000):
            writer.append_row(volt=0.5 * number, count=number % 256, trace=np.full(4, number))
        for wrong, sentence in (
            ({"volt": 1.0, "count": 256}, "outside its range"),
            ({"volt": "x", "count": 1}, "not <U1"),
            ({"volt": 1.0, "trace": [1, 2]}, "rows x 4"),
            ({"volt": [1.0, 2.0]}, "takes rows"),
            ({"ohm": 1.0}, "no stream"),
        ):
            with pytest.raises(BadInput, match=sentence):
                writer.append_row(**wrong)
    run = read_run(writer.path)
    assert run.rows_done == 70_000
    np.testing.assert_array_equal(run.values("volt"), 0.5 * np.arange(70_000))
    np.testing.assert_array_equal(run.values("count"), np.arange(70_000) % 256)
    np.testing.assert_array_equal(run.values("trace")[:, 3], np.arange(70_000))


def test_a_sized_stream_takes_no_row_too_many(writer: RunWriter) -> None:
    with writer:
        writer.stream("y", ("row",), (2,), np.float64)
        writer.append_row(y=1.0)
        writer.append_row(y=2.0)
        with pytest.raises(BadInput, match=r"2\.\.2 lie outside the 2"):
            writer.append_row(y=3.0)


def test_acknowledged_rows_stay_and_others_may_be_written_again(writer: RunWriter) -> None:
    with writer:
        writer.stream("y", ("row",), (6,), np.int16)
        writer.append("y", [1, 2, 3])
        writer.checkpoint(2)
        writer.write_rows("y", 2, [30, 40])
        with pytest.raises(BadInput, match="up to 1 have been acknowledged"):
            writer.write_rows("y", 1, [20])
        writer.write_rows("y", 5, [60])
        assert writer.checkpoint() == 4
        writer.write_rows("y", 4, [50])
        writer.write_rows("y", 5, [61])
    run = read_run(writer.path)
    assert run.values("y").tolist() == [1, 2, 30, 40, 50, 61]
    assert run.rows_done == 6


def test_what_was_handed_over_is_a_copy(writer: RunWriter) -> None:
    rows = np.arange(10, dtype=np.int16)
    with writer:
        writer.stream("y", ("row",), (20,), np.int16)
        writer.append("y", rows)
        rows[:] = -1
        writer.append("y", rows)
    assert read_run(writer.path).values("y").tolist() == [*range(10), *[-1] * 10]


def test_a_reader_in_the_same_process_sees_rows_and_holds_nobody_up(writer: RunWriter) -> None:
    with writer:
        writer.stream("y", ("row",), (None,), np.int16)
        writer.append("y", np.arange(10))
        writer.checkpoint()
        with xr.open_dataset(writer.path, engine="h5netcdf") as dataset:
            assert int(dataset.rows_done) == 10
            writer.append("y", np.arange(500_000) % 1000)
            writer.add("late", Variable(("word",), np.array(["a"])))
            writer.checkpoint()
            writer.finish()
    run = read_run(writer.path)
    assert run.rows_done == 500_010
    assert run.values("y")[10:].tolist() == (np.arange(500_000) % 1000).tolist()


def test_no_more_streams_than_the_record_holds(writer: RunWriter) -> None:
    with writer:
        for number in range(128):
            writer.stream(f"s{number}", ("row",), (1,), np.int8)
        with pytest.raises(BadInput, match="at most 128"):
            writer.stream("more", ("row",), (1,), np.int8)
        for number in range(128):
            writer.append(f"s{number}", [number])
    assert read_run(writer.path).values("s127").tolist() == [127]


def test_the_disk_itself_is_asked_now_and_then(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    monkeypatch.setattr(_rowstore, "SYNC_EVERY_S", 0.0)
    with writer:
        writer.stream("y", ("row",), (5,), np.int16)
        original = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", lambda number: (original(number), synced.set()))
        writer.append("y", [1])
        writer.checkpoint()
        assert synced.wait(5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_neither_write_nor_harm_the_file(writer: RunWriter) -> None:
    with writer:
        writer.stream("y", ("row",), (None,), np.int16)
        writer.append("y", [1, 2])
        writer.checkpoint()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                writer.checkpoint()
            except LabctlError:
                writer._store.file.close()  # as HDF5 does at the end of a process
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        writer.append("y", np.arange(300_000) % 7)
    run = read_run(writer.path)
    assert run.values("y").tolist() == [1, 2, *(np.arange(300_000) % 7)]


def test_ids_go_on_when_the_clock_is_set_back(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    ids = []
    for step in (0, 5, -7200, -7100, 6):
        moment = now + timedelta(seconds=step)
        run_id = new_run_id(moment, tmp_path)
        RunWriter.create(tmp_path, RunMetadata(run_id, "clock", f"{moment:%Y-%m-%dT%H:%M:%SZ}", True)).finish()
        ids.append(run_id)
    assert ids == sorted(ids)
    assert len(set(ids)) == 5
    catalogue = Catalogue(tmp_path)
    assert [entry.run_id for entry in catalogue.runs()] == ids
    assert catalogue.find("latest").run_id == ids[-1]
    assert catalogue.find(ids[2]).started == "2026-11-22T10:00:00Z", "the time of the run stays what the clock said"


def test_ids_in_one_folder_are_never_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    (tmp_path / f"{new_run_id(now)}-x.h5").touch()
    assert new_run_id(now, tmp_path).endswith("bbbb")
    (tmp_path / "20269999-999999-0000-x.h5").touch()
    monkeypatch.undo()
    assert new_run_id(now, tmp_path).startswith("20261122-000000")


MILLION = """
import sys, pathlib, resource
import numpy as np
from data.metadata import RunMetadata
from data.runfile import RunWriter

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

rows = np.arange(1024 * 256, dtype=np.int16).reshape(1024, 256)
with RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("big", simulated=True)) as writer:
    writer.stream("y", ("row", "column"), (None, 256), np.int16)
    writer.stream("t", ("row",), (None,), np.float64)
    peaks = []
    for turn in range(1000):
        writer.append("y", rows)
        for number in range(1024):
            writer.append_row(t=float(number))
        writer.checkpoint()
        if turn % 100 == 0:
            peaks.append(peak())
print(peaks[-1] - peaks[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_memory_is_flat_over_a_million_rows(tmp_path: Path) -> None:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-c", MILLION, str(tmp_path)], capture_output=True, text=True, timeout=280, check=True
    )
    assert int(done.stdout) < 4_000


def test_a_run_may_be_followed_by_threads_that_use_h5py(writer: RunWriter) -> None:
    """A viewer that polls the file from another thread, as a window does."""
    stop = threading.Event()
    wrong: list[Any] = []

    def look() -> None:
        while not stop.is_set():
            run = read_run(writer.path)
            rows = run.rows_done or 0
            if not np.array_equal(run.values("y")[:rows], np.arange(rows) % 1000):
                wrong.append(rows)

    with writer:
        writer.stream("y", ("row",), (None,), np.int16)
        viewer = threading.Thread(target=look)
        viewer.start()
        try:
            for start in range(0, 300_000, 3000):
                writer.append("y", np.arange(start, start + 3000) % 1000)
                writer.checkpoint()
        finally:
            stop.set()
            viewer.join()
    assert wrong == []
