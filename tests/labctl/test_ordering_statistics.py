"""What the ordering study makes of its figures: intervals for other boards and seeds, and sentences that fit them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labctl.studies.ordering.analysis import Difference, Spread, crossed_error, difference, spread, verdicts
from labctl.studies.ordering.present import present

SEEDS = (1, 2, 3)


def test_spread_tells_seeds_from_boards() -> None:
    found = spread({(1, 1): 0.1, (1, 2): 0.3, (2, 1): 0.5, (2, 2): 0.7})
    assert found.mean == pytest.approx(0.4)
    assert found.seeds == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert found.boards == pytest.approx(np.std([0.2, 0.6], ddof=1))
    assert np.isnan(spread({(1, 1): 0.1}).seeds)


@pytest.mark.parametrize("turned", [False, True], ids=["boards", "seeds"])
def test_where_only_boards_or_only_seeds_differ_the_interval_is_that_of_their_means(turned: bool) -> None:
    means = np.array([0.1, 0.4, 0.2, 0.7])
    grid = np.repeat(means[:, None], 3, axis=1)
    error, freedom = crossed_error(grid.T if turned else grid)
    assert error == pytest.approx(stats.sem(means))
    assert freedom == pytest.approx(3)


def test_degrees_of_freedom_are_at_least_those_of_the_fewer() -> None:
    """Mean squares 1 of boards and seeds and 0.99 of the rest: Satterthwaite's formula alone gives 0.51."""
    boards, seeds = np.array([[1], [-1]]) * np.sqrt(1 / 6), np.array([[1, 0, -1]]) * np.sqrt(1 / 2)
    rest = np.array([[1, 0, -1], [-1, 0, 1]]) * np.sqrt(0.99 / 2)
    error, freedom = crossed_error(0.7 + boards + seeds + rest)
    assert error == pytest.approx(np.sqrt(1.01 / 6))
    assert freedom == 1


def test_intervals_hold_for_other_boards_and_seeds() -> None:
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(2000):
        grid = 1.0 + rng.normal(0, 1.0, (3, 1)) + rng.normal(0, 1.0, (1, 3)) + rng.normal(0, 1.0, (3, 3))
        cells = {(board, seed): float(grid[board, seed]) for board in range(3) for seed in range(3)}
        found = difference(cells, dict.fromkeys(cells, 0.0))
        inside.append(abs(found.spread.mean - 1.0) < found.half_width)
    assert 0.93 < np.mean(inside) <= 0.995
    naive = stats.t.ppf(0.975, 8) / 3
    assert naive * np.std(grid, ddof=1) < found.half_width


def test_a_difference_is_taken_pair_by_pair() -> None:
    base = {(1, 1): 0.1, (1, 2): 0.9, (2, 1): 0.5, (2, 2): 0.3}
    noise = {(1, 1): 0.001, (1, 2): -0.001, (2, 1): -0.001, (2, 2): 0.001}
    better = difference({cell: base[cell] + 0.02 + noise[cell] for cell in base} | {(3, 3): 0.0}, base)
    assert (better.above, better.spread.count) == (4, 4)
    assert better.spread.mean == pytest.approx(0.02)
    assert better.half_width < 0.02
    one_board = difference({(1, 1): 0.3, (1, 2): 1.2}, base)
    assert np.isnan(one_board.half_width)
    assert one_board.chance == 1.0


def with_chance(chance: float, mean: float) -> Difference:
    """A difference of this mean and two-sided probability."""
    error = abs(mean) / float(stats.t.isf(chance / 2, 4))
    return Difference(Spread(mean, 0.0, 0.0, 9), 9, error, 4.0)


def test_a_family_is_judged_as_a_whole() -> None:
    """Holm: the smallest against 5 % / 4, the next against 5 % / 3, and none after the first that fails."""
    family = [with_chance(p, m) for p, m in ((0.016, -1.0), (0.01, 1.0), (0.03, 1.0), (0.026, 1.0))]
    assert verdicts(family) == ["worse", "better", "not told apart", "not told apart"]
    assert verdicts([with_chance(0.03, 1.0)]) == ["better"]
    assert verdicts([with_chance(0.03, 1.0)] * 2) == ["not told apart"] * 2


def table(gain: float) -> pd.DataFrame:
    """Results in which the ordered arm is better by ``gain``, and loses a tenth in the other order."""
    rng = np.random.default_rng(3)
    rows = []
    for board in (1, 2, 3):
        for seed in SEEDS:
            where = {"condition": "leaky", "board": board, "seed": seed}
            for arm, base in (("unordered", 0.6), ("ordered", 0.6 + gain)):
                value = base + 0.01 * board + 0.002 * rng.normal()
                own = {**where, "arm": arm, "order": "ascending", "value": value}
                rows += [{**own, "quantity": name} for name in ("accuracy", "accuracy in order")]
                rows.append({**own, "order": "descending", "value": value - 0.1, "quantity": "accuracy in order"})
                rows += [
                    {**own, "value": value + 0.02, "quantity": f"accuracy in order, {model} model"}
                    for model in ("ordered", "unordered")
                ]
                rows.append({**where, "arm": arm, "layer": 1, "value": 0.5, "quantity": "non-associativity"})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("gain", "word"), [(0.05, "better"), (-0.05, "worse"), (0.0, "not told apart")])
def test_sentences_say_what_the_figures_say(gain: float, word: str, tmp_path: Path) -> None:
    found = present(table(gain), tmp_path)
    assert (
        f"order-blind one, in points on the board with 95 % intervals: {word} in 1 of 1 conditions" in found.findings[0]
    )
    assert f"(leaky {100 * gain:+.0f}." in found.findings[0] or gain == 0
    assert any("loss in 1 of 1 conditions (leaky -10.0 [-10.0, -10.0])" in line for line in found.findings)
    assert any("leaky 2.0 and 2.0" in line for line in found.findings)


def test_what_is_written_is_markdown_of_the_same_content(tmp_path: Path) -> None:
    found = present(table(0.05), tmp_path)
    lines = found.markdown.splitlines()
    assert lines[0].startswith("# What the order of events costs")
    tables = [line for line in lines if line.startswith("|")]
    assert tables
    for before, after in pairwise(tables):
        if after.startswith("| ---"):
            assert before.count("|") == after.count("|")
    assert found.page.html().count("<h2>") == sum(line.startswith("## ") for line in lines)


def test_an_empty_study_says_so(tmp_path: Path) -> None:
    empty = pd.DataFrame([{"quantity": "test utterances", "value": 96.0}])
    assert present(empty, tmp_path).findings == ["No cell of the study is finished yet."]
