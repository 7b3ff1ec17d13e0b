"""What the tests of the GPU kernels run, in a process of its own: the kernels against the plain operations.

python -m tests.models.gpu_checks compare cpu     (TRITON_INTERPRET=1: Triton's interpreter)
python -m tests.models.gpu_checks compare cuda
python -m tests.models.gpu_checks compile         (for a device that need not be there)
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import Tensor

from data import Geometry, Schedule
from models.chip_tensors import ChipTensors
from models.event_loop import event_by_event
from models.kernels import gpu
from models.parameters import TERMS
from tests.models.chips import random_chip, random_codes

CASES = [("leak",), ("rails",), ("leak", "rails"), ("line",), TERMS]
SMALL = (3, 5, 7)
OTHERS = [(18, 18, 70), (1, 1, 1), (0, 4, 3)]
"""Vectors, rows and columns: beside some within a tile, those over several, one of each, and none."""
SCHEDULES = [(1, True), (3, True), (2, False)]
"""Sends, and whether zeros are skipped."""
BLOCKS = 2


def problem(shape: tuple[int, int, int], terms: tuple, schedule: Schedule) -> tuple[Tensor, Tensor, Tensor]:
    """Charges, weights and coefficients in float64, rails within reach."""
    vectors, rows, columns = shape
    geometry = Geometry(rows=rows, columns=columns)
    chip = ChipTensors.of(random_chip(3, terms, geometry, gain=0.02, rail=10.0), torch.float64)
    drawn = [random_codes(block, vectors, geometry) for block in range(BLOCKS)]
    charges = chip.input_charges(torch.as_tensor(np.stack([codes for codes, _ in drawn], axis=1)))
    weights = chip.folded_weights(torch.as_tensor(np.stack([codes for _, codes in drawn])).double())
    return charges, weights, chip.coefficients(schedule).rows


def compare(device: str) -> float:
    """The largest difference of values and gradients, relative to the largest value of each."""
    jobs = [(SMALL, terms, sending) for terms in CASES for sending in SCHEDULES]
    jobs += [(shape, terms, SCHEDULES[0]) for shape in OTHERS for terms in (("leak", "rails"), TERMS)]
    worst = 0.0
    for index, (shape, terms, (sends, skip)) in enumerate(jobs):
        order = tuple(np.random.default_rng(index).permutation(shape[1]).tolist()) if index % 2 else None
        schedule = Schedule(order=order, sends=sends, skip_zeros=skip, settle_ns=200)
        worst = max(worst, _difference(device, shape, terms, schedule))
    return worst


def _difference(device: str, shape: tuple[int, int, int], terms: tuple, schedule: Schedule) -> float:
    leaves = [value.requires_grad_() for value in problem(shape, terms, schedule)]
    line = "line" in terms
    exact = event_by_event(leaves[0], leaves[1], leaves[2], line, schedule)
    top = torch.randn(exact.shape, generator=torch.Generator().manual_seed(0)).double()
    theirs = [exact, *torch.autograd.grad(exact, leaves, top)]
    x, w, direction = (value.detach().float().to(device) for value in (leaves[0], leaves[1], top))
    rows = leaves[2].detach().to(device)
    out, mark = gpu.multiply(x, w, rows, line, schedule, marking=True)
    plain, nothing = gpu.multiply(x, w, rows, line, schedule, marking=False)
    if not torch.equal(out, plain) or len(nothing):
        raise RuntimeError("marking changed the voltages")
    of_x, of_w = gpu.multiply_back(x, w, rows, mark, direction, line, schedule)
    of_rows = gpu.parameter_gradients(x, w, rows, direction, line, schedule)
    pairs = zip((out, of_x, of_w, of_rows), theirs, strict=True)
    sizes = [
        float((a.cpu() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-6))
        for a, b in pairs
        if b.numel()
    ]
    return max(sizes, default=0.0)


def compile_all() -> int:
    """Compile every kernel for compute capability 9.0, in every combination of its options; returns how many."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from models.kernels import gpu_line, gpu_parameters, gpu_walks

    tile = {"BV": 16, "BC": 64}
    ones = {"B": 1, "N": 1, "R": 1, "C": 1, "sends": 1}
    jobs = []
    for line in (False, True):
        jobs.append((gpu_walks.forward, {"SKIP": True, "LINE": line, "MARK": True, **tile}))
        jobs.append((gpu_parameters.parameter_backward, {"SKIP": True, "LINE": line, **tile}))
    for skip in (False, True):
        jobs.append((gpu_walks.backward, {"SKIP": skip, **tile}))
        jobs.append((gpu_line.line_backward, {"SKIP": skip, "CHUNK": 16, **tile}))
    # A size of 1 is compiled in as a constant, which takes other ways through the kernels.
    jobs += [(kernel, {**options, **ones}) for kernel, options in jobs]
    pointers = {"x", "w", "f", "out", "mark", "grad", "grad_x", "grad_w", "room", "sums"}
    for kernel, options in jobs:
        names = kernel.arg_names
        kinds = {n: "*fp32" if n in pointers else "constexpr" if n in options else "i32" for n in names}
        constants = {(names.index(name),): value for name, value in options.items()}
        source = ASTSource(fn=kernel, signature=kinds, constexprs=constants)
        made = compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": True})
        if not made.asm["cubin"]:
            raise RuntimeError(f"{kernel} gave no code")
    return len(jobs)


if __name__ == "__main__":
    result = compile_all() if sys.argv[1] == "compile" else compare(sys.argv[2])
    sys.stdout.write(f"{result}\n")
