"""Hours of work while links misbehave: memory, open files and the time of a call must not grow.

A board works over each kind of link in turn, through a proxy that strikes now and then, until the time is over. Every
answer is compared with what the board gives without faults. Memory and open files are looked at after every round, and
flat means: the last third of the time needs no more than the first third, and a little.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeVar

import numpy as np
import psutil

from data.errors import BadInput, LabctlError
from data.values import Outputs
from drivers.board import open_board
from drivers.faults import Fault
from drivers.proxy import Injector
from labctl.engine import Engine, Loan, lend
from labctl.progress import Listener, Stop, never, silent
from labctl.selftest.places import LINKS, Boards, emulated_boards, known_links
from labctl.selftest.session import LIMITS, TIMEOUT_S, Observed, WatchedBoard
from labctl.selftest.workload import PHYSICS, Workload, draw_workload

T = TypeVar("T")

FAULTS: Final = ("flip", "repeat", "delay", "drip", "cut", "hangup")
SHARE: Final = 0.004
"""Share of the messages that are struck by each kind."""
PIECES: Final = 60
"""Multiplications in a round; a round is one kind of link, opened and closed again."""
WARM_UP: Final = 2
"""Rounds of every link before anything is judged: libraries are loaded, caches are filled."""
MEMORY_MB: Final = 8.0
FILES: Final = 2
SLOWER: Final = 1.5
SLOWER_S: Final = 0.05
"""The last third may need so much more than the first: a computer has other things to do as well."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round.

    Attributes:
        at_s: seconds since the beginning.
        memory_mb: resident memory of this process, in 10^6 bytes.
        files: open files, sockets and ports of this process.
        threads: of this process.
        p99_ms: time of a multiplication that 99 of 100 stay below, in milliseconds.
        calls: multiplications.
    """

    at_s: float
    memory_mb: float
    files: int
    threads: int
    p99_ms: float
    calls: int


@dataclass(frozen=True)
class SoakResult:
    """What an endurance test found.

    Attributes:
        minutes: how long it worked.
        calls: multiplications in all.
        injected: faults that were brought about.
        wrong_values: outputs that differ from those without faults.
        reconnections: how often the board was reconnected.
        samples: one for every round over all links.
        grown: what is not flat, in words; empty when everything is.
    """

    minutes: float
    calls: int
    injected: int
    wrong_values: int
    reconnections: int
    samples: tuple[Sample, ...]
    grown: tuple[str, ...]

    @property
    def flat(self) -> bool:
        """Whether nothing has grown and nothing was wrong."""
        return not self.grown and not self.wrong_values

    def document(self) -> dict[str, object]:
        """For JSON: the result, and memory, files and latency of the first and the last third."""
        first, last = thirds(self.samples)
        return {
            "flat": self.flat,
            "minutes": round(self.minutes, 2),
            "calls": self.calls,
            "injected": self.injected,
            "wrong_values": self.wrong_values,
            "reconnections": self.reconnections,
            "first_third": summary(first),
            "last_third": summary(last),
            "grown": self.grown,
            "samples": self.samples,
        }


def run_soak(
    minutes: float,
    *,
    seed: int = 1,
    links: tuple[str, ...] = (),
    listener: Listener = silent,
    stop: Stop = never,
) -> SoakResult:
    """Work for some minutes under faults.

    Raises:
        BadInput: not a time, or a link that is not known here.
        LabctlError: a board did not start, or did not come back.
    """
    if not 0 < minutes <= 60 * 24 * 30:
        raise BadInput(f"{minutes:g} minutes is not a time to work; give more than 0")
    names = known_links(links)
    with emulated_boards(seed, PHYSICS) as boards:
        soak = _Soak(boards, draw_workload(seed), seed)
        began = time.monotonic()
        while not stop() and (time.monotonic() - began < 60 * minutes or len(soak.samples) < WARM_UP + 3):
            done = (time.monotonic() - began) / (60 * minutes)
            listener(min(done, 1.0), f"round {soak.rounds + 1}, {soak.injected} faults")
            soak.round(names, began)
        return soak.result((time.monotonic() - began) / 60)


class _Soak:
    """What was seen so far."""

    def __init__(self, boards: Boards, workload: Workload, seed: int) -> None:
        self.samples: list[Sample] = []
        self.rounds = 0
        self.injected = 0
        self._boards = boards
        self._workload = workload
        self._seed = seed
        self._wrong = 0
        self._calls = 0
        self._reconnections = 0
        self._process = psutil.Process()
        self._expected = self._without_faults()

    def round(self, names: Sequence[str], began: float) -> None:
        """Every link once, and a sample."""
        self.rounds += 1
        times: list[float] = []
        for name in names:
            times += self._work(name)
        gc.collect()
        handles = self._process.num_handles() if hasattr(self._process, "num_handles") else self._process.num_fds()
        memory_mb = self._process.memory_info().rss / 1e6
        p99_ms = 1e3 * float(np.percentile(times, 99))
        self.samples.append(
            Sample(
                round(time.monotonic() - began, 1),
                round(memory_mb, 1),
                handles,
                threading.active_count(),
                round(p99_ms, 2),
                len(times),
            )
        )

    def result(self, minutes: float) -> SoakResult:
        """What was found; the first rounds do not count."""
        samples = tuple(self.samples[WARM_UP:])
        return SoakResult(
            minutes, self._calls, self.injected, self._wrong, self._reconnections, samples, tuple(grown(samples))
        )

    def _work(self, name: str) -> list[float]:
        plan = self._workload.plan
        times: list[float] = []
        with ExitStack() as resources:
            proxy = resources.enter_context(self._boards.proxy(name, self._seed + self.rounds))
            board = resources.enter_context(open_board(LINKS[name](proxy), timeout_s=TIMEOUT_S))
            observed = Observed()
            watched = WatchedBoard(board, _called, observed)
            lent = resources.enter_context(lend(Engine(LIMITS), watched, Loan("endurance")))
            _arm(proxy.injector)
            for piece in range(PIECES):
                program = piece // 20
                lent.program(plan.programme(program))
                begin = time.perf_counter()
                outputs = lent.multiply(plan.activations, plan.schedules[0])
                times.append(time.perf_counter() - begin)
                self._wrong += int(np.count_nonzero(outputs != self._expected[program]))
            proxy.injector.disarm()
            self.injected += len(proxy.injector.injections)
            self._reconnections += observed.reconnections
        self._calls += len(times)
        return times

    def _without_faults(self) -> list[Outputs]:
        plan = self._workload.plan
        found = []
        with open_board(str(self._boards.board.tcp)) as board:
            for program in range(len(plan.weights)):
                board.program(plan.programme(program))
                found.append(board.multiply(plan.activations, plan.schedules[0]))
        return found


def _called(name: str, call: Callable[[], T]) -> T:
    return call()


def _arm(injector: Injector) -> None:
    for kind in FAULTS:
        injector.arm(Fault(kind, p=SHARE, ms={"delay": 20.0, "drip": 1.0}.get(kind, 0.0)))


def thirds(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The first and the last third of the samples."""
    third = max(1, len(samples) // 3)
    return samples[:third], samples[-third:]


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Medians."""
    return {
        name: round(median(getattr(sample, name) for sample in samples), 2)
        for name in ("memory_mb", "files", "threads", "p99_ms")
    }


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is larger in the last third than in the first, beyond what noise explains.

    Raises:
        LabctlError: fewer than three samples.
    """
    if len(samples) < 3:
        raise LabctlError("an endurance test needs three rounds at the least; give it more minutes")
    first, last = (summary(part) for part in thirds(samples))
    allowed = {
        "memory_mb": first["memory_mb"] + MEMORY_MB,
        "files": first["files"] + FILES,
        "threads": first["threads"] + FILES,
        "p99_ms": max(first["p99_ms"] * SLOWER, first["p99_ms"] + 1e3 * SLOWER_S),
    }
    return [
        f"{name} has grown from {first[name]:g} to {last[name]:g}; at most {most:g} would be flat"
        for name, most in allowed.items()
        if last[name] > most
    ]
