"""The ordering study: event orders and their search where the answers are known, and the smallest real run."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.errors import BadInput
from data.values import Activations, Outputs, Schedule
from labctl.cli import run as labctl
from labctl.studies.folder import StudyFolder
from labctl.studies.ordering import plan as plans
from labctl.studies.ordering.benches import JUDGING, draw_noise_afresh, open_study_bench
from labctl.studies.ordering.judging import Candidate, judge_by_turns
from labctl.studies.ordering.orders import RULES, BlockOrders, decide, ruled_orders
from labctl.studies.ordering.search import search_orders
from labctl.studies.points import check_plan
from models.chip import ChipModel
from models.network import run
from models.networkfile import load_network
from models.parameters import ChipParameters
from models.samples import Samples
from tests.labctl.networks import GEOMETRY, network

LEAKY = plans.Condition("leaky", ("line=off", "voltage=off"))
TINY = replace(
    plans.QUICK,
    name="tiny",
    conditions=(LEAKY, plans.reversed_order(LEAKY)),
    boards=1,
    seeds=1,
    geometry="128x136",
    size="tiny",
    float_epochs=30,
    epochs=1,
    utterances=320,
    board_epochs=1,
    board_utterances=128,
    searched=32,
    tries=10,
    probed=3,
)


def chip(leak_ns: float | None) -> ChipParameters:
    rng = np.random.default_rng(5)
    blind = replace(ChipParameters.ideal(GEOMETRY, 0.01), offset=rng.normal(0, 3, 12))
    if leak_ns is None:
        return blind
    return replace(blind, ordered=True, terms=frozenset({"leak"}), tau_membrane_ns=np.full(12, leak_ns))


def utterances() -> Samples:
    rng = np.random.default_rng(7)
    activations = rng.integers(0, 32, (60, 40)).astype(np.uint8)
    return Samples(activations, run(network(), ChipModel(chip(None)), activations).decisions)


def all_orders(orders: BlockOrders) -> list[list[int]]:
    return [order.tolist() for layer in orders for order in layer]


def test_the_search_is_never_worse_than_ascending_and_gives_permutations() -> None:
    found = search_orders(network(), chip(300.0), utterances(), tries=60, seed=1)
    assert found.loss <= min(found.ruled.values())
    assert found.loss < 0.95 * found.ruled["ascending"]
    assert found.changes > 0
    assert all(sorted(order) == list(range(16)) for order in all_orders(found.orders))
    again = search_orders(network(), chip(300.0), utterances(), tries=60, seed=1)
    assert all_orders(again.orders) == all_orders(found.orders)


def test_the_loss_is_that_of_the_network_on_the_model() -> None:
    samples = utterances()
    found = search_orders(network(), chip(300.0), samples, tries=0, seed=1)
    logits = run(network(), ChipModel(chip(300.0)), samples.activations).logits.astype(np.float64)
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found.ruled["ascending"] == pytest.approx(-np.log(chance[np.arange(60), samples.labels]).mean(), rel=1e-5)


def test_orders_found_step_by_step_have_the_loss_that_they_have_at_once() -> None:
    samples, leaky = utterances(), chip(300.0)
    found = search_orders(network(), leaky, samples, tries=60, seed=1)
    one_block = replace(network().layers[1], schedule=Schedule(settle_ns=0).with_order(found.orders[1][0]))
    decisions = decide(network(), ChipModel(leaky), samples.activations, found.orders)
    assert np.mean(decisions == samples.labels) >= np.mean(
        run(network(), ChipModel(leaky), samples.activations).decisions == samples.labels
    )
    in_layer_2 = (ruled_orders(network(), "ascending")[0], found.orders[1])
    reference = run(replace(network(), layers=(network().layers[0], one_block)), ChipModel(leaky), samples.activations)
    assert np.array_equal(decide(network(), ChipModel(leaky), samples.activations, in_layer_2), reference.decisions)


def test_where_order_means_nothing_the_search_finds_nothing() -> None:
    found = search_orders(network(), chip(None), utterances(), tries=30, seed=1)
    assert found.loss == found.ruled["ascending"]
    assert found.changes == 0


def test_rules_order_rows_as_they_say() -> None:
    net = network()
    for rule in RULES:
        assert all(sorted(order) == list(range(16)) for order in all_orders(ruled_orders(net, rule)))
    used = net.layers[0].splits[1]
    sums = net.layers[0].weights[:used].astype(int).sum(axis=1)
    by_weight = ruled_orders(net, "by weight")[0][0][:used]
    assert np.all(np.diff(sums[by_weight]) >= 0)
    positive = sums[ruled_orders(net, "interleaved")[0][0][:used]] >= 0
    turns = np.flatnonzero(np.diff(positive.astype(int)))
    longest = np.diff(np.concatenate([[-1], turns, [used - 1]])).max()
    more, fewer = max(positive.sum(), (~positive).sum()), min(positive.sum(), (~positive).sum())
    assert longest <= np.ceil(more / fewer)


def test_block_orders_must_fit_the_network() -> None:
    with pytest.raises(BadInput, match="one event order for each block"):
        decide(network(), ChipModel(chip(None)), np.zeros((2, 40), np.uint8), ruled_orders(network(), "ascending")[:1])


def test_judging_by_turns_counts_every_utterance_once_for_every_candidate() -> None:
    samples, leaky = utterances(), chip(300.0)
    some = Samples(samples.activations[:51], samples.labels[:51])
    orders = {rule: ruled_orders(network(), rule) for rule in RULES}
    candidates = [Candidate("ordered", rule, network(), own) for rule, own in orders.items()]
    found = judge_by_turns(candidates, ChipModel(leaky), some)
    right = [decide(network(), ChipModel(leaky), some.activations, own) == some.labels for own in orders.values()]
    assert [item.value for item in found] == [float(np.mean(each)) for each in right]
    assert {item.count for item in found} == {51}


def test_a_board_that_drifts_favours_no_candidate() -> None:
    class Tiring(ChipModel):
        """Gives less and less: a share lost with every vector."""

        sent = 0

        def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
            share = max(0.0, 1.0 - self.sent / 3000)
            self.sent += len(activations)
            return (super().multiply(activations, schedule) * share).astype(np.int16)

    same = [Candidate("ordered", str(n), network(), ruled_orders(network(), "ascending")) for n in range(4)]
    by_turns = [item.value for item in judge_by_turns(same, Tiring(chip(None)), utterances())]
    tired = Tiring(chip(None))
    in_a_row = [
        float(np.mean(decide(c.network, tired, utterances().activations, c.orders) == utterances().labels))
        for c in same
    ]
    assert np.ptp(by_turns) < 0.5 * np.ptp(in_a_row)


@pytest.mark.parametrize("scale", [plans.QUICK, plans.FULL], ids=lambda scale: scale.name)
def test_plans_hold_together(scale: plans.Scale) -> None:
    plan = plans.ordering_plan(scale, seed=3)
    check_plan(plan.points)
    cells = [point for point in plan.points if point.settings["kind"] == "judging"]
    assert len(cells) == len(scale.conditions) * scale.boards * scale.seeds
    assert scale.seeds >= 3
    chips = {(p.settings["condition"]["name"], p.settings["board"]) for p in cells}
    assert len(chips) == len(scale.conditions) * scale.boards
    others = plans.ordering_plan(scale, seed=4).points
    assert not {p.settings.get("board") for p in cells} & {p.settings["board"] for p in others if "board" in p.settings}


def study(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert labctl(["study", *arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.timeout(400)
def test_the_smallest_real_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "QUICK", TINY)
    command = ["ordering", "--quick", "--workers", "1", "-o", str(tmp_path)]
    found = study(capsys, tmp_path, *command)
    assert found["complete"]
    assert found["simulated"]
    assert all(set(found["accuracy"][condition]) == set(plans.ARMS) for condition in ("leaky", "leaky-reversed"))
    assert set(found["prediction_error"]["leaky"]) == {"ordered", "unordered"}
    check_table(pd.read_parquet(found["files"]["table"]))
    check_orders(tmp_path / "points")
    report = Path(found["files"]["report"]).read_text(encoding="utf-8")
    assert "SIMULATED" in report
    assert report.count("<figure>") == 6
    assert study(capsys, tmp_path, *command) == found
    assert study(capsys, tmp_path, "status", str(tmp_path))["done"] == 7
    assert study(capsys, tmp_path, "report", str(tmp_path), "--to", str(tmp_path / "docs")) == found
    check_published(tmp_path / "docs", Path(found["files"]["table"]))
    assert labctl(["study", *command, "--seed", "2"]) == 2


def check_table(table: pd.DataFrame) -> None:
    losses = table[table["quantity"] == "training loss on the ordered model"].pivot_table(
        index=["condition", "arm"], columns="order", values="value"
    )
    assert (losses["optimised"] <= losses.min(axis=1)).all()
    layers = table[table["quantity"] == "non-associativity"]
    assert (layers[layers["layer"] == 1]["value"] > 0.1).all()
    own = table[(table["quantity"] == "accuracy") & (table["arm"] != "float")]
    assert dict(zip(own["condition"], own["order"], strict=True)) == {
        "leaky": "ascending",
        "leaky-reversed": "descending",
    }
    gains = table[table["quantity"].str.startswith("row gains")].set_index("quantity")["value"]
    assert gains["row gains of the unordered model, last over first"] > 1.2
    assert gains["row gains of the ordered model, last over first"] == pytest.approx(1.0, abs=0.1)


def check_orders(points: Path) -> None:
    """Networks of a reversed condition are made to be sent in descending order; both use one calibration."""
    for condition, order in (("leaky", range(128)), ("leaky-reversed", range(127, -1, -1))):
        (folder,) = points.glob(f"{condition}-board-*-seed-????")
        for arm in plans.ARMS:
            layers = load_network(folder / f"{arm}.safetensors").network.layers
            assert {layer.schedule.order for layer in layers} == {tuple(order)}
    assert len(list(points.glob("*-board-????"))) == 1


def check_published(docs: Path, table: Path) -> None:
    text = (docs / "README.md").read_text(encoding="utf-8")
    assert "(SIMULATED)" in text
    pictures = re.findall(r"\(pictures/([a-z-]+\.png)\)", text)
    assert sorted(pictures) == sorted(picture.name for picture in (docs / "pictures").iterdir())
    assert len(pictures) == 6
    assert (docs / "table.parquet").read_bytes() == table.read_bytes()


def test_there_is_no_report_of_a_study_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StudyFolder(tmp_path).begin(plans.ordering_plan(plans.QUICK, seed=1))
    assert labctl(["study", "report", str(tmp_path)]) == 2
    assert "no finished point" in capsys.readouterr().err


def test_trial_noise_is_drawn_afresh_for_each_seed_and_the_same_for_one(tmp_path: Path) -> None:
    settings = {"condition": asdict(plans.DEFAULT), "geometry": "16x16", "board": 7}

    def outputs(seed: int) -> Outputs:
        with open_study_bench(settings, tmp_path) as bench:
            draw_noise_afresh(bench.board, bench.schedule, seed, JUDGING)
            bench.board.program(np.full((16, 16), 20, np.int8))
            return bench.board.multiply(np.full((50, 16), 15, np.uint8), bench.schedule)

    first, again, other = outputs(1), outputs(1), outputs(2)
    assert np.array_equal(first, again)
    assert np.mean(first != other) > 0.3
    assert abs(first.mean() - other.mean()) < 0.5


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_seed_gives_the_same_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    working = replace(plans.STRONG, spacing_ns=48, sends=1)
    monkeypatch.setattr(plans, "QUICK", replace(TINY, conditions=(plans.NONE, working)))
    tables = []
    for name, workers in (("a", "2"), ("b", "1")):
        found = study(
            capsys, tmp_path, "ordering", "--quick", "--workers", workers, "--seed", "5", "-o", str(tmp_path / name)
        )
        tables.append(pd.read_parquet(found["files"]["table"]))
    pd.testing.assert_frame_equal(*tables)
