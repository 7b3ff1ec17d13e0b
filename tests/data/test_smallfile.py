"""A small file that several processes change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import BadInput
from data.smallfile import SmallFile

COUNT = """
import sys
from pathlib import Path
from data.smallfile import SmallFile
counts = SmallFile(Path(sys.argv[1]), "counts", "by", 1, int, int)
for _ in range(25):
    with counts.change() as entries:
        entries["n"] = entries.get("n", 0) + 1
"""


def small(path: Path, layout: int = 1) -> SmallFile[int]:
    return SmallFile(path, "counts", "by", layout, int, int)


def test_no_change_of_two_processes_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    running = [subprocess.Popen([sys.executable, "-c", COUNT, str(path)]) for _ in range(2)]
    assert [child.wait(60) for child in running] == [0, 0]
    assert small(path).read() == {"n": 50}
    assert json.loads(path.read_text()) == {"labctl_counts": 1, "by": {"n": 50}}
    assert not list(tmp_path.glob(".counts.json.[0-9]*"))


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = small(tmp_path / "counts.json")
    with file.change() as entries:
        entries["a"] = 1

    def stumble() -> None:
        with file.change() as entries:
            entries["a"] = 2
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stumble()
    assert file.read() == {"a": 1}


def test_a_file_of_something_else_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    path.write_text('{"labctl_marks": 1, "runs": {}}')
    with pytest.raises(BadInput, match="holds no counts"):
        small(path).read()
    path.write_text('{"labctl_counts": 3, "by": {}}')
    with pytest.raises(BadInput, match="newer labctl"):
        small(path).read()
