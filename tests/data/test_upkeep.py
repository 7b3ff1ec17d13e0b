"""Verify, repair, migrate; and files of every older layout, which must be read for ever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from data import layouts, upkeep
from data._netcdf import NetcdfFile
from data._overlay import Undo
from data._seal import Seal
from data.catalogue import Catalogue
from data.errors import BadInput
from data.layouts import STEPS, Contents, upgraded
from data.metadata import SCHEMA, RunMetadata
from data.runfile import RunWriter, read_metadata, read_run, write_run
from data.sweepfile import read_sweep
from data.values import Identity, Schedule
from data.variables import Variable
from labctl.cli import run as command

FILES = Path(__file__).parent / "files"
LEFT = """
import os, pathlib, sys
import numpy as np
from data.metadata import RunMetadata
from data.runfile import RunWriter
writer = RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("left", simulated=True))
writer.stream("y", ("row", "axis"), (None, 2), np.int16, fill=-1)
writer.stream("z", ("point",), (9,), np.int16)
writer.append("y", np.arange(100).reshape(50, 2))
writer.append("z", [1])
writer.checkpoint(40)
writer.append("z", [2])
print(writer.path, flush=True)
sys.stdin.read()
os._exit(9)
"""


def left_by(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LEFT, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The file of a process that was killed."""
    with left_by(tmp_path) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        process.kill()
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    with RunWriter.create(tmp_path, RunMetadata.new("sound", simulated=True)) as writer:
        writer.add("x", Variable(("p",), np.arange(3000.0), "V"))
        writer.stream("y", ("row",), (100,), np.int16)
        writer.append("y", np.arange(60))
    return writer.path


def test_a_sweep_of_layout_1_is_read() -> None:
    sweep = read_sweep(FILES / "layout1-sweep.h5")
    chance = np.random.default_rng(1)
    weights = chance.integers(-63, 64, (2, 4, 3))
    assert np.array_equal(sweep.plan.weights, weights)
    assert np.array_equal(sweep.plan.activations, chance.integers(0, 32, (5, 4)))
    assert np.array_equal(sweep.outputs[:4], chance.integers(-128, 128, (5, 2, 3))[:4])
    assert sweep.measured == 4
    assert sweep.plan.schedules == (Schedule(), Schedule(order=(3, 1, 0, 2), spacing_ns=80, sends=3))
    assert sweep.plan.coordinates["spacing"].unit == "ns"
    metadata = read_metadata(FILES / "layout1-sweep.h5")
    assert metadata.identity == Identity("Maker", "APB-1", "0042", "1.2.3", simulated=True)
    assert (metadata.status, metadata.message, metadata.comment, metadata.seed) == ("stopped", "enough", "µ", 7)


def test_what_a_sweep_of_layout_2_swept_as_time_is_no_time_of_measurement(tmp_path: Path) -> None:
    new = upkeep.migrate(FILES / "layout2-sweep.h5", tmp_path)
    assert new is not None
    for path in (FILES / "layout2-sweep.h5", new):
        sweep = read_sweep(path)
        assert sweep.times is None
        assert list(sweep.plan.coordinates) == ["time", "slot"]
        assert sweep.plan.coordinates["time"].unit == "us"
        assert sweep.plan.coordinates["time"].values.tolist() == [0, 1, 2, 3, 4]
        assert upkeep.verify(path).verdict == "sound"


def test_other_runs_of_layout_1_are_read() -> None:
    run = read_run(FILES / "layout1-open.h5")
    assert run.values("word").tolist() == ["yes", "nö"]
    assert run.values("good").tolist() == [True, False]
    assert run.values("t").tolist() == [1.5, 2.5, 3.5]
    assert run.rows_done == 3


def test_files_of_this_layout_are_stored_too() -> None:
    run = read_run(FILES / f"layout{SCHEMA}-open.h5")
    assert upkeep.verify(run.path).verdict == "sound"
    assert run.values("word").tolist() == ["yes", "nö"]
    assert run.values("t").tolist() == [1.5, 2.5, 3.5]
    assert np.diff(run.values("time")).tolist() == [60, 60]


def test_there_is_a_step_from_every_layout() -> None:
    assert sorted(STEPS) == list(range(1, SCHEMA))


def test_steps_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(name: str) -> Callable[[Contents], Contents]:
        return lambda old: Contents({**old.attributes, "seen": [*old.attributes.get("seen", []), name]}, old.variables)

    monkeypatch.setattr(layouts, "STEPS", {1: step("one"), 2: step("two"), 3: step("three")})
    monkeypatch.setattr(layouts, "SCHEMA", 4)
    new = upgraded(Contents({"labctl_schema": 2}, {}))
    assert new.attributes == {"labctl_schema": 4, "seen": ["two", "three"]}


@pytest.mark.parametrize("name", ["layout1-sweep.h5", "layout1-open.h5"])
def test_migration_writes_a_new_file_and_leaves_the_old_one(tmp_path: Path, name: str) -> None:
    old = tmp_path / name
    shutil.copy(FILES / name, old)
    before = old.read_bytes()
    assert upkeep.verify(old).verdict == "unchecked"
    new = upkeep.migrate(old, tmp_path / "new")
    assert new is not None
    assert old.read_bytes() == before
    assert upkeep.verify(new).verdict == "sound"
    one, other = read_run(old), read_run(new)
    assert one.metadata == other.metadata
    assert one.rows_done == other.rows_done
    for variable in one.variables:
        np.testing.assert_array_equal(one.values(variable), other.values(variable))
    assert upkeep.migrate(new, tmp_path / "again") is None
    with pytest.raises(BadInput, match="exists already"):
        upkeep.migrate(old, tmp_path / "new")


def test_a_killed_run_is_repaired_once_and_as_it_was_acknowledged(left: Path) -> None:
    assert upkeep.verify(left).verdict == "unfinished"
    assert read_metadata(left).status == "interrupted"
    done = upkeep.repair(left)
    assert (done.repaired, done.rows) == (True, 40)
    run = read_run(left)
    assert run.metadata.status == "interrupted"
    assert run.metadata.ended >= run.metadata.started
    assert run.rows_done == 40
    np.testing.assert_array_equal(run.values("y"), np.arange(80).reshape(40, 2))
    assert run.values("z")[0] == 1
    assert upkeep.verify(left).verdict == "sound"
    with xr.open_dataset(left, engine="h5netcdf") as dataset:
        assert dataset.sizes["row"] == 40
    content = left.read_bytes()
    again = upkeep.repair(left)
    assert (again.repaired, again.note) == (False, "it ended as interrupted")
    assert left.read_bytes() == content


def test_a_file_whose_writer_lives_is_never_touched(tmp_path: Path) -> None:
    with left_by(tmp_path) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        content = path.read_bytes()
        assert upkeep.verify(path).verdict == "running"
        done = upkeep.repair(path)
        assert (done.repaired, done.failed, done.note) == (False, False, "its writer is still at work")
        assert path.read_bytes() == content
        with pytest.raises(BadInput, match="not over"):
            upkeep.migrate(make_old(path, tmp_path / "old.h5"), tmp_path / "new")
        process.kill()


def test_a_file_of_another_computer_is_left_to_it(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = left.read_bytes()
    monkeypatch.setattr("data.upkeep.socket.gethostname", lambda: "the-other-bench")
    os.utime(left, (1.0, 1.0))
    result = upkeep.repair(left)
    assert (result.repaired, "repair it there" in result.note) == (False, True)
    assert left.read_bytes() == before


def test_a_written_run_has_its_ending_last(tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(sound)
    seen: list[str] = []
    add = NetcdfFile.add

    def look(file: NetcdfFile, name: str, variable: Variable) -> object:
        seen.append(read_metadata(tmp_path / "copy.h5").status)
        return add(file, name, variable)

    monkeypatch.setattr(NetcdfFile, "add", look)
    write_run(run, tmp_path / "copy.h5")
    assert set(seen) == {"running"}
    assert read_metadata(tmp_path / "copy.h5").status == run.metadata.status


def test_a_checkpoint_never_takes_rows_back(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, RunMetadata.new("left", simulated=True)) as writer:
        writer.stream("y", ("row",), (None,), np.int16)
        writer.append("y", np.arange(20))
        writer.checkpoint(10)
        with pytest.raises(BadInput, match="10 rows are saved already"):
            writer.checkpoint(5)


def make_old(path: Path, target: Path) -> Path:
    """A copy that says it is of layout 1, as far as a migration looks."""
    shutil.copy(path, target)
    with h5py.File(target, "r+") as file:
        file.attrs["labctl_schema"] = 1
        del file.attrs["metadata_checksum"]
    return target


def test_a_change_that_was_cut_short_is_undone(left: Path) -> None:
    content = left.read_bytes()
    Undo(len(content), [(0, content[:5000])]).write(left)
    left.write_bytes(bytes(4000) + content[4000:] + b"new blocks")
    assert read_run(left).rows_done == 40, "readers see the file as it was"
    assert upkeep.repair(left).repaired
    assert not Undo.path_for(left).exists()
    assert upkeep.verify(left).verdict == "sound"


def test_half_an_undo_file_means_that_the_change_had_not_begun(left: Path) -> None:
    Undo(10, [(0, b"nonsense")]).write(left)
    half = Undo.path_for(left)
    half.write_bytes(half.read_bytes()[:-3])
    assert read_run(left).rows_done == 40
    assert upkeep.repair(left).repaired
    assert not half.exists()


def changed(path: Path, change: Callable[[h5py.File], Any]) -> None:
    """As somebody with h5py would: the seal goes."""
    with h5py.File(path, "r+") as file:
        change(file)
    assert Seal.find(path) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file["x"].__setitem__(7, 3.0), "x is not what was written"),
        (lambda file: file["x"].attrs.__setitem__("units", "mV"), "x is not what was written"),
        (lambda file: file["y"].__setitem__(59, 3), "y is not what was acknowledged"),
        (lambda file: file["y"].attrs.__setitem__("long_name", "other"), "y is not what was written"),
        (lambda file: file.attrs.__setitem__("title", "better"), "attributes are not"),
        (
            lambda file: file.attrs.modify("status", np.array(b"aborted", h5py.string_dtype("utf-8", 16))),
            "attributes are not",
        ),
        (lambda file: file["labctl/acknowledged"].__setitem__((1, 1), 99), "record of checkpoints"),
        (lambda file: file["rows_done"].__setitem__((), 59), "counts 59 rows and acknowledged 60"),
        (lambda file: file.move("y", "w"), "is not what was"),
    ],
)
def test_whatever_was_changed_is_found_without_the_seal_too(
    sound: Path, change: Callable[[h5py.File], Any], sentence: str
) -> None:
    assert upkeep.verify(sound).verdict == "sound"
    changed(sound, change)
    found = upkeep.verify(sound)
    assert found.verdict == "damaged"
    assert sentence in found.note
    if "counts" not in sentence:
        with pytest.raises(BadInput, match=r"damaged|not what was"):
            read_run(sound)


def test_rows_beyond_the_acknowledged_ones_do_not_count(sound: Path) -> None:
    changed(sound, lambda file: file["y"].__setitem__(61, 3))
    assert upkeep.verify(sound).verdict == "sound"


def test_a_damaged_file_can_be_read_without_checks(sound: Path) -> None:
    content = bytearray(sound.read_bytes())
    at = content.find(np.arange(10, 20, dtype=np.int16).tobytes())
    content[at] ^= 1
    sound.write_bytes(content)
    with pytest.raises(BadInput, match="checksum does not fit"):
        read_run(sound)
    run = read_run(sound, check=False)
    assert run.values("y")[10] == 11
    assert run.rows_done == 60


def test_an_export_has_checksums_of_its_own(sound: Path, tmp_path: Path) -> None:
    run = read_run(sound)
    write_run(replace(run, metadata=replace(run.metadata, title="copy")), tmp_path / "copy.h5")
    assert upkeep.verify(tmp_path / "copy.h5").verdict == "sound"
    changed(tmp_path / "copy.h5", lambda file: file["y"].__setitem__(3, 9))
    assert upkeep.verify(tmp_path / "copy.h5").verdict == "damaged"


def test_beginnings_without_a_name_are_removed_when_nobody_writes_them(tmp_path: Path) -> None:
    with left_by(tmp_path) as process:
        process.kill()
    gone = tmp_path / f".a.h5.{process.pid}.part"
    mine = tmp_path / f".b.h5.{os.getpid()}.part"
    for path in (gone, mine, tmp_path / ".other.part"):
        path.touch()
    assert upkeep.remove_leftovers(tmp_path) == (gone,)
    assert mine.exists()


def test_the_command_line(left: Path, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--runs", str(tmp_path)]
    assert command(["runs", "--verify", "--json", *folder]) == 0
    found = {Path(item["path"]): item for item in json.loads(capsys.readouterr().out)["runs"]}
    assert {path: item["verdict"] for path, item in found.items()} == {left: "unfinished", sound: "sound"}
    assert command(["runs", "--repair", "--json", *folder]) == 0
    done = {Path(item["path"]): item["repaired"] for item in json.loads(capsys.readouterr().out)["runs"]}
    assert done == {left: True, sound: False}
    assert Catalogue(tmp_path).find(left).status == "interrupted"
    assert command(["runs", "--repair", *folder]) == 0
    assert "Nothing to repair" in capsys.readouterr().out
    assert command(["runs", "--migrate", str(tmp_path / "new"), str(FILES / "layout1-open.h5"), *folder]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / "layout1-open.h5")
    sound.write_bytes(sound.read_bytes()[:9000])
    assert command(["runs", "--verify", str(sound)]) == 1
    assert "damaged" in capsys.readouterr().out
    assert command(["runs", "--repair", str(sound)]) == 1
    for wrong in (["--verify", "--repair"], ["latest"], ["--verify", "no-such-run"]):
        assert command(["runs", *wrong, *folder]) == 2
        assert "Traceback" not in capsys.readouterr().err
