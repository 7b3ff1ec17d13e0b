"""A short time of fuzzing guided by coverage, where the extra ``fuzz`` is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs the extra fuzz")
def test_no_bytes_break_the_parsers_of_a_link(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.wire",
        "-max_total_time=20",
        f"-artifact_prefix={tmp_path}/",
        "-seed=1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr
