"""Scans that choose their settings themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadInput, LabctlError
from data.instrument import Value
from data.scanrun import ScanRow, read_scan
from labctl.engine import Engine
from labctl.scanning import Rig, Strategy
from labctl.scanning.sources import AskedSettings
from labctl.scanning.strategies import find_strategy, make_learner
from tests.labctl.benchwork import Supply
from tests.labctl.scanbench import QUICK, Load, adaptive_plan, watched, work_for


@pytest.fixture
def supply() -> Supply:
    return Supply()


@pytest.fixture
def rig(supply: Supply) -> Rig:
    return Rig({"supply": supply, "meter": Load(supply)})


class Halves:
    """Asks for the middle of the interval over which the reading changes most."""

    def __init__(self, ranges: Sequence[tuple[float, float]]) -> None:
        ((low, high),) = ranges
        self._open = [low, high]
        self._known: dict[float, float] = {}

    def ask(self) -> tuple[float, ...]:
        if self._open:
            return (self._open[0],)
        points = sorted(self._known)
        gaps = [abs(self._known[b] - self._known[a]) for a, b in pairwise(points)]
        widest = int(np.argmax(gaps))
        return ((points[widest] + points[widest + 1]) / 2,)

    def tell(self, point: tuple[float, ...], value: float) -> None:
        self._known[point[0]] = value
        self._open = [other for other in self._open if other != point[0]]

    def loss(self) -> float:
        values = [self._known[point] for point in sorted(self._known)]
        return max((abs(b - a) for a, b in pairwise(values)), default=np.inf)


class Step(Load):
    """A current that jumps at 3.1 V."""

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        return float(np.tanh(40 * (float(self._supply.values["voltage"]) - 3.1)))


@pytest.mark.parametrize("made", ["own", "adaptive"])
def test_an_adaptive_scan_looks_where_something_happens(tmp_path: Path, supply: Supply, made: str) -> None:
    if made == "adaptive":
        pytest.importorskip("adaptive")
    plan = adaptive_plan(25)
    strategy: Strategy = Halves([(0.0, 4.0)]) if made == "own" else make_learner([(0.0, 4.0)])
    cut = iter([True])

    def pull(_name: str, value: Value) -> None:
        # A link that is lost in between must neither lose the point nor measure it twice.
        if float(value) > 3 and next(cut, False):
            supply.linked = False

    watched(supply, pull)
    rig = Rig({"supply": supply, "meter": Step(supply)})
    outcome = Engine(QUICK).run(work_for(plan, tmp_path, rig, strategy=strategy))
    assert outcome.path is not None
    data = read_scan(outcome.path)
    taken = data.settings["supply.voltage"]
    assert data.measured == len(set(taken.tolist())) == 25
    assert supply.reconnects == 1
    assert np.mean(np.abs(taken - 3.1) < 0.2) > 0.5
    assert data.readings["meter.current"] == pytest.approx(np.tanh(40 * (taken - 3.1)))
    with pytest.raises(BadInput, match="no grid"):
        data.grid("meter.current")


def test_a_strategy_is_asked_once_for_each_setting() -> None:
    class Counting(Halves):
        asked = 0

        def ask(self) -> tuple[float, ...]:
            self.asked += 1
            return (float(self.asked),)

    strategy = Counting([(0.0, 4.0)])
    source = AskedSettings(adaptive_plan(2), strategy)
    for expected in (1.0, 2.0):
        assert [source.current(), source.current()] == [{"supply.voltage": expected}] * 2
        source.saved(ScanRow({"supply.voltage": expected}, {"meter.current": 0.5}, 0.0))
    assert source.current() is None
    assert strategy.asked == 2


def test_an_adaptive_scan_ends_when_it_knows_enough(tmp_path: Path, rig: Rig) -> None:
    outcome = Engine(QUICK).run(work_for(adaptive_plan(100, 0.11), tmp_path, rig, strategy=Halves([(0.0, 4.0)])))
    assert outcome.path is not None
    assert read_scan(outcome.path).measured == 5


def test_two_axes_have_a_learner_too() -> None:
    pytest.importorskip("adaptive")
    learner = make_learner([(0.0, 1.0), (5.0, 6.0)])
    for _ in range(12):
        x, y = learner.ask()
        assert 0 <= x <= 1
        assert 5 <= y <= 6
        learner.tell((x, y), x * y)
    assert learner.loss() < np.inf
    with pytest.raises(LabctlError, match="cannot choose"):
        learner.tell(learner.ask(), float("nan"))


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(BadInput, match="no strategy 'guess'; there is learner"):
        find_strategy("guess")
