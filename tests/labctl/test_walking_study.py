from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from data.errors import BadInput, Problems
from data.images import FILES, digits
from data.labelled import Labelled, LabelledSet
from labctl.cli import study_commands
from labctl.cli.app import app
from labctl.studies.folder import Plan
from labctl.studies.points import Point, check_plan
from labctl.studies.registry import find_study
from labctl.studies.runner import command, run_study
from labctl.studies.walking import names
from labctl.studies.walking.clean import clean_rows
from labctl.studies.walking.compute import compute
from labctl.studies.walking.datasets import keep_keywords, load_data, spread
from labctl.studies.walking.layers import Inside
from labctl.studies.walking.noisy import noisy_rows
from labctl.studies.walking.plan import (
    FULL,
    MEDIUM,
    QUICK,
    Cell,
    Files,
    Grids,
    Scale,
    decades,
    plan_of_files,
    plan_of_scope,
    walking_plan,
)
from models.batched import Member
from models.noise import Strengths
from models.robustness.survival import EXTREME
from tests.data.imagefiles import write_cifar_binary, write_mnist

SMALL = Grids(decades(-1, 2, 1), decades(-1, 1, 1), (1.0, 10.0, EXTREME), (0.1, 1.0))
TINY = Scale(
    name="tiny",
    seeds=2,
    cells=(Cell("digits", "mlp", 6, batch=64, learning_rate=5e-3, batch_norms=(False,)),),
    grids={"": SMALL},
    draws=1,
    repeats=(2,),
)


def settings_of(kind: str, noise: str = "additive", **changes: Any) -> dict[str, Any]:
    points = {point.key: point.settings for point in walking_plan(TINY, 1).points}
    return {**points[f"digits-mlp-{noise}-{kind}"], **changes}


@pytest.fixture(scope="module")
def few_digits() -> LabelledSet:
    whole = digits()
    return replace(whole, train=whole.train.select(slice(0, 600)), test=whole.test.select(slice(0, 200)))


@pytest.mark.parametrize("scale", [QUICK, MEDIUM, FULL])
def test_plans_are_in_order_and_have_every_network_with_and_without_noise(scale: Scale) -> None:
    plan = walking_plan(scale, 2)
    check_plan(plan.points)
    walks = [point for point in plan.points if point.settings["kind"] != "data"]
    assert len(walks) == 2 * sum(len(cell.noises) * len(cell.batch_norms) for cell in scale.cells)
    assert {point.settings["kind"] for point in walks} == {"clean", "noisy"}
    assert all(len(point.settings["seeds"]) == scale.seeds for point in walks)
    assert not set(walks[0].settings["seeds"]) & set(walking_plan(scale, 3).points[-1].settings["seeds"])
    assert all(("keywords" in point.needs) == (point.settings["data"] == "keywords") for point in walks)


def test_decades_are_even_in_their_logarithm() -> None:
    assert decades(-2, 0, 2) == (0.01, 0.03162, 0.1, 0.3162, 1.0)


def test_everything_wrong_with_a_plan_is_said_at_once() -> None:
    wrong = replace(
        TINY,
        seeds=0,
        cells=(Cell("imagenet", "mlp", 1), Cell("digits", "transformer", 0, noises=("loud",))),
        grids={
            "": replace(SMALL, trained=(1.0, 0.5), layer=(1.0,)),
            "additive": replace(SMALL, trained=(float("inf"),)),
        },
        repeats=(0,),
    )
    with pytest.raises(Problems) as error:
        walking_plan(wrong, 1)
    for words in (
        "0 seeds",
        "no data 'imagenet'",
        "no network 'transformer'",
        "no noise called 'loud'",
        "any noise must be pos",
    ):
        assert words in str(error.value)
    for words in ("transformer on digits needs epochs", "executed at least once", "two strengths layer", "of additive"):
        assert words in str(error.value)
    with pytest.raises(Problems, match="no networks"):
        walking_plan(replace(TINY, cells=()), 1)


def test_only_image_sets_that_are_there_are_learnt(tmp_path: Path) -> None:
    def learnt(files: Files) -> set[str]:
        return {point.settings["data"] for point in plan_of_files("full", 1, files).points if "data" in point.settings}

    assert not learnt(Files()) & FILES.keys()
    write_mnist(tmp_path / "mnist")
    write_cifar_binary(tmp_path / "cifar-10")
    (tmp_path / "cifar-10" / "test_batch.bin").unlink()
    assert learnt(Files(tmp_path)) & FILES.keys() == {"mnist"}
    with pytest.raises(BadInput, match="belong to the full one"):
        plan_of_files("quick", 1, Files(tmp_path))
    with pytest.raises(BadInput, match="no whole image set"):
        plan_of_files("full", 1, Files(tmp_path / "mnist"))
    with pytest.raises(BadInput, match="no folder"):
        plan_of_files("quick", 1, Files(recordings=tmp_path / "speech"))
    with pytest.raises(BadInput, match="no boards"):
        plan_of_scope("quick", 1, "128x64")


@pytest.mark.parametrize("scale", [QUICK, MEDIUM])
def test_the_command_that_is_named_computes_the_same_plan(scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = walking_plan(scale, 7)
    ran: list[Plan] = []
    monkeypatch.setattr(study_commands, "run", lambda plan, *_: ran.append(plan))
    assert CliRunner().invoke(app, command(plan).split()[1:]).exit_code == 0
    assert ran == [plan]


def test_points_for_a_gpu_ask_for_one() -> None:
    plan = plan_of_files("medium", 1, gpu=True)
    assert all(point.uses == ("gpu",) for point in plan.points if point.key != "keywords")
    assert all(point.settings["device"] == "cuda" for point in plan.points if point.key != "keywords")


def test_pixels_go_in_as_the_experiments_have_them(tmp_path: Path) -> None:
    write_mnist(tmp_path / "fashion-mnist")
    write_cifar_binary(tmp_path / "cifar-10")

    def load(name: str) -> LabelledSet:
        return load_data({"data": name, "images": str(tmp_path)}, {})

    assert load("fashion-mnist").train.inputs.min() == pytest.approx(-1.0, abs=0.01)
    assert np.allclose(load("cifar-10").train.inputs.std(axis=(0, 2, 3)), 1.0, atol=1e-4)
    assert load("digits-16").shape == (1, 16, 16)
    with pytest.raises(BadInput, match="MNIST needs"):
        load("mnist")


def test_keywords_come_back_as_they_were_kept(tmp_path: Path) -> None:
    settings = {"data": "keywords", "size": "tiny", "seed": 0, "recordings": ""}
    kept = keep_keywords(settings, tmp_path)
    assert load_data(settings, {"keywords": tmp_path}).digest() == kept.digest()


def by(rows: list[Mapping[str, Any]], **where: Any) -> list[Mapping[str, Any]]:
    return [row for row in rows if all(row.get(name) == value for name, value in where.items())]


def test_noise_walks_through_networks_trained_without(few_digits: LabelledSet) -> None:
    rows = list(clean_rows(few_digits, settings_of("clean")))
    quiet = [row["value"] for row in by(rows, quantity=names.ACCURACY, injection=names.NOWHERE)]
    assert min(quiet) > 0.7
    points = ("input", "fc1", "relu1", "fc2", "relu2", "fc3", "relu3", "out")
    for injection in points:
        walked = by(rows, quantity=names.ACCURACY, injection=injection, seed=1001)
        assert [row["strength"] for row in walked] == [0.1, 1.0, 10.0, 100.0]
        assert walked[0]["value"] > walked[-1]["value"]
        assert walked[0]["depth"] == points.index(injection)
    assert len(by(rows, quantity=names.ACCURACY, injection=names.EVERYWHERE)) == 2 * 3
    executed = by(rows, quantity=names.EXECUTED)
    assert {(row["budget"], row["repeats"]) for row in executed} == {("uniform", 2), ("tailored", 2)}


def test_budgets_of_repeats_do_not_depend_on_the_test_samples(few_digits: LabelledSet) -> None:
    settings = settings_of("clean")
    nonsense = replace(few_digits, test=Labelled(few_digits.test.inputs, (few_digits.test.labels + 1) % 10))
    level = [
        by(list(clean_rows(data, settings)), quantity=names.LEVEL_EXECUTED)[0]["value"]
        for data in (few_digits, nonsense)
    ]
    assert level[0] == level[1]


def test_networks_trained_with_noise_are_judged_under_it_and_looked_into(few_digits: LabelledSet) -> None:
    rows = list(
        noisy_rows(few_digits, settings_of("noisy", "multiplicative", everywhere=[1e-9], layer=[1e-9, EXTREME]))
    )
    quiet = {row["seed"]: row["value"] for row in by(rows, quantity=names.ACCURACY, injection=names.NOWHERE)}
    for row in by(rows, quantity=names.ACCURACY, strength=1e-9):
        # Noise that is nothing leaves the training of the same seed as it is.
        assert row["value"] == pytest.approx(quiet[row["seed"]], abs=0.011)
    sizes = {(row["seed"], row["injection"]): row["value"] for row in by(rows, quantity=names.WEIGHTS, strength=0.0)}
    for row in by(rows, quantity=names.WEIGHTS, strength=1e-9):
        assert row["value"] == pytest.approx(sizes[row["seed"], row["injection"]], rel=0.02)
    for quantity in (names.SIGNAL, names.EXPLAINED, names.EXPLAINED_SIZES, names.SIGNS, names.ON_OFF, names.QUIET):
        assert len(by(rows, quantity=quantity, strength=0.0)) == 2 * 8
        assert len(by(rows, quantity=quantity, strength=1e-9)) == 2 * 8


class Signed(nn.Module):
    """Decides by the sign of one number alone."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(4, 1, bias=False)
        self.out = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.fc1.weight.copy_(torch.tensor([[2.0, 0.0, 0.0, 0.0]]))
            self.out.weight.copy_(torch.tensor([[-3.0], [3.0]]))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        decided: torch.Tensor = self.out(self.fc1(pictures.flatten(1)))
        return decided


def test_a_network_that_decides_by_signs_keeps_its_accuracy_with_two_levels() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((300, 1, 2, 2)).astype(np.float32)
    part = Labelled(inputs, (inputs[:, 0, 0, 0] > 0).astype(np.int64))
    rows = list(Inside(Signed().eval(), part, part, Member(1)).rows(("fc1", "input"), {}, levels=True))
    # In front of the first layer's outputs is that layer, of the sizes 2, 0, 0, 0; behind them the second, of size 3.
    assert by(rows, quantity=names.WEIGHTS, injection="fc1")[0]["value"] == pytest.approx(1.0)
    assert by(rows, quantity=names.WEIGHTS_BEHIND, injection="fc1")[0]["value"] == pytest.approx(3.0)
    assert by(rows, quantity=names.WEIGHTS_BEHIND, injection="input")[0]["value"] == pytest.approx(3.0**0.5)
    assert not by(rows, quantity=names.WEIGHTS, injection="input")
    (signal,) = by(rows, quantity=names.SIGNAL, injection="fc1")
    assert signal["value"] == pytest.approx(2 * inputs[:, 0, 0, 0].std(), rel=1e-5)
    assert by(rows, quantity=names.SIGNS, injection="fc1")[0]["value"] == 1.0
    assert by(rows, quantity=names.EXPLAINED, injection="fc1")[0]["value"] == pytest.approx(2 / np.pi, abs=0.06)


def test_what_signs_lose_is_seen() -> None:
    rng = np.random.default_rng(0)
    net = Signed().eval()
    with torch.no_grad():
        net.out.weight.copy_(torch.tensor([[1.0], [2.0]]))
    net.out.bias = nn.Parameter(torch.tensor([1.0, 0.0]))
    # The second class begins at 1, not at 0: half of what lies between has the wrong sign.
    inputs = rng.standard_normal((400, 1, 2, 2)).astype(np.float32)
    part = Labelled(inputs, (2 * inputs[:, 0, 0, 0] > 1).astype(np.int64))
    rows = list(Inside(net, part, part, Member(1)).rows(("fc1",), {}, levels=True))
    assert by(rows, quantity=names.QUIET)[0]["value"] == 1.0
    between = np.mean((inputs[:, 0, 0, 0] > 0) & (2 * inputs[:, 0, 0, 0] < 1))
    assert by(rows, quantity=names.SIGNS)[0]["value"] == pytest.approx(1 - between, abs=1e-6)


class Sized(nn.Module):
    """Decides by whether one number, of size about 1 or 0.01, is large, once noise of strength 1e4 has gone over it."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(4, 2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        large = nn.functional.relu(pictures.flatten(1))
        decided: torch.Tensor = self.out(large)
        return decided


def test_a_network_that_needs_its_noise_is_judged_under_it() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    sizes = np.where(labels[:, None] == 1, 1.0, 1e-4) * rng.uniform(0.9, 1.1, (400, 4))
    part = Labelled((sizes * rng.choice([-1.0, 1.0], (400, 4))).astype(np.float32).reshape(-1, 1, 2, 2), labels)
    net = Sized().eval()
    with torch.no_grad():
        net.out.weight.copy_(torch.tensor([[0.0] * 4, [1.0] * 4]))
        net.out.bias.copy_(torch.tensor([100.0, 0.0]))
    member = Member(1, Strengths.at("input", 1e4))
    (row,) = [list(Inside(net, part, part, member).rows(("input",), {}, levels=True))]
    value = {item["quantity"]: item["value"] for item in row}
    # Its threshold is that of noisy sums: without noise everything is below.
    assert value[names.QUIET] == pytest.approx(np.mean(labels == 0))
    assert value[names.ALL_LEVELS] > 0.9
    assert value[names.ON_OFF] == pytest.approx(value[names.ALL_LEVELS], abs=0.02)
    # Signs are the same for large and small.
    assert value[names.SIGNS] < 0.7
    assert value[names.EXPLAINED_SIZES] > 0.95


def test_samples_are_taken_from_the_whole_part() -> None:
    labels = np.repeat(np.arange(10), 70)
    part = Labelled(np.zeros((700, 1, 2, 2), np.float32), labels)
    assert np.bincount(spread(part, 500).labels).tolist() == [50] * 10
    assert len(spread(part, 900)) == 700


def test_points_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no points of kind other"):
        compute(Point("a", {"kind": "other"}), tmp_path, {})


def test_a_study_runs_from_end_to_end(tmp_path: Path) -> None:
    grids = Grids(decades(-1, 2, 1), decades(-1, 1, 1), (1.0, EXTREME), (0.1, 1.0))
    cell = Cell("digits", "mlp", 3, batch=128, learning_rate=5e-3, batch_norms=(True,), noises=("additive",))
    plan = walking_plan(replace(TINY, cells=(cell,), grids={"": grids}), 1)
    result = run_study(find_study("walking-noise"), plan, tmp_path / "study", workers=1)
    assert result.state.complete
    assert result.presented is not None
    assert any("early layers" in line for line in result.presented.findings)
    table = pd.read_parquet(result.folder.table)
    wanted = ["data", "net", "batch_norm", "noise", "injection", "trained", "strength", "seed", "value", "count"]
    rows = table[table["quantity"] == names.ACCURACY]
    assert not rows[wanted].isna().any().any()
    assert not rows.duplicated(["trained", "injection", "strength", "seed"]).any()
    again = partial(compute, plan.points[1], tmp_path, {})
    kept = table[table["point"] == plan.points[1].key].dropna(subset=["value"])
    assert [row["value"] for row in again()] == pytest.approx(kept["value"].tolist(), abs=1e-9)


def test_the_command_refuses_what_it_cannot_do() -> None:
    runner = CliRunner()
    both = runner.invoke(app, ["study", "walking-noise", "--quick", "--medium"])
    assert isinstance(both.exception, BadInput)
    assert "not both" in str(both.exception)
    missing = runner.invoke(app, ["study", "walking-noise", "--quick", "--recordings", "nowhere"])
    assert "no folder nowhere" in str(missing.exception)
