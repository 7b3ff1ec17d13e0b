"""Linear algebra on one thread, where the matrices are small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread.

    A fit solves thousands of systems of a dozen unknowns: too small to be shared out, and threads that wait for one
    another spin, which takes the processors from everything else. The compiled walks go on using all of them.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
