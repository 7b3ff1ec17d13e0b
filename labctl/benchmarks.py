"""The ordered multiply and its peers, timed against the plain product on the same shapes, threads and run.

Cases take turns in every round, so that a machine that is busy for a while is busy for all of them, and a ratio is the
median over rounds of the time of a case divided by the time of the plain product in the same round. Only ratios are
reported: absolute times say more about the machine than about the program.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.errors import BadInput
from data.values import Geometry, Schedule
from models.kernels import gpu
from models.kernels.coefficients import Coefficients
from models.ordered import ordered_multiply
from models.parameters import ChipParameters

ROUNDS = 15
MINIMUM_S = 0.02
"""A case is repeated within its round until it has taken about so long."""
LIGHTNING = "aihwkit_lightning"

Work = Callable[[], object]


@dataclass(frozen=True)
class Shape:
    """A layer: so many vectors, inputs split evenly over blocks, outputs, share of zero activations and sends."""

    vectors: int
    inputs: int
    outputs: int
    blocks: int
    zeros: float
    sends: int

    @property
    def words(self) -> str:
        """As people write it."""
        return f"{self.vectors} x {self.inputs} -> {self.outputs}"


KEYWORD = Shape(1024, 980, 128, 8, 0.5, 2)
SQUARE = Shape(256, 256, 256, 2, 0.0, 1)


@dataclass(frozen=True)
class Figure:
    """One result: how many times longer a case takes than what it is compared with, its base."""

    case: str
    ratio: float
    threads: int
    shape: str
    base: str = "plain product"


@dataclass(frozen=True)
class Operands:
    """What a case computes with, as board blocks and as the plain layer of the same size."""

    charges: Tensor
    weights: Tensor
    inputs: Tensor
    matrix: Tensor


def operands(shape: Shape, seed: int = 0, device: str = "cpu") -> Operands:
    """Activation codes with a share of zeros and weights of a trained network's size, times the default gain."""
    chance = np.random.default_rng(seed)
    rows = Geometry().rows
    codes = chance.integers(1, 32, (shape.vectors, shape.inputs)) * (
        chance.random((shape.vectors, shape.inputs)) >= shape.zeros
    )
    weights = 0.002 * np.clip(np.rint(chance.normal(0, 18, (shape.inputs, shape.outputs))), -63, 63)
    charges = np.zeros((shape.vectors, shape.blocks, rows), np.float32)
    blocks = np.zeros((shape.blocks, rows, shape.outputs), np.float32)
    edges = np.linspace(0, shape.inputs, shape.blocks + 1).astype(int)
    for block, (first, stop) in enumerate(pairwise(edges)):
        charges[:, block, : stop - first] = codes[:, first:stop]
        blocks[block, : stop - first] = weights[first:stop]
    return Operands(
        charges=torch.from_numpy(charges).to(device),
        weights=torch.from_numpy(blocks).to(device),
        inputs=torch.from_numpy(codes.astype(np.float32)).to(device),
        matrix=torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32)).to(device),
    )


def chip(outputs: int, *, rails: float = np.inf, line: bool = False, seed: int = 0) -> ChipParameters:
    """Parameters as a calibration of the default board finds them: every column its own, a few per cent apart."""
    chance = np.random.default_rng(seed)

    def spread(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return value * (1 + 0.05 * chance.standard_normal(outputs))

    ideal = ChipParameters.ideal(Geometry(columns=outputs), 0.002)
    own = replace(ideal, ordered=True, terms=frozenset({"leak"}), tau_membrane_ns=spread(8000.0))
    if np.isfinite(rails):
        own = replace(own, terms=own.terms | {"rails"}, rail_low=-spread(rails), rail_high=spread(rails))
    if line:
        own = replace(own, terms=own.terms | {"line"}, tau_line_ns=spread(320.0), line_limit=spread(50_000.0))
    return own


def measure(threads: int | None = None, rounds: int = ROUNDS) -> list[Figure]:
    """Time every case on both shapes.

    Args:
        threads: of torch and of the compiled kernels; None for as many as torch uses.
        rounds: how often every case has its turn.

    Raises:
        BadInput: fewer than one thread or round, or more threads than there are cores.
    """
    most = numba.get_num_threads()
    threads = min(torch.get_num_threads(), most) if threads is None else threads
    if not 1 <= threads <= most or rounds < 1:
        raise BadInput(f"threads must be 1 to {most} and rounds at least 1; they are {threads} and {rounds}")
    figures: list[Figure] = []
    with _on(threads):
        for shape in (KEYWORD, SQUARE):
            plain, cases = _cases(operands(shape), shape)
            ratios = _take_turns(plain, cases, rounds)
            figures += [Figure(case, ratio, threads, shape.words) for case, ratio in ratios.items()]
        if not _no_gpu():
            figures += _measure_on_gpu(threads, rounds)
    return figures


def absent() -> dict[str, str]:
    """Cases that cannot run here, and why."""
    reasons = {}
    if importlib.util.find_spec(LIGHTNING) is None:
        reasons["peer/aihwkit-lightning"] = "aihwkit-lightning is not installed (extra `bench`)"
    if _no_gpu():
        reasons["gpu/*"] = _no_gpu()
    return reasons


def _no_gpu() -> str:
    """Why nothing can be timed on a GPU here; empty where it can."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    return "" if gpu.available() else "triton is not installed (extra `gpu-kernels`)"


def _measure_on_gpu(threads: int, rounds: int) -> list[Figure]:
    """The cases that are ours, against the vendor's product in full float32 on the same device."""
    figures: list[Figure] = []
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        for shape in (KEYWORD, SQUARE):
            plain, cases = _cases(operands(shape, device="cuda"), shape)
            own = {case: work for case, work in cases.items() if not case.startswith("peer/")}
            ratios = _take_turns(plain, own, rounds, torch.cuda.synchronize)
            figures += [Figure(f"gpu/{case}", ratio, threads, shape.words) for case, ratio in ratios.items()]
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return figures


@contextmanager
def _on(threads: int) -> Iterator[None]:
    before, compiled = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        numba.set_num_threads(compiled)


def _cases(given: Operands, shape: Shape) -> tuple[dict[str, Work], dict[str, Work]]:
    """The plain product (forward and with its backward), and every case, named as reported."""
    schedule = Schedule(spacing_ns=40, sends=shape.sends)

    def forward(**terms: float) -> Work:
        own = chip(shape.outputs, rails=terms.get("rails", np.inf), line=bool(terms.get("line")))
        factors = Coefficients.of(own, schedule)
        weights = given.weights * terms.get("gain", 1.0)
        return lambda: ordered_multiply(given.charges, weights, factors, schedule)

    cases = {
        "forward/default": forward(rails=85.0),
        "forward/worst": forward(rails=85.0, gain=20.0),
        "forward/line": forward(rails=85.0, line=1.0),
        "forward/no-rails": forward(),
        "train/default": _training(given, Coefficients.of(chip(shape.outputs, rails=85.0), schedule), schedule),
        "train/line": _training(given, Coefficients.of(chip(shape.outputs, rails=85.0, line=True), schedule), schedule),
        "peer/torch-loop": _torch_loop(given, Coefficients.of(chip(shape.outputs, rails=85.0), schedule)),
        "peer/hxtorch-mock": lambda: mock_multiply(given.inputs, given.matrix.T / 0.002, 0.002, schedule.sends, 2.0),
    }
    if "peer/aihwkit-lightning" not in absent() and given.inputs.device.type == "cpu":
        cases["peer/aihwkit-lightning"] = _lightning(given)
    plain: dict[str, Work] = {
        "forward": lambda: functional.linear(given.inputs, given.matrix),
        "train": _plain_training(given),
    }
    return plain, cases


def _plain_training(given: Operands) -> Work:
    x, w = given.inputs.clone().requires_grad_(), given.matrix.clone().requires_grad_()
    top = torch.randn(len(x), len(w), device=x.device)

    def work() -> None:
        torch.autograd.grad(functional.linear(x, w), (x, w), top)

    return work


def _training(given: Operands, factors: Coefficients, schedule: Schedule) -> Work:
    x, w = given.charges.clone().requires_grad_(), given.weights.clone().requires_grad_()
    top = torch.randn(*x.shape[:2], w.shape[2], device=x.device)

    def work() -> None:
        torch.autograd.grad(ordered_multiply(x, w, factors, schedule), (x, w), top)

    return work


def _torch_loop(given: Operands, factors: Coefficients) -> Work:
    """Leak and rails, row by row for all vectors at once: the loop written first. One send, no zero skipped."""
    decay, low, high = (torch.from_numpy(f.astype(np.float32)) for f in (factors.decay, factors.low, factors.high))

    def work() -> Tensor:
        voltage = torch.zeros(len(given.inputs), len(given.matrix))
        for row in range(given.inputs.shape[1]):
            voltage.mul_(decay).addcmul_(given.inputs[:, row, None], given.matrix[:, row])
            torch.minimum(torch.maximum(voltage, low, out=voltage), high, out=voltage)
        return voltage

    return work


def mock_multiply(inputs: Tensor, weights: Tensor, gain: float, sends: int, noise: float) -> Tensor:
    """The arithmetic of hxtorch's mock (``src/hxtorch/perceptron/detail/mac.cpp``), which knows no order.

    Rounded inputs (vectors, rows) and weights (rows, columns), blocks of 128 rows, a product times gain and sends, one
    Gaussian for every output, rounded down, clamped to eight bits, summed, clamped again.
    """
    inputs, weights = inputs.round(), weights.round()
    if inputs.abs().max() > 31 or weights.abs().max() > 63:
        raise BadInput("the mock takes inputs up to 31 and weights up to 63")
    summed = torch.zeros(len(inputs), weights.shape[1])
    for first in range(0, inputs.shape[1], 128):
        product = inputs[:, first : first + 128] @ weights[first : first + 128]
        product = product.mul_(gain * sends).add_(torch.randn(product.shape), alpha=noise)
        summed += product.floor_().clamp_(-128, 127)
    return summed.clamp_(-128, 127)


def _lightning(given: Operands) -> Work:
    """The same layer in aihwkit-lightning with 8-bit converters at both ends and a fixed input range."""
    # It prints at import, which must not end up in the figures.
    with redirect_stdout(sys.stderr):
        layers = importlib.import_module(f"{LIGHTNING}.nn")
        configs = importlib.import_module(f"{LIGHTNING}.simulator.configs")
    config = configs.TorchInferenceRPUConfig()
    config.forward.inp_res, config.forward.out_res, config.forward.out_bound = 254, 254, 12
    config.pre_post.input_range.enable = True
    layer = layers.AnalogLinear(*given.matrix.T.shape, bias=False, rpu_config=config)
    with torch.no_grad():
        layer.weight.copy_(given.matrix)
        layer.input_range.fill_(31.0)
    layer.eval()

    def work() -> object:
        with torch.no_grad():
            return layer(given.inputs)

    return work


def _nothing() -> None:
    """On the CPU work is finished when its call returns."""


def _take_turns(
    plain: dict[str, Work], cases: dict[str, Work], rounds: int, finish: Callable[[], None] = _nothing
) -> dict[str, float]:
    """Median over rounds of each case's time, divided by that of the plain product it compares with."""
    works = {**{f"plain/{name}": work for name, work in plain.items()}, **cases}
    repeats = {name: _repeats(work, finish) for name, work in works.items()}
    ratios: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        times = {name: _seconds(work, repeats[name], finish) for name, work in works.items()}
        for name in cases:
            base = "plain/train" if name.startswith("train/") else "plain/forward"
            ratios[name].append(times[name] / times[base])
    return {name: round(median(values), 2) for name, values in ratios.items()}


def _repeats(work: Work, finish: Callable[[], None]) -> int:
    """How many repeats fill the shortest time of a round; also compiles and warms up."""
    work()
    return max(1, min(100, round(MINIMUM_S / max(_seconds(work, 2, finish), 1e-6))))


def _seconds(work: Work, repeats: int, finish: Callable[[], None]) -> float:
    # The case before it left caches and the allocator in a state of its own; no case shall pay for its neighbour.
    work()
    finish()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    finish()
    return (time.perf_counter() - start) / repeats
