"""The board keeps the contract of every other instrument of the bench."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.errors import BadInput
from data.instrument import Instrument
from drivers.board import AnalogBoard, board_on
from drivers.errors import LinkError

from .links import BoardLink
from .small_board import SmallBoard

pytestmark = pytest.mark.skipif(not hasattr(AnalogBoard, "quantities"), reason="the board has no quantities yet")


@pytest.fixture
def small() -> SmallBoard:
    return SmallBoard()


@pytest.fixture
def board(small: SmallBoard) -> Iterator[Instrument]:
    with board_on(BoardLink(small.feed), timeout_s=0.05) as there:
        assert isinstance(there, Instrument)
        yield there


def test_quantities_have_values_of_their_kind(board: Instrument) -> None:
    assert board.name
    assert set(board.quantities) == {"temperature", "supply_voltage", "supply"}
    for name, quantity in board.quantities.items():
        assert quantity.name == name
        value = board.get(name)
        assert isinstance(value, float) if quantity.unit else isinstance(value, bool | str)


def test_limits_hold_before_anything_is_sent(board: Instrument, small: SmallBoard) -> None:
    sent = len(small.log)
    for name, value in (("temperature", 20.0), ("supply_voltage", 1.0), ("supply", 2.0), ("supply", float("nan"))):
        with pytest.raises(BadInput):
            board.set(name, value)
    for name in ("nothing", ""):
        with pytest.raises(BadInput):
            board.set(name, 1.0)
        with pytest.raises(BadInput):
            board.get(name)
    assert len(small.log) == sent


def test_one_quantity_that_fails_spoils_no_snapshot(board: Instrument, small: SmallBoard) -> None:
    small.replies["TEMPERATURE?"] = "warm"
    readings = {reading.name: reading for reading in board.snapshot()}
    assert list(readings) == list(board.quantities)
    assert readings["temperature"].value is None
    assert readings["temperature"].error
    assert readings["supply_voltage"].value == 1.2


def test_safe_and_closed_twice(board: Instrument, small: SmallBoard) -> None:
    board.set("supply", True)
    assert small.supply
    board.safe()
    assert not small.supply
    board.close()
    board.close()
    with pytest.raises(LinkError, match="closed"):
        board.safe()
