"""Training on one thread: the same figures on every machine, and no two thread pools that fight for the cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, and the kernels that follow it, use one thread.

    Sums of floats depend on how they are split over threads. And steps are so short (tens of milliseconds) that on
    a busy machine threads wait for each other much longer than they compute.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
