"""Work on several threads, each with torch on one, with progress told and stops asked for on the thread that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from data.errors import BadInput, Cancelled

Progress = Callable[[float, str], None]
Result = TypeVar("Result")

_ASKED_S = 0.1
"""So often progress is told and a stop is asked for."""


class Counter:
    """Steps done by all threads together, and whether they should go on."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._done = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def share(self) -> float:
        """Of the steps that are done."""
        return min(self._done / self._total, 1.0)

    def stop(self) -> None:
        """Let every thread end at its next step."""
        self._stopped.set()

    def step(self) -> None:
        """Count a step.

        Raises:
            Cancelled: the work was stopped.
        """
        if self._stopped.is_set():
            raise Cancelled("the work was stopped")
        with self._lock:
            self._done += 1


def in_threads(
    works: Sequence[Callable[[Counter], Result]],
    steps: int,
    what: str,
    *,
    threads: int,
    progress: Progress | None,
    should_stop: Callable[[], bool] | None,
) -> list[Result]:
    """Results of all works, in their order.

    Args:
        works: each calls :meth:`Counter.step` now and then.
        steps: that all works count together.
        what: is being done, e.g. ``training 60 networks``.
        threads: at most so many works run at a time.
        progress: told on the calling thread.
        should_stop: asked on the calling thread.

    Raises:
        Cancelled: ``should_stop`` said so.
    """
    counter = Counter(steps)
    with _torch_threads(max(threads // len(works), 1)), ThreadPoolExecutor(min(threads, len(works))) as pool:
        try:
            futures = [pool.submit(work, counter) for work in works]
            while True:
                done, left = wait(futures, timeout=_ASKED_S, return_when=FIRST_EXCEPTION)
                if not left or any(future.exception() is not None for future in done):
                    break
                if should_stop is not None and should_stop():
                    raise Cancelled(f"{what} was stopped")
                if progress is not None:
                    progress(counter.share, what)
        finally:
            counter.stop()
            for future in futures:
                future.cancel()
        for future in done:
            future.result()
    if progress is not None:
        progress(1.0, what)
    return [future.result() for future in futures]


def check_threads(threads: int | None) -> int:
    """As many as asked for; None for as many as torch uses.

    Raises:
        BadInput: fewer than one.
    """
    if threads is not None and threads < 1:
        raise BadInput(f"the number of threads is {threads}; it must be at least 1")
    return torch.get_num_threads() if threads is None else threads


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
