"""Columns of an emulated board that do not work: they are named, and disturb no other."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.measure import measure
from calibration.plans import standard_plans
from data.values import Schedule
from drivers.board import open_board
from drivers.emulator import Options, start
from drivers.emulator.chip import draw_chip
from drivers.emulator.strengths import parse_strengths
from tests.calibration.chips import small_plans

SCHEDULE = Schedule(spacing_ns=40, sends=2)
PHYSICS = ("geometry=128x64",)
NAMED = {"stuck": "stuck", "noisy": "noisy", "weak": ("stuck", "gain")}
"""What the fit may call a fault: a weak column's outputs hardly vary either."""


@pytest.mark.parametrize(("seed", "faults"), [(1101, {"noisy", "weak"}), (3, {"stuck", "weak"})])
def test_bad_columns_of_a_board_are_named_and_disturb_no_other(seed, faults):
    bad = dict(draw_chip(seed, parse_strengths(PHYSICS)).bad)
    assert set(bad.values()) == faults
    with (
        start(Options(seed=seed, tcp="127.0.0.1:0", physics=PHYSICS)) as emulated,
        open_board(f"tcp://{emulated.tcp}") as board,
    ):
        sweeps = [measure(plan, board) for plan in standard_plans(board.geometry, SCHEDULE)]
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
    for column, fault in bad.items():
        assert record.reasons[column].startswith(NAMED[fault]), record.reasons[column]
    assert set(np.flatnonzero(~record.passes)) == set(bad)
    assert record.ordered_score.residual_over_noise[record.passes].max() < 1.3
    assert record.ordered_score.median < 1.15


def test_a_rail_that_few_points_show_is_no_fault():
    """In small sweeps of a small array some columns go beyond a rail only a few times."""
    physics = ("geometry=64x64", "gain=0.004")
    bad = dict(draw_chip(7, parse_strengths(physics)).bad)
    with (
        start(Options(seed=7, tcp="127.0.0.1:0", physics=physics)) as emulated,
        open_board(f"tcp://{emulated.tcp}") as board,
    ):
        sweeps = [measure(plan, board) for plan in small_plans(board.geometry, SCHEDULE)]
        record = calibrate(sweeps, board.identity, board.geometry, SCHEDULE)
    assert set(np.flatnonzero(~record.passes)) == set(bad), [reason for reason in record.reasons if reason]
    assert np.isfinite(record.ordered.rail_low[record.passes]).all()
    assert np.isfinite(record.ordered.rail_high[record.passes]).all()
