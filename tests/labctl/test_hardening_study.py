"""The hardening study: what it says of tables whose answers are known, and the smallest real run."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.errors import BadInput
from labctl.cli import run as labctl
from labctl.studies.hardening import plan as plans
from labctl.studies.hardening.analysis import (
    area,
    board_difference,
    chosen_by_others,
    chosen_coarser,
    chosen_scale,
    chosen_strength,
    constant_less_learned,
    learns_nothing_from,
    midpoint,
    noisy_less_quantised,
    surfaces,
    verdict,
)
from labctl.studies.hardening.boards import with_coarser_steps
from labctl.studies.hardening.compute import compute
from labctl.studies.hardening.findings import (
    against_plain,
    aware_at_same_mean,
    aware_elsewhere,
    best_on_board,
    simulated_winner,
)
from labctl.studies.hardening.names import (
    CONSTANT,
    CUT,
    ELSEWHERE,
    LEARNED,
    MEAN_FACTOR,
    NOISY,
    ON_BOARD,
    ON_MODEL,
    PLAIN,
    TEST,
    VALIDATION,
    VANT,
)
from labctl.studies.hardening.present import present
from labctl.studies.hardening.results import Judged, Results, Way
from labctl.studies.points import Point, check_plan
from labctl.studies.registry import find_study
from labctl.studies.runner import run_study
from models.robustness import Estimate
from tests.labctl.networks import network

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
SEEDS = (1, 2, 3)
KEYWORD_MLP = ("keywords", "mlp")
DIGITS_MLP = ("digits", "mlp")


def curve(level: float, seed: int, strength: float) -> float:
    """Accuracy that falls from 0.9 to 0.1 around the noise ``level``; seeds differ a little."""
    fallen = 0.0 if strength == 0 else 1 / (1 + (level / strength) ** 2)
    return 0.9 - 0.8 * fallen + 0.001 * seed


def judged(subject, arm, level, *, train=0.0, parts=(VALIDATION, TEST), **more):
    """Rows of one network of every seed."""
    data, net = subject
    common = {"data": data, "net": net, "quantity": "accuracy", "arm": arm, "train_strength": train, "chance": 0.1}
    for part in parts:
        for seed in SEEDS:
            for strength in (0.0, *STRENGTHS):
                value = curve(level, seed, strength) + 0.0005 * seed * strength / 10
                where = {"part": part, "seed": seed, "strength": strength, "value": value, "count": 1000}
                yield {**common, **more, **where}


def simulated(subject, *, learned=0.5, constant=1.0, noisy=4.0, aware=1.0):
    """A subject in which quantised networks bear noise ``learned`` and ``constant``, noisy ones ``noisy``.

    Variance-aware networks bear ``aware`` times what noisy ones of the same training strength do, where that is not the
    strength judged at.
    """
    rows = list(judged(subject, PLAIN, 0.3))
    rows += judged(subject, LEARNED, learned, bits=4)
    rows += judged(subject, CONSTANT, constant, bits=4, scale=2.0)
    # Chosen on validation inputs, not on those of the test.
    rows += judged(subject, CONSTANT, constant / 2, bits=4, scale=8.0, parts=(VALIDATION,))
    rows += judged(subject, CONSTANT, 100 * constant, bits=4, scale=8.0, parts=(TEST,))
    for at in STRENGTHS:
        rows += judged(subject, NOISY, noisy * at**0.2, train=at)
        rows += judged(subject, VANT, noisy * aware * at**0.2, train=at)
    return rows


def on_boards(boards=(11,), loud=(0.2, 0.6, 0.55, 0.3)):
    """Accuracies on boards of the arms plain, noisy, vant and constant."""
    for board in boards:
        for seed in SEEDS:
            for arm, value in zip((PLAIN, NOISY, VANT, CONSTANT), loud, strict=True):
                where = {"condition": "loud", "board": board, "seed": seed, "arm": arm, "count": 960}
                shifted = value + 0.002 * seed + 0.001 * (board - 11) + (0.001 * seed if arm == NOISY else 0)
                for coarser in (1, 2) if arm == CONSTANT else (0,):
                    worse = 0.05 * (coarser == 2)
                    yield {**where, "coarser": coarser, "quantity": ON_MODEL, "value": shifted - worse}
                    yield {**where, "coarser": coarser, "quantity": ON_BOARD, "value": shifted + 2 * worse}
                    other = {"quantity": ELSEWHERE, "board_noise": 4.0, "value": shifted + 0.1 * (arm == VANT)}
                    yield {**where, "coarser": coarser, **other}


def results(*rows: dict[str, Any]) -> Results:
    return Results(pd.DataFrame(list(rows)))


@pytest.mark.parametrize("scale", list(plans.SCALES.values()), ids=list(plans.SCALES))
def test_plans_are_in_order_and_every_lesson_has_every_arm(scale):
    plan = plans.hardening_plan(scale, 1)
    check_plan(plan.points)
    keys = {point.key for point in plan.points}
    for lesson in scale.lessons:
        assert {f"{lesson.key}-{arm}" for arm in (NOISY, VANT)} <= keys
        own = [p for p in plan.points if p.key.startswith(f"{lesson.key}-") and p.settings["kind"] == "quantised"]
        assert len(own) == scale.seeds * len(scale.bits)
        assert all(tuple(point.settings["scales"]) == scale.scales[point.settings["bits"]] for point in own)
    seeds = {p.settings["seed"] for p in plan.points if p.settings["kind"] == "quantised"}
    others = {p.settings["seed"] for p in plans.hardening_plan(scale, 2).points if p.settings["kind"] == "quantised"}
    assert len(seeds) == scale.seeds
    assert not seeds & others
    assert plans.plan_of_scope(scale.name, 1, "128x96").points[-1] == plan.points[-1]


def test_the_area_is_the_mean_over_the_logarithm():
    strengths = np.geomspace(0.01, 100, 4001)
    step = (strengths < 1).astype(float)
    assert area(strengths, step[None]) == pytest.approx([0.5], abs=1e-3)
    assert area(np.array([0.1, 1.0, 10.0]), np.array([[1.0, 0.5, 0.0], [0.2, 0.2, 0.2]])) == pytest.approx([0.5, 0.2])


def test_the_midpoint_is_that_of_the_curve():
    table = results(*judged(DIGITS_MLP, PLAIN, 0.3))
    found = table.judged(DIGITS_MLP, Way(PLAIN), TEST)
    assert found is not None
    level = midpoint(found)
    assert level.status == "identified"
    assert level.estimate.value == pytest.approx(0.3, rel=0.1)


def test_scales_are_chosen_on_validation_inputs_alone():
    table = results(*simulated(DIGITS_MLP))
    assert chosen_scale(table, DIGITS_MLP, 4) == Way(CONSTANT, 4, 2.0)
    assert chosen_scale(table, DIGITS_MLP, 8) is None
    (less,) = constant_less_learned(table).values()
    # Logistics an octave apart: of the three decades of the grid an octave more at 0.8 of accuracy, coarsely summed.
    assert less.value == pytest.approx(0.8 * np.log10(2) / 3, rel=0.15)
    (swapped,) = constant_less_learned(results(*simulated(DIGITS_MLP, learned=1.0, constant=0.5))).values()
    assert swapped.value == pytest.approx(-less.value, abs=1e-6)


def test_the_page_says_where_noisy_networks_learn_nothing_and_scales_cut(tmp_path):
    rows = [row for row in simulated(DIGITS_MLP) if not (row["arm"] == NOISY and row["train_strength"] >= 1)]
    # Weak networks at 1 and 10, of which only those without any accuracy count.
    for at, clean in ((1.0, 0.6), (10.0, 0.3)):
        for row in judged(DIGITS_MLP, NOISY, 1.0, train=at):
            rows.append({**row, "value": clean} if row["strength"] == 0 else row)
    assert learns_nothing_from(results(*rows), DIGITS_MLP) == 10.0
    assert learns_nothing_from(results(*simulated(DIGITS_MLP)), DIGITS_MLP) is None
    where = {"data": "digits", "net": "mlp", "arm": LEARNED, "bits": 4, "train_strength": 0.0, "quantity": CUT}
    rows += [
        {**where, "part": part, "seed": seed, "value": 0.1 * seed} for part in (VALIDATION, TEST) for seed in SEEDS
    ]
    assert results(*rows).cut(DIGITS_MLP, Way(LEARNED, 4), TEST) == pytest.approx([0.1, 0.2, 0.3])
    presented = present(pd.DataFrame(rows), tmp_path)
    assert "perceptron on digits from 10" in "".join(presented.findings)
    assert "20.0" in presented.markdown


def test_no_network_helps_to_choose_itself():
    """Candidates that differ by the luck of each training alone, which shows on both parts of the data."""
    rng, strengths = np.random.default_rng(5), np.array([0.1, 1.0])
    gains = []
    for _ in range(400):
        luck = rng.normal(0, 0.02, (6, 4))
        judged = [
            Judged((1, 2, 3, 4), strengths, 0.5 + np.stack([item, item], axis=1), 0.9 + item, 1000, 1000, 0.1)
            for item in luck
        ]
        chosen = chosen_by_others([(item, item) for item in judged])
        assert chosen is not None
        assert chosen.clean - 0.4 == pytest.approx(chosen.values[:, 0])
        gains.append(chosen.values.mean() - 0.5)
    assert np.mean(gains) == pytest.approx(0, abs=4 * 0.02 / np.sqrt(4 * 400))
    one = [item.of_seeds([3]) for item in judged]
    alone = chosen_by_others([(item, item) for item in one])
    assert alone is not None
    assert alone.values[0, 0] == max(item.values[0, 0] for item in one)
    assert chosen_by_others([(one[0], judged[1].of_seeds([2]))]) is None
    assert chosen_by_others([(None, one[0])]) is None


def test_noisy_networks_are_judged_at_the_strength_they_were_trained_at():
    table = results(*simulated(DIGITS_MLP))
    matched = table.matched(DIGITS_MLP, Way(NOISY), TEST)
    assert matched is not None
    assert matched.strengths.tolist() == list(STRENGTHS)
    assert matched.seeds == SEEDS
    for column, at in enumerate(STRENGTHS):
        own = table.judged(DIGITS_MLP, Way(NOISY), TEST, at)
        assert own is not None
        assert np.array_equal(matched.values[:, column], own.values[:, column])
    plain = table.judged(DIGITS_MLP, Way(PLAIN), TEST)
    assert plain is not None
    assert np.array_equal(matched.clean, plain.clean)
    (less,) = noisy_less_quantised(table).values()
    assert less.low > 0
    assert chosen_strength(table, DIGITS_MLP, NOISY) == 10.0


def test_variance_aware_training_is_compared_away_from_its_strength():
    better, worse = (surfaces(results(*simulated(DIGITS_MLP, aware=by)), DIGITS_MLP) for by in (1.5, 0.5))
    assert better is not None
    assert worse is not None
    assert better.away().low > 0 > worse.away().high
    # Only what lies off the diagonal counts as away, and nothing further than a decade.
    less = np.zeros((3, 4, 4))
    less[:, range(4), range(4)] = 1.0
    assert replace(better, less=less).away().value == 0
    assert replace(better, less=less).mean(0.99, 1.01).value == 1
    less = np.zeros((3, 4, 4))
    less[:, 0, 2:] = less[:, 1, 3] = 1.0
    assert replace(better, less=less).away().value == 0


def test_a_lower_mean_of_the_strengths_alone_is_not_a_gain_of_the_spread():
    """Networks whose accuracy falls linearly with the logarithm of the training strength, however judged."""

    def rows(arm, factor):
        for at in STRENGTHS:
            for row in judged(DIGITS_MLP, arm, 1.0, train=at):
                yield {**row, "value": 0.5 - 0.05 * np.log10(factor * at) + 0.001 * row["seed"]}

    table = [*judged(DIGITS_MLP, PLAIN, 0.3), *rows(NOISY, 1.0)]
    lower, spread = (results(*table, *rows(VANT, MEAN_FACTOR * more)) for more in (1.0, 0.1))
    plain = surfaces(lower, DIGITS_MLP)
    assert plain is not None
    assert plain.away().value == pytest.approx(-0.05 * np.log10(MEAN_FACTOR))
    assert aware_at_same_mean(lower)["perceptron on digits"].value == pytest.approx(0, abs=1e-9)
    assert aware_at_same_mean(spread)["perceptron on digits"].value == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0.1, 0.3), (0.1, 0.2)], "found"),
        ([(0.1, 0.3), (0.1, 0.2), (-0.1, 0.2)], "found"),
        ([(0.1, 0.3), (-0.1, 0.2)], "undecided"),
        ([(0.1, 0.3), (0.1, 0.2), (-0.3, -0.1)], "undecided"),
        ([(-0.3, -0.1), (-0.3, -0.1), (-0.1, 0.2)], "not found"),
        ([(-0.1, 0.1)], "undecided"),
        ([(float("-inf"), float("inf"))], "undecided"),
    ],
)
def test_verdicts(intervals, expected):
    found = {str(i): Estimate((low + high) / 2, low, high, 3) for i, (low, high) in enumerate(intervals)}
    assert verdict(found) == expected


def test_boards_are_compared_cell_by_cell():
    table = results(*on_boards())
    assert chosen_coarser(table, "loud", CONSTANT) == 1, "the test voices prefer 2, the validation voices 1"
    less = against_plain(table, NOISY)["loud"]
    assert less.value == pytest.approx(0.402)
    assert less.low > 0.39
    assert best_on_board(table, "loud") == NOISY
    assert table.other_noises("loud") == [4.0]
    (elsewhere,) = aware_elsewhere(table).values()
    assert elsewhere.value == pytest.approx(0.55 + 0.1 - 0.602)
    one = {(11, seed): 0.5 for seed in SEEDS}
    assert board_difference(one, {}) is None
    several = {(board, seed): 0.5 + 0.1 * (board - 12) for board in (11, 12, 13) for seed in SEEDS}
    nothing = dict.fromkeys(several, 0.5)
    found = board_difference(several, nothing)
    assert found is not None
    assert found.low < 0 < found.high, "boards differ, however many seeds there are on each"


def test_the_winner_of_the_simulation_is_asked_for_on_the_board(tmp_path):
    rows = [*simulated(KEYWORD_MLP), *on_boards()]
    assert simulated_winner(results(*rows)) == NOISY
    findings = present(pd.DataFrame(rows), tmp_path).findings
    assert any(line.startswith("Hardening that wins in simulation wins on the board: found.") for line in findings)
    lost = present(pd.DataFrame([*simulated(KEYWORD_MLP), *on_boards(loud=(0.6, 0.2, 0.5, 0.3))]), tmp_path).findings
    (line,) = [line for line in lost if line.startswith("Hardening that wins")]
    assert line.startswith("Hardening that wins in simulation wins on the board: not found.")
    assert line.endswith("Best on the board of all arms: loud: plain.")
    second = present(pd.DataFrame([*simulated(KEYWORD_MLP), *on_boards(loud=(0.2, 0.5, 0.6, 0.3))]), tmp_path).findings
    (line,) = [line for line in second if line.startswith("Hardening that wins")]
    assert line.startswith("Hardening that wins in simulation wins on the board: not found."), "vant is better there"
    assert "above in 1 of 1 (loud +30.2" in line, "though it is above plain training"
    other = results(*simulated(KEYWORD_MLP, noisy=0.2, constant=3.0), *on_boards())
    assert simulated_winner(other) == CONSTANT
    assert simulated_winner(results(*(row for row in rows if row["arm"] != VANT))) is None, "not all arms are there"


def test_the_page_says_what_was_found_either_way(tmp_path):
    subjects = (DIGITS_MLP, KEYWORD_MLP)
    rows = [row for subject in subjects for row in simulated(subject)]
    presented = present(pd.DataFrame([*rows, *on_boards()]), tmp_path)
    page = presented.page.html()
    assert "SIMULATED" in page
    assert "loud: noisy: the measured noise" in page, "what no calibration measured is not told"
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "boards.png",
        "curves.png",
        "scales.png",
        "variance-aware.png",
    ]
    assert presented.findings[0].startswith("Constant scales more robust than learned ones: found.")
    claims: Any = presented.document["claims"]
    assert claims["noisy above quantised"]["verdict"] == "found"
    swapped = [row for subject in subjects for row in simulated(subject, learned=1.0, constant=0.5, noisy=0.2)]
    other = present(pd.DataFrame(swapped), tmp_path)
    assert other.findings[0].startswith("Constant scales more robust than learned ones: not found.")
    assert other.findings[1].startswith("Noisy training above quantisation-aware training: not found.")


@pytest.mark.parametrize("count", [0, 1, 40, 120])
def test_a_table_that_lacks_points_is_reported_too(count, tmp_path):
    rows = [*simulated(DIGITS_MLP), *on_boards()][:count]
    table = pd.DataFrame(rows if rows else {"point": []})
    assert present(table, tmp_path).findings
    assert present(pd.DataFrame(list(on_boards())), tmp_path).findings[0].startswith("Training with measured noise")


def test_coarser_steps_change_nothing_but_shifts_of_hidden_layers():
    before = network()
    after = with_coarser_steps(before, 2)
    *hidden, last = zip(before.layers, after.layers, strict=True)
    assert hidden
    assert all(new.shift == old.shift + 2 for old, new in hidden)
    assert last[0].shift == last[1].shift
    assert all(np.array_equal(old.weights, new.weights) for old, new in (*hidden, last))


def test_a_study_is_quick_or_medium(capsys):
    assert labctl(["study", "hardening", "--quick", "--medium"]) == 2
    assert "quick or medium, not both" in capsys.readouterr().err


def test_an_unknown_point_is_said(tmp_path):
    with pytest.raises(BadInput, match="no points of kind odd"):
        compute(Point("a", {"kind": "odd"}), tmp_path, {})


TINY = plans.Scale(
    name="tiny",
    lessons=(plans.Lesson("digits", "mlp", 3, 128, 5e-3),),
    seeds=2,
    strengths=(0.1, 0.5, 3.0),
    bits=(4,),
    scales=MappingProxyType({4: (0.25, 1.0)}),
    draws=1,
    speech="tiny",
    boards=replace(
        plans.QUICK.boards,
        conditions=(plans.LOUD,),
        seeds=1,
        geometry="128x24",
        hidden=(12,),
        float_epochs=20,
        epochs=2,
        utterances=192,
        coarser=(1,),
    ),
)


@pytest.mark.parametrize("bits", [4, 8])
def test_learned_scales_follow_the_activations(bits, tmp_path):
    (lesson,) = [lesson for lesson in plans.QUICK.lessons if lesson.key == "digits-mlp"]
    settings = {"lesson": asdict(lesson), "strengths": (0.1, 1.0), "draws": 1, "bits": bits, "scales": (), "seed": 1501}
    rows = list(compute(Point("a", {"kind": "quantised", **settings}), tmp_path, {}))
    cut = {row["part"]: row["value"] for row in rows if row["quantity"] == CUT}
    assert set(cut) == {VALIDATION, TEST}
    assert max(cut.values()) < 0.1, "it was left behind, and the network it is compared for is a crippled one"


def test_the_smallest_study_runs_and_reports(tmp_path: Path) -> None:
    result = run_study(find_study("hardening"), plans.hardening_plan(TINY, 1), tmp_path / "study", workers=1)
    assert result.state.complete, result.state.failed
    assert result.presented is not None
    table = Results(pd.read_parquet(result.folder.table))
    plain = table.judged(DIGITS_MLP, Way(PLAIN), TEST)
    assert plain is not None
    assert np.all(plain.clean > 0.5)
    assert np.all(plain.values[:, -1] < 0.4)
    assert {way.arm for way in table.ways(DIGITS_MLP)} == {PLAIN, NOISY, VANT, LEARNED, CONSTANT}
    assert len(table.on_board("loud", NOISY)) == len(table.elsewhere("loud", 1.4, NOISY)) == 1
    assert table.other_noises("loud") == [1.4, 4.0]
    assert "On the board" in result.folder.report.read_text()
