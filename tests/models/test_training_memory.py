"""A training step must not keep every step of every column: its peak memory against that of the plain layer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.training_step import INPUTS, OUTPUTS, VECTORS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")


def rise(case: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.training_step", case],
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def plain() -> int:
    found = rise("plain")
    own = 4 * VECTORS * (2 * INPUTS + OUTPUTS)
    assert own * 0.9 < found < own * 1.5, "inputs, their gradient and outputs, or this measures something else"
    return found


@pytest.mark.parametrize("case", ["ordered", "another-order", "parameters", "line"])
def test_a_step_takes_at_most_three_times_the_plain_layers_memory(case: str, plain: int) -> None:
    assert rise(case) <= 3 * plain


def test_the_limit_would_notice_kept_steps(plain: int) -> None:
    """Keeping one number for each slot of each column would be far beyond it."""
    assert 30 * plain < 4 * VECTORS * INPUTS * OUTPUTS
