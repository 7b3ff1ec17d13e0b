"""Offsets that drift while a board is calibrated: the model is that of the end, and its errors say how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.measure import measure
from calibration.observations import board_time, observe
from calibration.plans import baseline
from calibration.vectors import random_vectors
from data.sweep import SweepData
from data.values import Schedule
from tests.calibration.chips import GEOMETRY, IDENTITY, SCHEDULE, SyntheticBoard, draw_chip, measured, small_plans

RATE = 40.0
"""Spread of the columns' rates in codes per second: more than a code while the sweeps are measured."""


def plans(programmes=72):
    """As the small plans, with more programmes of fewer random vectors, as the standard ones have them."""
    random = random_vectors(GEOMETRY, SCHEDULE, seed=0, programmes=programmes, vectors=9)
    return [random if plan.kind == "random" else plan for plan in small_plans()]


class DriftingBoard(SyntheticBoard):
    """A board whose offsets move with the time that its vectors take."""

    def __init__(self, chip, seed, rate):
        super().__init__(chip, seed)
        self.rate, self.time_s = rate, 0.0

    def multiply(self, activations, schedule):
        slots = np.count_nonzero(activations, axis=1)
        spent = slots * schedule.sends * schedule.spacing_ns + schedule.reset_ns + schedule.settle_ns
        at = self.time_s + np.cumsum(spent) * 1e-9
        self.time_s = float(at[-1])
        voltage = self._voltage(activations, schedule) + at[:, None] * self.rate
        noisy = voltage + self.chip.offset + self._draw.normal(size=voltage.shape) * self.chip.noise
        return np.clip(np.floor(noisy), self.geometry.output_min, self.geometry.output_max).astype(np.int16)


def calibrated(rate):
    chip = draw_chip(51)
    board = DriftingBoard(chip, 52, rate)
    record = calibrate([measure(plan, board) for plan in plans()], IDENTITY, GEOMETRY, SCHEDULE)
    return record, chip.offset + board.time_s * rate, board.time_s


def test_offsets_are_those_at_the_end_of_the_sweeps():
    rate = RATE * np.random.default_rng(0).normal(size=GEOMETRY.columns)
    record, true, time_s = calibrated(rate)
    assert record.trend.end_s == pytest.approx(time_s)
    assert np.corrcoef(record.trend.offset_rate, rate)[0, 1] > 0.9
    off = record.ordered.offset - true
    # The mean over the time of the sweeps would be off by half of what they moved meanwhile.
    assert np.sqrt(np.mean(off**2)) < 0.6 * np.sqrt(np.mean((0.5 * time_s * rate) ** 2))
    pull = off / record.standard_error("offset")
    assert 0.6 < np.sqrt(np.mean(pull**2)) < 1.5


def test_what_moves_in_all_columns_alike_is_seen_too():
    record, true, _ = calibrated(np.full(GEOMETRY.columns, RATE))
    assert np.median(record.trend.offset_rate) == pytest.approx(RATE, rel=0.2)
    assert abs(np.mean(record.ordered.offset - true)) < 0.2


def test_where_nothing_moves_next_to_nothing_is_corrected():
    record, true, time_s = calibrated(np.zeros(GEOMETRY.columns))
    assert np.sqrt(np.mean((record.trend.offset_rate * time_s) ** 2)) < 0.1
    assert np.sqrt(np.mean((record.ordered.offset - true) ** 2)) < 0.1


def test_few_programmes_tell_no_rate():
    record = calibrate(measured(draw_chip(53), 54, plans(programmes=9)), IDENTITY, GEOMETRY, SCHEDULE)
    assert not record.trend.offset_rate.any()
    assert not record.trend.offset_error.any()


def test_board_time_is_that_of_the_events():
    schedule = Schedule(spacing_ns=48, sends=3, settle_ns=200, reset_ns=1000)
    plan = baseline(GEOMETRY, schedule, repeats=10)
    half = GEOMETRY.rows // 2
    assert np.allclose(board_time(plan), 10 * np.array([1200, 144 * half + 1200, 144 * half + 1200]))
    sweep = SweepData(plan, np.zeros((3, 10, GEOMETRY.columns), np.int16), 3, "")
    both = observe([sweep, sweep], GEOMETRY)
    spent = board_time(plan)
    assert both.time[0] == pytest.approx(spent[0] / 2)
    assert both.time[3] == pytest.approx(spent.sum() + spent[0] / 2)
