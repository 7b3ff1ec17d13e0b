"""Columns of an emulated board that do not work: they are named, and disturb no other."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.measure import measure
from data.values import Schedule
from drivers.board import open_board
from drivers.emulator import Options, start
from drivers.emulator.chip import draw_chip
from drivers.emulator.strengths import parse_strengths
from tests.calibration.chips import small_plans

SCHEDULE = Schedule(spacing_ns=40, sends=2)
PHYSICS = ("geometry=64x64", "gain=0.004")
NAMED = {"stuck": "stuck", "noisy": "noisy", "weak": ("stuck", "gain")}
"""What the fit may call a fault: a weak column's outputs hardly vary either."""


def seed_with(*faults):
    """The first seed whose bad columns are these."""
    return next(
        seed
        for seed in range(1, 200)
        if {fault for _, fault in draw_chip(seed, parse_strengths(PHYSICS)).bad} == set(faults)
    )


@pytest.mark.parametrize("faults", [("stuck", "noisy"), ("weak", "stuck")])
def test_bad_columns_of_a_board_are_named_and_disturb_no_other(faults):
    seed = seed_with(*faults)
    with (
        start(Options(seed=seed, tcp="127.0.0.1:0", physics=PHYSICS)) as emulated,
        open_board(f"tcp://{emulated.tcp}") as board,
    ):
        sweeps = [measure(plan, board) for plan in small_plans(board.geometry, SCHEDULE)]
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
    bad = dict(draw_chip(seed, parse_strengths(PHYSICS)).bad)
    assert set(bad.values()) == set(faults)
    for column, fault in bad.items():
        assert record.reasons[column].startswith(NAMED[fault]), record.reasons[column]
    assert set(np.flatnonzero(~record.passes)) == set(bad)
    assert record.ordered_score.residual_over_noise[record.passes].max() < 1.3
    assert record.ordered_score.median < 1.15
