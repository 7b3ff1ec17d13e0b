"""What the benchmark computes is what it says, and its figures have the promised form."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from data import BadInput
from labctl import batched_benchmark, benchmarks, store_benchmark
from labctl.benchmarks import Shape, chip, measure, mock_multiply, operands
from labctl.cli import run
from models.batched import Member, Recipe, train_members

TINY = Shape(4, 20, 6, 2, 0.5, 2)


def test_blocks_and_matrix_hold_the_same_layer() -> None:
    given = operands(TINY)
    blocks = torch.einsum("bnr,nrc->bc", given.charges, given.weights)
    torch.testing.assert_close(blocks, given.inputs @ given.matrix.T)
    assert 0.2 < float((given.inputs == 0).float().mean()) < 0.8


def test_the_chip_has_the_terms_asked_for() -> None:
    assert chip(3).terms == {"leak"}
    assert chip(3, rails=85.0).terms == {"leak", "rails"}
    assert chip(3, rails=85.0, line=True).terms == {"leak", "rails", "line"}


def test_the_mock_clamps_every_block_and_the_sum() -> None:
    inputs, weights = torch.full((1, 256), 31.0), torch.full((256, 1), 63.0)
    assert mock_multiply(inputs, weights, 0.002, 1, 0.0).tolist() == [[127.0]]
    weights[128:] = -63.0
    assert mock_multiply(inputs, weights, 0.002, 1, 0.0).tolist() == [[-1.0]]
    with pytest.raises(BadInput, match="up to 31"):
        mock_multiply(inputs + 1, weights, 0.002, 1, 0.0)


def test_figures_are_ratios_by_case(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmarks, "KEYWORD", TINY)
    monkeypatch.setattr(benchmarks, "SQUARE", TINY)
    monkeypatch.setattr(benchmarks, "MINIMUM_S", 0.0)
    monkeypatch.setattr(store_benchmark, "CHECKPOINTS", 2)
    monkeypatch.setattr(batched_benchmark, "EPOCHS", 1)
    monkeypatch.setattr(batched_benchmark, "CASES", tuple(replace(c, together=4) for c in batched_benchmark.CASES))
    assert run(["bench", "--json", "--rounds", "1", "--threads", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    cases = {figure["case"] for figure in figures}
    assert {"forward/default", "forward/worst", "forward/line", "forward/no-rails", "train/default"} <= cases
    assert {"peer/torch-loop", "peer/hxtorch-mock"} <= cases
    assert {"store/rows", "store/scalars", "store/scalar-blocks"} <= cases
    assert {"batched-training/mlp", "batched-training/lenet"} <= cases
    for figure in figures:
        if figure["case"].startswith("batched-training/"):
            assert figure["base"] == "one after another"
            figure["ratio"] = figure.pop("speedup")
        assert set(figure) == {"case", "ratio", "threads", "shape", "base"}
        assert np.isfinite(figure["ratio"])
        assert figure["ratio"] > 0
        assert figure["threads"] == 1


def test_a_peer_of_the_store_that_is_not_installed_is_named() -> None:
    for reason in store_benchmark.absent().values():
        assert "extra `bench`" in reason


def test_what_cannot_run_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "extra `bench`" in benchmarks.absent()["peer/aihwkit-lightning"]
    assert benchmarks.absent()["gpu/*"] == "there is no CUDA device"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "extra `gpu-kernels`" in benchmarks.absent()["gpu/*"]


@pytest.mark.parametrize("case", batched_benchmark.CASES, ids=lambda case: case.name)
def test_both_sides_of_batched_training_learn_the_same(case: batched_benchmark.Case) -> None:
    data, recipe = batched_benchmark.digits(case.side), Recipe(epochs=1)
    together = train_members(case.build, data, [Member(3), Member(4)], recipe, threads=1)
    alone = batched_benchmark.train_alone(case.build, data, 4, recipe)
    for name, value in alone.named_parameters():
        torch.testing.assert_close(together.state[name][1], value.detach(), atol=1e-4, rtol=1e-3)


def test_digits_of_a_library_that_is_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_benchmark.importlib.util, "find_spec", lambda name: None)
    assert "extra `studies`" in batched_benchmark.absent()["batched-training/*"]
    assert batched_benchmark.measure(1, 1) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_the_cases_are_timed_against_its_own_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "KEYWORD", TINY)
    monkeypatch.setattr(benchmarks, "SQUARE", TINY)
    cases = {figure.case for figure in measure(rounds=1)}
    assert {"gpu/forward/default", "gpu/forward/line", "gpu/train/default"} <= cases


def test_threads_that_are_not_there_are_refused() -> None:
    with pytest.raises(BadInput, match="threads must be 1 to"):
        measure(threads=0)
