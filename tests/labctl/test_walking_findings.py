from __future__ import annotations

import json
from functools import cache
from math import inf, nan
from pathlib import Path

import pandas as pd
import pytest

from labctl.report.plots import drawing
from labctl.studies.walking.comparisons import late_over_early, noisy_over_clean, normed_over_plain
from labctl.studies.walking.figures import _label_decades
from labctl.studies.walking.findings import Finding, conclusions, find, judge
from labctl.studies.walking.names import ADDITIVE, EVERYWHERE, EXECUTED, LEVEL_EXECUTED, MULTIPLICATIVE
from labctl.studies.walking.present import present
from labctl.studies.walking.published import EVERYWHERE_LEVELS, LAYER_LEVELS
from labctl.studies.walking.results import Results, Setup
from labctl.studies.walking.tables import published
from models.robustness import Estimate
from tests.labctl.walkingtable import POINTS, Truth, known_table

KNOWN = Truth()
PLAIN = Setup("digits", "mlp", False, ADDITIVE)


@cache
def results_of(truth: Truth) -> Results:
    return Results(known_table(truth))


@cache
def findings_of(truth: Truth) -> list[Finding]:
    return find(results_of(truth))


def answer(truth: Truth, words: str) -> Finding:
    (finding,) = [item for item in findings_of(truth) if words in item.claim]
    return finding


CLAIMS = {
    "Under additive noise early layers": Truth(levels=tuple(reversed(KNOWN.levels))),
    "additive noise everywhere raises": Truth(raised=0.4),
    "multiplicative noise at a point raises": Truth(raised=0.4),
    "weights in front": Truth(grown=0.5),
    "signal over noise": Truth(grown=0.5),
    "closer to two levels": Truth(explained=0.6),
    "Signs alone": Truth(signs=0.2),
    "On and off": Truth(signs=0.2),
    "survive": Truth(left=0.1),
    "Batch norm lowers the midpoint of additive": Truth(normed=2.0),
    "Batch norm lowers the midpoint of multiplicative": Truth(normed=2.0),
    "tailored": Truth(gain=-0.05),
}


@pytest.mark.parametrize("words", list(CLAIMS))
def test_what_is_there_is_found(words: str) -> None:
    found = answer(KNOWN, words)
    assert found.answer == "found"
    assert found.opposite == 0
    assert f"found (clearly so in {found.clearly} of {found.total}" in str(found)


@pytest.mark.parametrize("words", list(CLAIMS))
def test_the_opposite_is_not_found(words: str) -> None:
    assert answer(CLAIMS[words], words).answer == "not found"


@pytest.mark.parametrize(
    "words",
    ["additive noise early layers", "additive noise everywhere raises", "Batch norm lowers the midpoint of additive"],
)
def test_what_scatters_more_than_it_differs_is_undecided(words: str) -> None:
    vague = Truth(levels=(1.0,) * 6, raised=1.0, normed=1.0, everywhere=1.0, scatter=0.3)
    assert answer(vague, words).answer == "undecided"


def test_answers_follow_the_counts_alone() -> None:
    yes, no, open_ = Estimate(2.0, 1.5, 3.0, 3), Estimate(0.5, 0.3, 0.8, 3), Estimate(nan, 0.0, inf, 3)
    for items, expected in (
        ([yes, yes, open_], "found"),
        ([yes, open_, open_], "undecided"),
        ([yes, yes, no], "undecided"),
        ([yes, no, no], "undecided"),
        ([no, no, open_], "not found"),
        ([no, open_, open_], "undecided"),
        ([open_], "undecided"),
        ([], "undecided"),
    ):
        assert judge("It is so", items, 1.0).answer == expected
    assert str(judge("It is so", [], 1.0)) == "It is so: undecided, nothing was compared."


def test_comparisons_find_the_known_ratios() -> None:
    results = results_of(KNOWN)
    early = late_over_early(results, PLAIN)
    assert early is not None
    assert early.value == pytest.approx((5.0 * 10.0 / (0.3 * 0.5)) ** 0.5, rel=0.15)
    assert early.low < 18.26 < early.high
    ratios = noisy_over_clean(results, PLAIN)
    assert list(ratios) == [EVERYWHERE, *POINTS]
    assert all(ratio.value == pytest.approx(3.0, rel=0.25) for ratio in ratios.values())
    for ratio in normed_over_plain(results, "clean").values():
        assert ratio.value == pytest.approx(0.5, rel=0.2)


def test_the_strongest_bearable_noise_is_the_last_above_half() -> None:
    results = Results(known_table(KNOWN.but(left=0.1)))
    # Midpoints of 0.9 and 30: the strengths below them that were tried.
    assert results.strongest_bearable(PLAIN, "input") == 0.3
    assert results.strongest_bearable(PLAIN, "out") in (10.0, 30.0)
    assert results_of(KNOWN).strongest_bearable(PLAIN, "input") == 1e10


def test_extreme_strengths_have_no_part_in_midpoints() -> None:
    kept, lost = (Results(known_table(KNOWN.but(left=left))) for left in (0.95, 0.1))
    assert kept.midpoint(PLAIN, "noisy", "fc1") == lost.midpoint(PLAIN, "noisy", "fc1")


def test_published_midpoints_stand_beside_those_of_the_same_network_and_data() -> None:
    header, rows = published(Results(known_table(KNOWN.but(data="mnist"))))
    assert header[1:3] == ["here", "published"]
    # Noise everywhere with and without batch norm; a network of six points has no counterpart for its points.
    assert [row[2] for row in rows] == ["0.471", "0.35"]
    assert rows[0][3].startswith("0.6")
    assert published(results_of(KNOWN))[1] == []


def test_published_levels_are_as_many_as_the_networks_have_points() -> None:
    points = {("mlp", False): 8, ("mlp", True): 11, ("lenet5", False): 12, ("lenet5", True): 16}
    assert LAYER_LEVELS.keys() == EVERYWHERE_LEVELS.keys()
    for (_, net, batch_norm), levels in LAYER_LEVELS.items():
        assert len(levels) == points[net, batch_norm]


def test_the_report_says_what_was_found_with_intervals(tmp_path: Path) -> None:
    presented = present(known_table(KNOWN), tmp_path)
    assert "early layers are more sensitive than late ones: found" in presented.markdown
    assert "nothing is compared" in presented.markdown
    assert {path.stem for path in tmp_path.iterdir()} >= {"midpoints-additive", "everywhere-multiplicative", "levels"}
    document = json.loads(json.dumps(presented.document))
    level = document["midpoints"][str(PLAIN)]["clean"]["out"]
    assert level["interval"][0] < 10.0 < level["interval"][1]
    assert {item["answer"] for item in document["findings"]} == {"found"}


def test_networks_that_no_execution_was_repeated_for_are_named(tmp_path: Path) -> None:
    table = known_table(KNOWN)
    normed = table["batch_norm"].astype(bool) & table["quantity"].isin([EXECUTED, LEVEL_EXECUTED])
    text = present(table[~normed], tmp_path).markdown
    assert "Not for mlp on digits, batch norm: the midpoint of noise everywhere is not identified" in text
    assert "Not for" not in present(table, tmp_path).markdown


def test_batch_norm_is_judged_for_each_noise_apart() -> None:
    plain, normed = (known_table(KNOWN.but(normed=normed)) for normed in (2.0, 0.5))
    table = pd.concat([plain[plain["noise"] == ADDITIVE], normed[normed["noise"] == MULTIPLICATIVE]])
    answers = {item.claim.split()[6]: item.answer for item in find(Results(table)) if "Batch norm" in item.claim}
    assert answers == {"additive": "not found", "multiplicative": "found"}


def test_a_table_without_networks_makes_a_page(tmp_path: Path) -> None:
    table = pd.DataFrame([{"point": "keywords", "data": "keywords", "quantity": "test samples", "value": 96.0}])
    presented = present(table, tmp_path)
    assert presented.findings == ["No network of the study is finished yet."]
    assert conclusions(Results(pd.DataFrame({"point": []}))) == ["No network of the study is finished yet."]


def test_half_a_table_makes_a_page(tmp_path: Path) -> None:
    table = known_table(KNOWN)
    clean = table[table["trained"] == "clean"]
    assert "undecided, nothing was compared" in present(clean, tmp_path).markdown
    assert present(table[table["trained"] == "noisy"], tmp_path).findings


@pytest.mark.parametrize(("low", "high"), [(1.2, 8.0), (0.3, 5.0), (0.2, 900.0)])
def test_an_axis_of_any_width_has_numbers(low: float, high: float) -> None:
    with drawing(3, 2) as figure:
        axes = figure.subplots()
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        _label_decades(axes)
        ticks = axes.yaxis.get_majorticklocs()
    assert len([tick for tick in ticks if low <= tick <= high]) >= 2
