"""One training step in a process of its own, and how much memory it took.

``python -m tests.models.training_step CASE`` prints by how many bytes the largest resident size rose in the step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from data import Geometry, Schedule
from models.kernels.coefficients import Coefficients
from models.ordered import ordered_multiply
from models.tensor_coefficients import TensorCoefficients
from tests.models.chips import random_chip

VECTORS, INPUTS, OUTPUTS, BLOCKS = 6144, 980, 128, 8
ROWS = 128


def plain(vectors: int) -> Callable[[], None]:
    """A step of :class:`torch.nn.Linear`: gradients of inputs and weights."""
    layer = torch.nn.Linear(INPUTS, OUTPUTS, bias=False)

    def step() -> None:
        inputs = torch.ones(vectors, INPUTS, requires_grad=True)
        torch.autograd.backward(layer(inputs).sum())

    return step


def ordered(vectors: int, terms: tuple, parameters: bool, order: bool) -> Callable[[], None]:
    """The same layer on an array: eight blocks, whose voltages are summed."""
    chip = random_chip(0, terms, Geometry(rows=ROWS, columns=OUTPUTS), gain=0.002, rail=85.0)
    reverse = tuple(reversed(range(ROWS))) if order else None
    schedule = Schedule(sends=2, order=reverse)
    factors: Coefficients | TensorCoefficients = Coefficients.of(chip, schedule)
    if parameters:
        tensors = TensorCoefficients.of(Coefficients.of(chip, schedule))
        tensors.decay.requires_grad_()
        factors = tensors
    weights = torch.from_numpy(np.random.default_rng(0).normal(0, 0.04, (BLOCKS, ROWS, OUTPUTS)).astype(np.float32))
    weights.requires_grad_()

    def step() -> None:
        charges = torch.ones(vectors, BLOCKS, ROWS, requires_grad=True)
        torch.autograd.backward(ordered_multiply(charges, weights, factors, schedule).sum())

    return step


CASES: dict[str, Callable[[int], Callable[[], None]]] = {
    "plain": plain,
    "ordered": lambda vectors: ordered(vectors, ("leak", "rails"), parameters=False, order=False),
    "another-order": lambda vectors: ordered(vectors, ("leak", "rails"), parameters=False, order=True),
    "parameters": lambda vectors: ordered(vectors, ("leak", "rails"), parameters=True, order=False),
    "line": lambda vectors: ordered(vectors, ("leak", "rails", "line"), parameters=False, order=False),
}


def peak() -> int:
    """The largest resident size so far, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def rise(case: str) -> int:
    """Bytes by which the peak rises in a step, everything compiled and loaded before."""
    CASES[case](64)()
    step = CASES[case](VECTORS)
    before = peak()
    step()
    return peak() - before


if __name__ == "__main__":
    sys.stdout.write(f"{rise(sys.argv[1])}\n")
