"""The catalogue: an index that is never wrong for long, never needed, and never torn."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import data.catalogue
from data.catalogue import INDEX_NAME, Catalogue, RunEntry
from data.errors import BadInput
from data.metadata import RunMetadata, Status
from data.runfile import RunWriter
from data.values import Identity

BOARD = Identity("Maker", "APB-1", "0042", "1.2.3")


def run(folder: Path, second: int, kind: str = "position", status: Status = "complete", **fields: Any) -> Path:
    fresh = RunMetadata.new(kind, simulated=fields.pop("simulated", False), **fields)
    metadata = replace(
        fresh, run_id=f"20261122-1447{second:02}-{second:04x}", started=f"2026-11-22T14:47:{second:02}.000000Z"
    )
    with RunWriter.create(folder, metadata) as writer:
        writer.finish(status, f"message {second}")
    return writer.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run(tmp_path, 3, kind="comparison", identity=BOARD, simulated=True, title="third")
    run(tmp_path, 1, identity=BOARD, comment="first", counterpart="20261122-144703-0003")
    run(tmp_path, 2, status="failed")
    (tmp_path / "20261122-144700-00aa-position.h5").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("not a run")
    return tmp_path


def ids(entries: tuple[RunEntry, ...]) -> list[str]:
    return [entry.run_id[-4:] for entry in entries]


def test_runs_are_listed_oldest_first_with_what_is_known(folder: Path) -> None:
    catalogue = Catalogue(folder)
    broken, first, second, third = catalogue.runs()
    assert (broken.status, broken.run_id, broken.kind) == ("unreadable", "20261122-144700-00aa", "position")
    assert "damaged" in broken.note
    assert (first.board, first.comment, first.counterpart) == ("0042", "first", third.run_id)
    assert (second.status, second.message, second.board) == ("failed", "message 2", "")
    assert (third.kind, third.simulated, third.title) == ("comparison", True, "third")
    assert third.path == folder / "20261122-144703-0003-comparison.h5"
    assert third.size == third.path.stat().st_size


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"kind": "position"}, ["00aa", "0001", "0002"]),
        ({"status": "unreadable"}, ["00aa"]),
        ({"status": "complete", "board": "0042"}, ["0001", "0003"]),
        ({"simulated": True}, ["0003"]),
        ({"since": "2026-11-22T14:47:02"}, ["0002", "0003"]),
        ({"since": "2026-11-22", "before": "2026-11-22T14:47:03"}, ["0001", "0002"]),
        ({"kind": "none"}, []),
    ],
)
def test_filters(folder: Path, filters: dict[str, Any], found: list[str]) -> None:
    assert ids(Catalogue(folder).runs(**filters)) == found


def test_the_index_can_be_deleted_damaged_or_rebuilt(folder: Path) -> None:
    first = Catalogue(folder)
    expected = first.runs()
    index = folder / INDEX_NAME
    content = index.read_bytes()
    for damage in (None, b"", b"\xff\xfe", content[: len(content) // 2], b'{"labctl_catalogue": 99}\n', b"[]\n{}\n"):
        if damage is None:
            index.unlink()
        else:
            index.write_bytes(damage)
        again = Catalogue(folder)
        assert again.runs() == expected
        again.refresh()
        again.rebuild()
        assert again.runs() == expected
        assert index.read_bytes() == content


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that the catalogue opens from here on."""
    opened: list[str] = []
    original: Callable[[Path], RunMetadata] = data.catalogue.read_metadata

    def counted(path: Path) -> RunMetadata:
        opened.append(path.name[-10:])
        return original(path)

    monkeypatch.setattr(data.catalogue, "read_metadata", counted)
    return opened


def test_only_new_and_changed_files_are_read(folder: Path, reads: list[str]) -> None:
    (folder / "20261122-144700-00aa-position.h5").unlink()
    Catalogue(folder).refresh()
    assert len(reads) == 3
    reads.clear()
    catalogue = Catalogue(folder)
    catalogue.refresh()
    assert not reads
    new = run(folder, 9)
    catalogue.refresh()
    assert len(reads) == 1
    new.unlink()
    reads.clear()
    catalogue.refresh()
    assert ids(catalogue.runs()) == ["0001", "0002", "0003"]
    changed = catalogue.find("latest").path
    changed.write_bytes(changed.read_bytes() + b"x")
    catalogue.refresh()
    assert reads == [changed.name[-10:]]


def test_a_repaired_file_is_noticed(folder: Path) -> None:
    catalogue = Catalogue(folder)
    broken = catalogue.runs(status="unreadable")[0].path
    run(folder, 4).replace(broken)
    catalogue.refresh()
    assert catalogue.runs(status="unreadable") == ()
    assert len(catalogue.runs()) == 4


def test_a_running_run_is_followed_to_its_end(folder: Path) -> None:
    catalogue = Catalogue(folder)
    with RunWriter.create(folder, RunMetadata.new("slow", simulated=True)) as writer:
        catalogue.refresh()
        assert catalogue.find("latest").status == "running"
    catalogue.refresh()
    assert catalogue.find("latest").status == "complete"
    assert catalogue.find("latest").run_id == writer.metadata.run_id


ABANDONED = """
import os, sys, pathlib
from data.metadata import RunMetadata
from data.runfile import RunWriter
writer = RunWriter.create(pathlib.Path(sys.argv[1]), RunMetadata.new("left", simulated=True))
print("ready", flush=True)
sys.stdin.read()
os._exit(9)
"""


def test_a_run_whose_writer_died_is_interrupted_though_its_file_did_not_change(folder: Path) -> None:
    catalogue = Catalogue(folder)
    command = [sys.executable, "-c", ABANDONED, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        catalogue.refresh()
        assert catalogue.find("latest").status == "running"
    catalogue.refresh()
    assert catalogue.find("latest").status == "interrupted"


def test_find(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    catalogue = Catalogue(folder)
    assert catalogue.find("latest").run_id == "20261122-144703-0003"
    assert catalogue.find("latest", kind="position").run_id == "20261122-144702-0002"
    assert catalogue.find("20261122-144701-0001").comment == "first"
    assert catalogue.find("20261122-144702").run_id == "20261122-144702-0002"
    assert catalogue.find("20261122-144701-0001-position.h5").comment == "first"
    elsewhere = run(tmp_path_factory.mktemp("other"), 5)
    assert catalogue.find(elsewhere).run_id == "20261122-144705-0005"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("20261122-14470", "can mean .*0001-position.h5, .*0002-position.h5, .*0003-comparison.h5; give more"),
        ("20261122-144701-0007", "near it are .*20261122-144701-0001"),
        ("lamp", "the latest is 20261122-144703-0003"),
        ("", "the latest is"),
        ("20261122-144700", "damaged"),
    ],
)
def test_what_cannot_be_found_gets_a_hint(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        Catalogue(folder).find(text)


def test_an_empty_or_missing_folder_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        catalogue = Catalogue(folder)
        assert catalogue.runs() == ()
        for text in ("latest", "x"):
            with pytest.raises(BadInput, match="holds no runs yet"):
                catalogue.find(text)
    assert not (tmp_path / "missing").exists()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be listed"):
        Catalogue(tmp_path / "file").refresh()


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert ids(Catalogue(folder).runs()) == ["00aa", "0001", "0002", "0003"]
    assert not (folder / INDEX_NAME).exists()


def hammer(folder: str, number: int) -> None:
    for turn in range(15):
        run(Path(folder), number * 20 + turn, kind=f"by{number}")
        catalogue = Catalogue(folder)
        catalogue.refresh()
        assert len(catalogue.runs(kind=f"by{number}")) == turn + 1
        if turn % 4 == 0:
            catalogue.rebuild()


def test_two_processes_refresh_at_once_and_nothing_is_torn(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=hammer, args=(str(tmp_path), number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    for line in (tmp_path / INDEX_NAME).read_text().splitlines():
        json.loads(line)
    catalogue = Catalogue(tmp_path)
    catalogue.refresh()
    assert len(catalogue.runs()) == 30
    assert {entry.status for entry in catalogue.runs()} == {"complete"}
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".h5"] == [INDEX_NAME]
