"""The scripts of the documentation do what they say, started as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
ROOT = HOW_TO.parents[1]


def start(script: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(HOW_TO / script), *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bench(tmp_path: Path) -> str:
    path = tmp_path / "bench.toml"
    path.write_text('[board.emulator]\nseed = 4\nphysics = ["geometry=64x32"]\n')
    return str(path)


def test_every_script_is_short() -> None:
    scripts = sorted(HOW_TO.glob("*.py"))
    assert [path.name for path in scripts] == [
        "calibrate_a_board.py",
        "compare_a_network.py",
        "export_for_matlab_and_pandas.py",
        "refine_by_gradient.py",
        "train_under_noise.py",
    ]
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 40 for path in scripts)


def test_calibrate_a_board(tmp_path: Path, bench: str) -> None:
    said = start("calibrate_a_board.py", tmp_path, bench)
    assert "EMU-000004" in said
    assert "membrane time constants" in said
    assert Path(said.splitlines()[-1].removeprefix("report: ")).is_file()


def test_export_for_matlab_and_pandas(tmp_path: Path, bench: str) -> None:
    said = start("export_for_matlab_and_pandas.py", tmp_path, bench)
    assert "('point', 'repeat', 'column')" in said
    assert {"position.mat", "position.parquet", "position.csv", "position.json"} <= {
        path.name for path in (tmp_path / "exported").iterdir()
    }


def test_compare_a_network(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[board.emulator]\nseed = 4\nphysics = ["geometry=128x136"]\n')
    said = start("compare_a_network.py", tmp_path, str(path), "tiny")
    for target in ("board", "ordered", "unordered", "ideal", "layer 3"):
        assert f"\n{target}" in f"\n{said}"
    assert Path(said.splitlines()[-1].removeprefix("report: ")).is_file()


def test_refine_by_gradient(tmp_path: Path) -> None:
    said = start("refine_by_gradient.py", tmp_path).splitlines()
    assert said[0].startswith("mean squared residual")
    for line in said[1:]:
        assert float(line.split()[3]) < 5, line
    assert len(said) == 4


def test_train_under_noise(tmp_path: Path) -> None:
    """A network trained under noise bears more of it, by more than twice the standard error of either share."""
    clean, noisy = (
        [float(share) for share in line.split()[1:]]
        for line in start("train_under_noise.py", tmp_path).splitlines()[1:]
    )
    assert clean[0] > 0.9
    assert noisy[2] > clean[2] + 0.1
