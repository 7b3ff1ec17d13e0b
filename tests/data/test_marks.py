"""Stars, crosses and notes beside the runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from data.errors import BadInput
from data.marks import MARKS_NAME, Mark, RunMarks


def test_marks_survive_and_nothing_is_kept_where_nothing_is_said(tmp_path: Path) -> None:
    marks = RunMarks(tmp_path)
    assert marks.read() == {}
    marks.stamp(["a", "b"], "star")
    marks.note("b", " slow — see the book ")
    marks.stamp(["a"], "")
    assert RunMarks(tmp_path).read() == {"b": Mark("star", "slow — see the book")}
    assert {path.name for path in tmp_path.iterdir()} <= {MARKS_NAME, f".{MARKS_NAME}.lock"}


def test_who_marks_waits_for_who_marks_already(tmp_path: Path) -> None:
    other = threading.Thread(target=RunMarks(tmp_path).stamp, args=(["b"], "cross"))
    with RunMarks(tmp_path)._change() as marks:
        other.start()
        other.join(0.3)
        assert other.is_alive()
        marks["a"] = Mark("star")
    other.join()
    assert RunMarks(tmp_path).read() == {"a": Mark("star"), "b": Mark("cross")}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"labctl_marks": 1, "runs": {"a": {"colour": "red"}}}'])
def test_a_damaged_file_is_said_and_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / MARKS_NAME).write_text(text)
    with pytest.raises(BadInput, match="holds no marks"):
        RunMarks(tmp_path).stamp(["a"], "star")
    assert (tmp_path / MARKS_NAME).read_text() == text


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / MARKS_NAME).write_text('{"labctl_marks": 2}')
    with pytest.raises(BadInput, match="newer labctl"):
        RunMarks(tmp_path).read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="cannot be kept"):
        RunMarks(tmp_path).stamp(["a"], "star")


def test_a_note_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="2000 are the most"):
        RunMarks(tmp_path).note("a", "x" * 2001)
