"""Run files that are cut, foreign, newer, unwritable, or written by two; and writers that are killed."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from data._writers import WriterMark
from data.errors import BadInput
from data.metadata import SCHEMA, RunMetadata
from data.runfile import RunWriter, read_metadata, read_run
from data.variables import Variable

ROWS, COLUMNS = 20_000, 256

WRITER = f"""
import sys, pathlib
import numpy as np
from data.metadata import RunMetadata
from data.runfile import RunWriter

length = {ROWS} if sys.argv[2] == "sized" else None
with RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("kill", simulated=True)) as writer:
    writer.stream("y", ("point", "column"), (length, {COLUMNS}), np.int16, fill=-32768)
    print(writer.path, flush=True)
    for start in range(0, {ROWS}, 40):
        rows = np.arange(start, start + 40)[:, None] % 251 + np.zeros({COLUMNS}, np.int16)
        writer.append("y", rows)
        print(writer.checkpoint(), flush=True)
    print("done", flush=True)
    sys.stdin.read()
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@contextlib.contextmanager
def writing(folder: Path, length: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    writer = python(WRITER, str(folder), length)
    assert writer.stdout is not None
    assert writer.stdin is not None
    try:
        yield writer, Path(writer.stdout.readline().strip())
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
        writer.stdin.close()


def small_run(folder: Path) -> Path:
    with RunWriter.create(folder, RunMetadata.new("small", simulated=False)) as writer:
        writer.add("x", Variable(("p",), np.random.default_rng(0).normal(size=20_000)))
        writer.stream("y", ("p",), (20_000,), np.int16)
        writer.append("y", np.arange(20_000))
    return writer.path


@pytest.mark.parametrize("length", ["sized", "open"])
@pytest.mark.parametrize("attempt", range(4))
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path, length: str, attempt: int) -> None:
    with writing(tmp_path, length) as (writer, path):
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        time.sleep(random.Random(attempt).uniform(0, 0.08))
        writer.kill()
        acknowledged = [int(line) for line in writer.stdout.read().split() if line.isdigit()]
        writer.wait()
        run = read_run(path)
    done = (acknowledged or [first])[-1]
    assert run.metadata.status == "interrupted"
    assert run.rows_done is not None
    assert run.rows_done >= done
    expected = np.arange(run.rows_done) % 251
    np.testing.assert_array_equal(run.values("y")[: run.rows_done], np.repeat(expected[:, None], COLUMNS, 1))


def test_a_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with writing(tmp_path, "sized") as (writer, path):
        assert writer.stdout is not None
        lines = iter(writer.stdout)
        seen = 0
        for line in lines:
            if line.strip() == "done":
                break
            if int(line) % 4000 == 0:
                run = read_run(path)
                assert run.metadata.status == "running"
                assert run.rows_done is not None
                assert run.rows_done >= int(line)
                assert (run.values("y")[: run.rows_done, 0] == np.arange(run.rows_done) % 251).all()
                seen += 1
        assert seen == 5
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            assert int(dataset.rows_done) == ROWS
            assert writer.stdin is not None
            writer.stdin.close()
            assert writer.wait(10) == 0, "a viewer that holds the file open stops nobody"
    assert read_metadata(path).status == "complete"


def test_a_reader_that_holds_the_file_in_this_process_is_no_obstacle(tmp_path: Path) -> None:
    path = small_run(tmp_path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        np.testing.assert_array_equal(read_run(path).values("x"), dataset.x)


def test_the_writer_of_a_file_is_known_by_more_than_its_number(tmp_path: Path) -> None:
    mark = WriterMark.of_this_process()
    path = tmp_path / "file"
    path.touch()
    assert not mark.gone(path)
    assert WriterMark(mark.host, mark.process, mark.started - 1000).gone(path), "another process with that number"
    elsewhere = WriterMark("elsewhere", 1, 0.0)
    assert not elsewhere.gone(path)
    os.utime(path, (time.time() - 3600,) * 2)
    assert elsewhere.gone(path)


@pytest.mark.parametrize("part", [0, 7, 100, 600, 0.25, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_named_in_one_sentence(tmp_path: Path, part: float) -> None:
    path = small_run(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part if part > 1 or part == 0 else part * len(content))])
    with pytest.raises(BadInput, match=path.name) as caught:
        read_run(path)
    assert "\n" not in str(caught.value)
    assert "copy" in str(caught.value)


def test_damage_in_the_bookkeeping_gives_bad_input_or_a_run(tmp_path: Path) -> None:
    path = small_run(tmp_path)
    content = path.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        start = int(rng.integers(0, 600))
        damaged[start : start + 40] = rng.bytes(40)
        path.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            read_run(path)
            continue
        refused += 1
    assert refused > 10


def test_random_bytes_text_and_folders_are_no_run_files(tmp_path: Path) -> None:
    noise, text = tmp_path / "noise.h5", tmp_path / "notes.h5"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    text.write_text("not a run\n" * 100)
    for path, word in ((noise, "damaged"), (text, "damaged"), (tmp_path, "folder"), (tmp_path / "no.h5", "no file")):
        for read in (read_run, read_metadata):
            with pytest.raises(BadInput, match=word) as caught:
                read(path)
            assert str(path) in str(caught.value)


def test_a_foreign_hdf5_file_is_not_a_run(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(BadInput, match=r"other\.h5 is an HDF5 file but not a run"):
        read_run(tmp_path / "other.h5")


def test_a_newer_layout_asks_for_an_update(tmp_path: Path) -> None:
    path = small_run(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["labctl_schema"] = SCHEMA + 1
    with pytest.raises(BadInput, match="newer labctl"):
        read_run(path)


@pytest.mark.parametrize("attribute", ["run_id", "status", "writer", "versions"])
def test_a_missing_attribute_is_damage(tmp_path: Path, attribute: str) -> None:
    path = small_run(tmp_path)
    with h5py.File(path, "r+") as file:
        del file.attrs[attribute]
        if attribute == "writer":
            file.attrs["status"] = "running"
    with pytest.raises(BadInput, match=attribute):
        read_metadata(path)


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder this process may not write, also when the tests run as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs POSIX permissions")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    folder.rmdir()


def test_a_folder_that_cannot_be_written_is_named(read_only_folder: Path) -> None:
    for folder in (read_only_folder, read_only_folder / "below"):
        with pytest.raises(BadInput, match=f"{folder.name}.*choose another"):
            RunWriter.create(folder, RunMetadata.new("test", simulated=True))


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="choose another"):
        RunWriter.create(tmp_path / "file", RunMetadata.new("test", simulated=True))


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    metadata = RunMetadata.new("test", simulated=True)
    with RunWriter.create(tmp_path, metadata) as writer:
        writer.add("x", Variable((), np.array(7)))
        with pytest.raises(BadInput, match="exists already"):
            RunWriter.create(tmp_path, metadata)
    assert read_run(writer.path).values("x") == 7


LIMITED = """
import sys, pathlib, resource
import numpy as np
from data.errors import LabctlError
from data.metadata import RunMetadata
from data.runfile import RunWriter
from data.variables import Variable

try:
    with RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("full", simulated=True)) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        if sys.argv[2] == "sized":
            writer.stream("y", ("p",), (1 << 22,), np.int16)
        elif sys.argv[2] == "open":
            writer.stream("y", ("p",), (None,), np.int16)
            for _ in range(100):
                writer.append("y", np.ones(1 << 16, np.int16))
                writer.checkpoint()
        else:
            for number in range(100):
                writer.add(f"y{number}", Variable(("p",), np.random.rand(1 << 16)))
except LabctlError as error:
    print(error)
with RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("next", simulated=True)) as writer:
    writer.add("x", Variable((), np.array(1)))
print("goes on", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
@pytest.mark.parametrize("way", ["sized", "open", "whole"])
def test_a_disk_that_refuses_in_the_middle_is_one_sentence(tmp_path: Path, way: str) -> None:
    writer = python(LIMITED, str(tmp_path), way)
    said, _ = writer.communicate(timeout=30)
    assert "could not be written" in said
    assert "free space" in said
    assert "goes on" in said


MEMORY = """
import sys, pathlib, resource
import numpy as np
from data.metadata import RunMetadata
from data.runfile import RunWriter

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("big", simulated=True)) as writer:
    writer.stream("y", ("p", "q"), (sys.argv[2] == "sized" and 1 << 16 or None, 512), np.int16)
    rows = np.ones((1 << 10, 512), np.int16)
    writer.append("y", rows)
    before = peak()
    for _ in range(63):
        writer.append("y", rows)
        writer.checkpoint()
    print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
@pytest.mark.parametrize("length", ["sized", "open"])
def test_streaming_does_not_keep_the_rows_in_memory(tmp_path: Path, length: str) -> None:
    writer = python(MEMORY, str(tmp_path), length)
    said, _ = writer.communicate(timeout=60)
    assert int(said) < 8_000, "64 MB were written"


def test_a_writer_that_is_left_open_does_not_harm_the_end_of_the_process(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from data.metadata import RunMetadata
from data.runfile import RunWriter
writer = RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("left", simulated=True))
writer.stream("y", ("p",), (None,), "f8")
writer.append("y", [1.0, 2.0])
writer.checkpoint()
print(writer.path)
"""
    left = python(code, str(tmp_path))
    said, _ = left.communicate(timeout=30)
    assert left.returncode == 0
    run = read_run(said.strip())
    assert (run.metadata.status, run.rows_done) == ("interrupted", 2)
