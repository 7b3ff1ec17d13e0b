"""A comparison with chip models in place of the board, where the right answers are known."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from calibration.record import CalibrationRecord
from data.errors import BadInput
from data.metadata import RunMetadata
from data.runfile import RunWriter
from data.values import Identity
from labctl.comparison import TARGETS, Comparison, compare_network
from labctl.comparison_file import (
    KIND,
    accuracy_of,
    agreement_of,
    begin_comparison,
    describe,
    read_comparison,
    write_results,
    write_trace,
)
from labctl.report import write_report
from labctl.residuals import ProbeSize, measure_residuals
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.chip import ChipModel
from models.network import run
from models.parameters import ChipParameters
from tests.labctl.networks import GEOMETRY, network

BOARD = Identity("test", "board", "7", "1", simulated=True)
SIZE = ProbeSize(utterances=30, repeats=6, orders=6, order_repeats=4)


def chip(ordered: bool) -> ChipParameters:
    rng = np.random.default_rng(5)
    plain = ChipParameters.ideal(GEOMETRY, 0.01)
    unordered = replace(plain, offset=rng.normal(0, 3, 12), noise=np.full(12, 1.2), gain=rng.normal(0.01, 0.001, 12))
    if not ordered:
        return unordered
    leaky = np.full(12, 400.0)
    return replace(unordered, ordered=True, terms=frozenset({"leak"}), tau_membrane_ns=leaky)


def record() -> CalibrationRecord:
    def check(identity: Identity) -> None:
        if identity != BOARD:
            raise BadInput("another board")

    known = SimpleNamespace(ordered=chip(True), unordered=chip(False), check_identity=check)
    return cast(CalibrationRecord, known)


@pytest.fixture(scope="module")
def found() -> Comparison:
    rng = np.random.default_rng(7)
    activations = rng.integers(0, 32, (120, 40)).astype(np.uint8)
    board = ChipModel(chip(True), identity=BOARD, seed=9)
    truth = run(network(), ChipModel(replace(chip(True), noise=np.zeros(12)), seed=1), activations).decisions
    return compare_network(network(), board, record(), activations, truth, name="n", arm="ordered", probe=SIZE)


def test_the_model_that_is_the_board_agrees_best(found: Comparison) -> None:
    agreement = {target: found.evaluations[target].agreement.value for target in TARGETS}
    assert agreement["board"] == 1.0
    assert agreement["ordered"] > agreement["unordered"]
    assert found.evaluations["board"].confusion.sum() == 120


def test_the_residual_of_the_right_model_is_trial_noise_alone(found: Comparison) -> None:
    for layer in found.residuals:
        right, blind = layer.splits["ordered"], layer.splits["unordered"]
        rounded = np.sqrt(1.2**2 + 1 / 12)
        assert right.trial_noise == pytest.approx(rounded, rel=0.08)
        assert right.fixed_pattern < 0.25
        assert right.remainder < 0.3
        assert blind.remainder <= right.remainder
        assert blind.order > 3 * right.remainder
    first, second = (layer.non_associativity for layer in found.residuals)
    assert first > 1.0
    assert second > 0.25, "more than a board without order effects shows"


def test_a_board_without_order_effects_shows_none() -> None:
    rng = np.random.default_rng(8)
    activations = rng.integers(0, 32, (60, 40)).astype(np.uint8)
    board = ChipModel(chip(False), identity=BOARD, seed=3)
    trace = run(network(), board, activations)
    for layer in measure_residuals(network(), board, {"ordered": chip(False)}, activations, trace, SIZE, 0):
        assert layer.non_associativity < 0.25
        assert layer.splits["ordered"].remainder < 0.3


def test_another_board_is_refused() -> None:
    board = ChipModel(chip(True), identity=replace(BOARD, serial_number="8"))
    with pytest.raises(BadInput, match="another board"):
        compare_network(network(), board, record(), np.zeros((4, 40), np.uint8), np.zeros(4, np.int64))


def test_labels_must_go_with_utterances() -> None:
    board = ChipModel(chip(True), identity=BOARD)
    with pytest.raises(BadInput, match="4 utterances and 3 labels"):
        compare_network(network(), board, record(), np.zeros((4, 40), np.uint8), np.zeros(3, np.int64))


def test_the_run_file_holds_every_layer_and_gives_the_figures_again(found: Comparison, tmp_path: Path) -> None:
    trained = TrainedNetwork(network(), Arm.ORDERED, TrainingOptions(), (), 0.5)
    plan = describe("n", trained, "noise", 120)
    metadata = RunMetadata.new(KIND, simulated=True, identity=BOARD, geometry=GEOMETRY, plan=plan)
    with RunWriter.create(tmp_path, metadata) as writer:
        begin_comparison(network(), found.truth, writer)
        for target in TARGETS:
            write_trace(found.evaluations[target].trace, writer)
        write_results(found, writer)
    saved = read_comparison(writer.path)
    times = saved.variables["time"]
    assert times.dims == ("target",)
    assert (np.diff(times.values) >= 0).all()
    outputs = saved.variables["layer1_outputs"]
    assert outputs.dims == ("target", "utterance", "layer1_block", "layer1_output")
    board = found.evaluations["board"]
    assert np.array_equal(outputs.values[0], board.trace.layers[0].block_outputs)
    for target, (value, low, high) in accuracy_of(saved).items():
        share = found.evaluations[target].accuracy
        assert (value, low, high) == (share.value, share.low, share.high)
    assert agreement_of(saved)["board"][0] == 1.0
    page = write_report(writer.path).read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert page.count("<figure>") == 5
    assert "http://" not in page
    assert "https://" not in page


def test_an_abort_keeps_what_the_board_did(tmp_path: Path) -> None:
    activations = np.random.default_rng(7).integers(0, 32, (20, 40)).astype(np.uint8)
    truth = np.zeros(20, np.int64)
    board = ChipModel(chip(True), identity=BOARD, seed=9)
    expected = run(network(), ChipModel(chip(True), identity=BOARD, seed=9), activations)

    def abort(share: float, _: str) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    def compare() -> None:
        with RunWriter.create(tmp_path, RunMetadata.new(KIND, simulated=True)) as writer:
            begin_comparison(network(), truth, writer)
            keep = partial(write_trace, writer=writer)
            compare_network(network(), board, record(), activations, truth, probe=SIZE, listener=abort, keep=keep)

    with pytest.raises(KeyboardInterrupt):
        compare()
    saved = read_comparison(next(tmp_path.glob("*.h5")))
    assert saved.metadata.status == "stopped"
    assert saved.rows_done == 1
    assert np.array_equal(saved.values("layer1_outputs")[0], expected.layers[0].block_outputs)
    assert np.array_equal(saved.values("decision")[0], expected.decisions)
    assert (saved.values("decision")[1:] == -1).all()
    assert list(accuracy_of(saved)) == ["board"]
