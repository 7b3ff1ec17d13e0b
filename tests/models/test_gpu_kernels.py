"""The GPU kernels: in Triton's interpreter, through its compiler, and on a device where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data import Schedule
from models.kernels import gpu
from models.kernels.coefficients import Coefficients
from models.ordered import ordered_multiply
from tests.models.chips import random_chip

ROOT = Path(__file__).resolve().parents[2]
needs_triton = pytest.mark.skipif(not gpu.available(), reason="triton is not installed (extra `gpu-kernels`)")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def start(folder: Path, *arguments: str, **environment: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.gpu_checks", *arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, "TRITON_CACHE_DIR": str(folder), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


@needs_triton
def test_in_the_interpreter_kernels_follow_the_operations(tmp_path: Path) -> None:
    assert start(tmp_path, "compare", "cpu", TRITON_INTERPRET="1") < 3e-6


@pytest.mark.slow
@needs_triton
def test_kernels_compile_for_a_device_that_is_not_there(tmp_path: Path) -> None:
    assert start(tmp_path, "compile") == 16


@needs_cuda
@needs_triton
def test_on_a_device_kernels_follow_the_operations(tmp_path: Path) -> None:
    assert start(tmp_path, "compare", "cuda") < 3e-6


@needs_cuda
@needs_triton
def test_on_a_device_results_repeat_bit_for_bit() -> None:
    chance = torch.Generator().manual_seed(0)
    factors = Coefficients.of(random_chip(1, ("leak", "rails", "line")), Schedule())
    leaves = [torch.rand(500, 12, generator=chance).cuda(), torch.randn(12, 7, generator=chance).cuda()]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    first, second = (
        torch.autograd.grad(ordered_multiply(leaves[0], leaves[1], factors, Schedule()).sum(), leaves) for _ in range(2)
    )
    for ours, theirs in zip(first, second, strict=True):
        assert torch.equal(ours, theirs)


def test_without_a_kernel_the_loop_computes_and_says_so() -> None:
    """Shown on the device that only has shapes: it has no kernel."""
    factors = Coefficients.of(random_chip(1), Schedule())
    charges, weights = torch.ones(2, 12, device="meta"), torch.ones(12, 7, device="meta")
    with (
        pytest.warns(RuntimeWarning, match="no compiled kernel of the ordered multiply for meta"),
        pytest.raises((NotImplementedError, RuntimeError)),
    ):
        ordered_multiply(charges, weights, factors, Schedule())
