"""Calibration against the emulated board, which is reached through its wire and through nothing else."""

from __future__ import annotations

import time

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.measure import measure
from calibration.plans import standard_plans
from calibration.probe import probe
from data.values import Schedule
from drivers.board import open_board
from drivers.emulator import Options, start
from tests.calibration.chips import small_plans

SCHEDULE = Schedule(spacing_ns=40, sends=2)


def options(seed, *physics):
    return Options(seed=seed, tcp="127.0.0.1:0", serial=False, physics=physics)


def test_a_small_emulated_board_is_calibrated_and_probed():
    with start(options(5, "geometry=64x32", "gain=0.004")) as emulated, open_board(f"tcp://{emulated.tcp}") as board:
        plans = small_plans(board.geometry, SCHEDULE)
        sweeps = [measure(plan, board) for plan in plans]
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
        result = probe(record, board)
    assert record.order_effect_seen
    assert record.identity.simulated
    assert record.ordered_score.median < 1.2
    assert record.unordered_score.median > record.ordered_score.median + 0.1
    assert result.verdict == "fresh", str(result)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_default_board_is_described_within_its_noise(seed):
    with start(options(seed)) as emulated, open_board(f"tcp://{emulated.tcp}") as board:
        began = time.perf_counter()
        sweeps = [measure(plan, board) for plan in standard_plans(board.geometry, SCHEDULE, seed=seed)]
        acquired = time.perf_counter()
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
        fitted = time.perf_counter()
        result = probe(record, board)
    print(f"\nseed {seed}: acquired in {acquired - began:.1f} s, fitted in {fitted - acquired:.1f} s")  # noqa: T201
    print(record.summary(), result, sep="\n")  # noqa: T201
    assert record.ordered.terms >= {"leak", "rails"}
    assert record.ordered_score.median < 1.15
    assert record.ordered_score.median_all_schedules < 1.15
    assert record.unordered_score.median > 1.3
    assert record.passes.sum() >= board.geometry.columns - 4
    assert result.verdict == "fresh", str(result)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_order_effects_on_the_board_none_is_seen():
    with start(options(1, "order=off")) as emulated, open_board(f"tcp://{emulated.tcp}") as board:
        sweeps = [measure(plan, board) for plan in standard_plans(board.geometry, SCHEDULE, seed=1)]
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
    print(record.summary())  # noqa: T201
    assert not record.order_effect_seen
    assert np.isclose(record.ordered_score.median, record.unordered_score.median)
    assert record.ordered_score.median < 1.15
