"""Training with torch on one thread: the same figures on every machine, and no two thread pools that fight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread.

    Its sums of floats depend on how they are split over threads. The compiled kernels give the same bits on any
    number of threads and go on using all of them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
