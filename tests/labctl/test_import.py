"""What a script sees at import: quick, without torch or Qt, and warned of files that hide ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "statement",
    ["import labctl", "import labctl.cli.app", "from labctl.cli import run; run(['--help'])"],
)
def test_neither_torch_nor_qt_is_loaded(statement: str, tmp_path: Path) -> None:
    heavy = "{'torch', 'PyQt6', 'pyqtgraph', 'numba', 'h5py', 'matplotlib', 'pandas', 'scipy', 'numpy'}"
    done = python("-c", f"{statement}; import sys; print('heavy', sorted({heavy} & set(sys.modules)))", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy []"


@pytest.mark.parametrize(("name", "is_folder"), [("data", False), ("models", True), ("drivers", True), ("gui", False)])
def test_a_file_that_hides_a_package_is_named(name: str, is_folder: bool, tmp_path: Path) -> None:
    mine = tmp_path / name if is_folder else tmp_path / f"{name}.py"
    if is_folder:
        mine.mkdir()
        (mine / "__init__.py").write_text("")
    else:
        mine.write_text("")
    (tmp_path / "script.py").write_text("import labctl\n")
    done = python("script.py", folder=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert str(mine) in last
    assert "rename it" in last


def test_the_public_names_exist(tmp_path: Path) -> None:
    done = python("-c", "import labctl; [getattr(labctl, n) for n in labctl.__all__]; print('ok')", folder=tmp_path)
    assert done.stdout.strip() == "ok", done.stderr


@pytest.mark.parametrize(("given", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_waiting_threads_do_not_spin_unless_asked(given: dict[str, str], expected: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", "import labctl, os; print(os.environ['OMP_WAIT_POLICY'])"],
        check=True,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), **given},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == expected
