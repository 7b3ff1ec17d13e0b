"""A fit leaves the processors to others."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from calibration.calibrate import calibrate
from tests.calibration.chips import GEOMETRY, IDENTITY, SCHEDULE, draw_chip, measured


def blas_threads() -> set[int]:
    return {int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_fit_has_one_thread_of_the_linear_algebra_and_gives_the_others_back() -> None:
    seen: list[set[int]] = []

    class EnoughSeen(Exception):
        pass

    def look(done: float, doing: str) -> None:
        seen.append(blas_threads())
        raise EnoughSeen

    sweeps = measured(draw_chip(11), 12)
    with threadpool_limits(limits=2, user_api="blas"):
        with pytest.raises(EnoughSeen):
            calibrate(sweeps, IDENTITY, GEOMETRY, SCHEDULE, progress=look)
        assert blas_threads() == {2}
    assert seen == [{1}]
