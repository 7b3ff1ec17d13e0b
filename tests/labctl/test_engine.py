import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from calibration.plans import baseline
from data.errors import BadInput, LabctlError
from data.metadata import RunMetadata
from data.runfile import read_metadata
from data.sweep import SweepPlan
from data.sweepfile import read_sweep
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from labctl.engine import run_plan

GEOMETRY = Geometry(rows=8, columns=4)


class CountingBoard:
    """Answers each vector with the number of vectors so far, and breaks when it is told to."""

    geometry = GEOMETRY
    identity = Identity("test", "counter", "1", "1", simulated=True)

    def __init__(self, breaks_after: int | None = None) -> None:
        self.done: list[str] = []
        self.vectors = 0
        self._breaks_after = breaks_after

    def program(self, weights: Weights) -> None:
        self.done.append("program")

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        if self._breaks_after is not None and self.vectors >= self._breaks_after:
            raise LabctlError("the link is gone")
        self.done.append("multiply")
        numbers = self.vectors + np.arange(len(activations))
        self.vectors += len(activations)
        return np.repeat(numbers[:, None], 4, axis=1).astype(np.int16)

    def safe(self) -> None:
        self.done.append("safe")


def metadata() -> RunMetadata:
    return RunMetadata.new("test", simulated=True)


@pytest.fixture
def plan() -> SweepPlan:
    points = 10
    return SweepPlan(
        kind="test",
        weights=np.zeros((2, 8, 4), np.int8),
        schedules=(Schedule(),),
        activations=np.zeros((points, 8), np.uint8),
        program=np.repeat([0, 1], points // 2),
        schedule=np.zeros(points, np.intp),
        repeats=3,
    )


def test_every_point_is_measured_in_the_plans_order(plan: SweepPlan, tmp_path: Path) -> None:
    board = CountingBoard()
    heard: list[float] = []
    path = run_plan(plan, board, tmp_path, metadata(), listener=lambda share, _: heard.append(share))
    sweep = read_sweep(path)
    assert sweep.measured == 10
    assert sweep.outputs[:, :, 0].ravel().tolist() == list(range(30))
    assert board.done == ["program", "multiply", "program", "multiply", "safe"]
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert read_metadata(path).status == "complete"


def test_the_points_of_a_batch_have_the_time_at_which_it_was_measured(plan: SweepPlan, tmp_path: Path) -> None:
    began = time.time()
    data = read_sweep(run_plan(plan, CountingBoard(), tmp_path, metadata(), batch_vectors=2 * plan.repeats))
    assert data.times is not None
    batches = [batch.points for batch in plan.batches(2)]
    assert all(len(set(data.times[points])) == 1 for points in batches)
    ends = [data.times[points[0]] for points in batches]
    assert began - 0.01 <= ends[0]
    assert all(one < two for one, two in pairwise(ends))
    assert ends[-1] <= time.time() + 0.01


def test_a_lost_link_leaves_the_board_safe_and_the_rows_kept(plan: SweepPlan, tmp_path: Path) -> None:
    board = CountingBoard(breaks_after=12)
    with pytest.raises(LabctlError, match="link is gone"):
        run_plan(plan, board, tmp_path, metadata(), batch_vectors=6)
    assert board.done[-1] == "safe"
    (path,) = tmp_path.glob("*.h5")
    sweep = read_sweep(path)
    assert sweep.measured == 4
    assert sweep.outputs[:4, :, 0].ravel().tolist() == list(range(12))
    assert read_metadata(path).status == "failed"
    assert "link is gone" in read_metadata(path).message


def test_a_stop_keeps_what_was_measured(plan: SweepPlan, tmp_path: Path) -> None:
    board = CountingBoard()
    path = run_plan(plan, board, tmp_path, metadata(), stop=lambda: board.vectors >= 12, batch_vectors=6)
    assert read_metadata(path).status == "stopped"
    assert read_sweep(path).measured == 4


def test_ctrl_c_is_a_stop_with_the_board_safe(plan: SweepPlan, tmp_path: Path) -> None:
    board = CountingBoard()

    def press(_share: float, _what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, board, tmp_path, metadata(), listener=press)
    assert board.done[-1] == "safe"
    (path,) = tmp_path.glob("*.h5")
    assert read_metadata(path).status == "stopped"


def test_a_plan_that_does_not_fit_sends_nothing(plan: SweepPlan, tmp_path: Path) -> None:
    board = CountingBoard()
    wrong = replace(plan, activations=np.full((10, 8), 32, np.uint8))
    with pytest.raises(BadInput, match="activation 32"):
        run_plan(wrong, board, tmp_path, metadata())
    assert board.done == []
    assert list(tmp_path.iterdir()) == []


def test_the_standard_plans_run(tmp_path: Path) -> None:
    path = run_plan(baseline(GEOMETRY, Schedule(), repeats=5), CountingBoard(), tmp_path, metadata())
    assert read_sweep(path).measured > 0
