"""The fit knows a board by its answers alone: change the chip after it was connected, and the fit follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from calibration.calibrate import calibrate
from calibration.measure import measure
from calibration.plans import standard_plans
from data.values import Schedule
from drivers import board_on
from drivers.board import AnalogBoard
from drivers.emulator.array import SynapseArray
from drivers.emulator.board import Board
from drivers.emulator.chip import Chip, draw_chip
from drivers.emulator.commands import Interpreter
from drivers.emulator.strengths import parse_strengths
from tests.drivers.links import BoardLink

SCHEDULE = Schedule(spacing_ns=40, sends=2)
STRENGTHS = parse_strengths(("geometry=64x32,bad=off",))
SEED = 7


@pytest.fixture
def emulated() -> Iterator[Board]:
    board = Board(SEED, STRENGTHS)
    yield board
    board.close()


@pytest.fixture
def driver(emulated: Board) -> Iterator[AnalogBoard]:
    with board_on(BoardLink(Interpreter(emulated).talk)) as connected:
        yield connected


def exchange_chip(board: Board, chip: Chip) -> None:
    """What no board can do: another chip in the same socket while it is running."""
    board._array.close()
    board._array = SynapseArray(chip, board._weather)


def test_the_fit_follows_a_chip_that_was_changed_after_the_start(emulated: Board, driver: AnalogBoard) -> None:
    drawn = draw_chip(SEED, STRENGTHS)
    plans = standard_plans(driver.geometry, SCHEDULE)
    before = calibrate([measure(plan, driver) for plan in plans], driver.identity, driver.geometry, SCHEDULE)
    exchange_chip(emulated, replace(drawn, tau_membrane=0.5 * drawn.tau_membrane, gain=1.2 * drawn.gain))
    after = calibrate([measure(plan, driver) for plan in plans], driver.identity, driver.geometry, SCHEDULE)

    assert after.identity.serial_number == "EMU-000007"
    assert after.ordered_score.median < 1.15
    good = before.passes & after.passes
    taus = after.ordered.tau_membrane_ns[good] / before.ordered.tau_membrane_ns[good]
    gains = after.ordered.gain[good] / before.ordered.gain[good]
    assert np.median(taus) == pytest.approx(0.5, rel=0.05)
    assert np.median(gains) == pytest.approx(1.2, rel=0.05)
    assert np.median(after.ordered.tau_membrane_ns[good] / drawn.tau_membrane[good]) == pytest.approx(0.5, rel=0.1)
