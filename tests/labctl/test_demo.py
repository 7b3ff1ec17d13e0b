"""The whole job, small: everything is written, and the same seed gives the same figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from labctl.cli import run

TARGETS = {"board", "ordered", "unordered", "ideal"}
SMALL = ["--size", "tiny", "--link", "tcp", "--physics", "geometry=128x136"]


def demo(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["demo", "--json", "-o", str(folder), *SMALL, *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.timeout(400)
def test_everything_is_done_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = demo(capsys, tmp_path, "--seed", "3")
    assert set(found["accuracy"]) == TARGETS
    assert all(set(row) == TARGETS for row in found["accuracy"].values())
    assert found["order_effect_seen"]
    assert found["residual_over_noise"]["ordered"] < 1.2 < found["residual_over_noise"]["unordered"]
    assert found["simulated"]
    files = [Path(file) for kind in found["files"].values() for file in kind]
    assert all(file.stat().st_size > 0 for file in files)
    assert {len(found["files"]["networks"]), len(found["files"]["comparisons"])} == {4}
    page = Path(found["files"]["report"][0]).read_text(encoding="utf-8")
    assert "SIMULATED" in page
    kept = json.loads(Path(found["files"]["result"][0]).read_text(encoding="utf-8"))
    assert kept == found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_seed_gives_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (demo(capsys, tmp_path / name, "--seed", "5") for name in ("a", "b"))
    for name in ("seconds", "files"):
        first.pop(name)
        second.pop(name)
    assert first == second


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_board_without_order_effects_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = demo(capsys, tmp_path, "--seed", "3", "--physics", "order=off")
    assert not found["order_effect_seen"]
    assert found["terms"] == []
    assert found["residual_over_noise"]["ordered"] == found["residual_over_noise"]["unordered"]
    page = Path(found["files"]["report"][0]).read_text(encoding="utf-8")
    assert "No order effect was seen" in page
