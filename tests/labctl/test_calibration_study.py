"""The calibration study: its plan, what it says of a table, and real runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.plans import standard_plans
from data.errors import BadInput
from data.values import Geometry, Schedule
from labctl.studies.calibration import plan as plans
from labctl.studies.calibration.analysis import Results
from labctl.studies.calibration.compute import compute
from labctl.studies.calibration.coverage import Cases
from labctl.studies.calibration.present import present
from labctl.studies.calibration.truth import EXACT, board_seconds, counterparts
from labctl.studies.points import Point, check_plan
from labctl.studies.registry import find_study
from labctl.studies.runner import run_study

TINY = plans.Scale("tiny", {"quick": 1}, 0, "64x32", 6, 4, 200, ("gain=0.004",))


@pytest.mark.parametrize("scale", [plans.QUICK, plans.FULL])
def test_plans_are_in_order_and_budgets_share_their_boards(scale):
    plan = plans.calibration_plan(scale, 1)
    check_plan(plan.points)
    boards = {
        budget: [p.settings["board"] for p in plan.points if p.key.endswith(f"-{budget}")] for budget in scale.boards
    }
    assert {budget: len(of) for budget, of in boards.items()} == dict(scale.boards)
    assert all(of == boards["quick"][: len(of)] for of in boards.values())
    assert not set(boards["quick"]) & {p.settings["board"] for p in plans.calibration_plan(scale, 2).points}


def test_intervals_are_counted():
    draw = np.random.default_rng(0)
    error = draw.uniform(0.5, 2, 20_000)
    rows = {row["quantity"]: row["value"] for row in Cases(error * draw.normal(size=20_000), error).rows(a="b")}
    assert rows["coverage"] == pytest.approx(0.9, abs=0.01)
    assert rows["root mean square pull"] == pytest.approx(1, abs=0.02)
    narrow = {row["quantity"]: row["value"] for row in Cases(draw.normal(size=20_000), np.full(20_000, 0.5)).rows()}
    assert narrow["coverage"] == pytest.approx(0.589, abs=0.02)
    assert list(Cases(np.full(3, np.nan), np.ones(3)).rows()) == []


def test_coverage_counts_cases_and_not_boards():
    rows = [
        {"board": 1, "budget": "quick", "judgement": "recovery", "parameter": "gain", "quantity": "coverage"} | more
        for more in ({"value": 1.0, "count": 10}, {"board": 2, "value": 0.5, "count": 30})
    ]
    results = Results(pd.DataFrame(rows))
    assert results.coverage("quick", "recovery", "gain") == pytest.approx(25 / 40)
    assert results.judged("coverage", "quick", "recovery", "gain") == {1: 1.0, 2: 0.5}


def comparison(optimal):
    """A table of two boards measured within two budgets; ``optimal`` are the errors within the second one."""

    def rows(board, budget, error, unsure):
        names = {"board": board, "budget": budget}
        yield {**names, "quantity": "ordered residual over noise", "value": 1.03}
        prediction = {**names, "judgement": "prediction", "parameter": "all"}
        yield {**prediction, "quantity": "root mean square error", "value": error, "count": 10}
        yield {**prediction, "quantity": "parameter error", "value": unsure, "count": 10}

    usual = [row for board in (1, 2, 3) for row in rows(board, "quick", 0.4, 0.1)]
    return pd.DataFrame(usual + [row for board, at in optimal.items() for row in rows(board, "optimal", at, 0.08)])


def test_budgets_are_compared_on_the_boards_that_they_share(tmp_path):
    results = Results(comparison({1: 0.44, 2: 0.4}))
    ratios = results.against("quick", "root mean square error", "optimal", "prediction", "all")
    assert ratios == pytest.approx([1.1, 1.0])
    assert results.against("quick", "board seconds", "optimal") == []
    (verdict,) = [line for line in present(comparison({1: 0.44, 2: 0.4}), tmp_path).findings if "against" in line]
    assert "the same 2 boards" in verdict
    assert "0.800 (0.800 to 0.800) times as large" in verdict
    assert "1.050 (1.000 to 1.100) times; it predicts no better on every board" in verdict
    (verdict,) = [line for line in present(comparison({1: 0.39, 2: 0.3}), tmp_path).findings if "against" in line]
    assert verdict.endswith("it predicts better.")


def test_the_truth_is_in_the_words_of_the_model():
    physics, schedule = ("geometry=16x32", "bad=off"), Schedule(spacing_ns=40, sends=2)
    sweeps = standard_plans(Geometry(16, 32), schedule)
    truth = counterparts(3, physics, sweeps, schedule)
    assert set(truth) == set(EXACT)
    assert all(values.shape == (32,) for values in truth.values())
    exact = counterparts(3, (*physics, "all=off"), sweeps, schedule)
    assert np.allclose(exact["gain"], 0.002)
    assert not exact["asymmetry"].any()
    assert not exact["offset"].any()
    assert 0 < board_seconds(sweeps) < 10


def test_an_empty_table_and_an_unknown_point_are_said(tmp_path):
    assert present(pd.DataFrame({"point": []}), tmp_path).findings == ["No board of the study is finished yet."]
    with pytest.raises(BadInput, match="no points of kind odd"):
        compute(Point("a", {"kind": "odd", "board": 1, "budget": "quick"}), tmp_path, {})


def test_the_smallest_study_runs_and_reports(tmp_path: Path) -> None:
    result = run_study(find_study("calibration"), plans.calibration_plan(TINY, 1), tmp_path / "study", workers=1)
    assert result.state.complete, result.state.failed
    assert result.presented is not None
    page = result.folder.report.read_text()
    assert "SIMULATED" in page
    assert "full weights" in page
    results = Results(pd.read_parquet(result.folder.table))
    (board,) = results.boards("quick")
    assert results.of_boards("ordered residual over noise", "quick")[board] < 1.15
    assert results.coverage("quick", "prediction", "all") > 0.75


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_boards_are_described_within_their_noise_and_intervals_hold(tmp_path: Path) -> None:
    scale = replace(plans.QUICK, boards={"quick": 3}, repeated=3)
    result = run_study(find_study("calibration"), plans.calibration_plan(scale, 1), tmp_path / "study")
    assert result.state.complete, result.state.failed
    results = Results(pd.read_parquet(result.folder.table))
    assert max(results.of_boards("ordered residual over noise", "quick").values()) <= 1.15
    assert min(results.of_boards("unordered residual over noise", "quick").values()) > 1.3
    assert 0.85 <= results.coverage("quick", "prediction", "all") <= 0.95
    for parameter in results.parameters("recovery"):
        # Intervals of offsets are too wide: in the results in docs/ they hold 97 % on twenty boards, and more on some.
        most = 0.995 if parameter == "offset" else 0.97
        assert 0.8 <= results.coverage("quick", "recovery", parameter) <= most, parameter
    for parameter in ("asymmetry", "offset", "noise"):
        assert 0.8 <= results.coverage("quick", "counterpart", parameter) <= 0.97, parameter
