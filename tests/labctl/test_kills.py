"""The kill campaign: a short one is clean, and its judge sees what is lost, wrong or left unfinished."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from data.metadata import RunMetadata
from data.runfile import RunWriter
from labctl.cli import run
from labctl.selftest.kills import Acknowledged, judge

ROWS = np.arange(12, dtype=np.int16).reshape(6, 2)


def test_a_short_campaign_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["selftest", "kills", "--kills", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kills"] == 3
    assert found["files"] >= 3
    assert found["acknowledged_rows"] > 0
    assert [found[name] for name in ("lost_rows", "wrong_rows", "unreadable", "not_marked", "not_repaired")] == [0] * 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with RunWriter.create(tmp_path, RunMetadata.new("kills", simulated=True)) as writer:
        writer.stream("output", ("point", "column"), (6, 2), np.int16)
        writer.append("output", ROWS[:4])
    return writer.path


def checksum(rows: int) -> int:
    return zlib.crc32(ROWS[:rows].tobytes())


def test_the_judge_sees_what_is_lost_or_wrong(file: Path) -> None:
    assert judge(file.parent, {file.name: Acknowledged(4, checksum(4))}).clean
    assert judge(file.parent, {file.name: Acknowledged(3, checksum(3))}).clean
    assert judge(file.parent, {file.name: Acknowledged(6, checksum(6))}).lost_rows == 2
    assert judge(file.parent, {file.name: Acknowledged(4, checksum(3))}).wrong_rows == 4
    assert judge(file.parent, {"gone.h5": Acknowledged(5, 0)}).lost_rows == 5


def test_the_judge_sees_what_cannot_be_read_or_was_left(file: Path) -> None:
    (file.parent / ".x.undo").touch()
    assert judge(file.parent, {}).not_repaired == 1
    file.write_bytes(file.read_bytes()[:3000])
    found = judge(file.parent, {file.name: Acknowledged(2, checksum(2))})
    assert (found.unreadable, found.lost_rows, found.not_marked) == (1, 2, 1)
    assert not found.clean
