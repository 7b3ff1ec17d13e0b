"""Integer networks on processors, and network files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from data import AnalogProcessor, BadInput, Cancelled, Geometry, Identity, Outputs, Schedule, Weights
from data.encoding import Encoding
from models import (
    Arm,
    ChipModel,
    Epoch,
    IntegerNetwork,
    Layer,
    TrainedNetwork,
    TrainingOptions,
    load_network,
    place,
    run,
    save_network,
)
from models.network import even_splits
from models.parameters import ChipParameters
from tests.models.chips import SMALL, random_chip

LABELS = ("yes", "no", "stop")


def random_network(seed: int = 0, geometry: Geometry = SMALL) -> IntegerNetwork:
    """30 inputs in three blocks, 5 hidden outputs, 3 classes, on scattered columns."""
    rng = np.random.default_rng(seed)

    def layer(inputs: int, outputs: int, shift: int) -> Layer:
        return Layer(
            weights=rng.integers(-63, 64, (inputs, outputs)).astype(np.int8),
            bias=rng.integers(-20, 20, outputs).astype(np.int32),
            splits=even_splits(inputs, geometry.rows),
            columns=np.sort(rng.permutation(geometry.columns)[:outputs]),
            shift=shift,
            schedule=Schedule(sends=2),
        )

    return IntegerNetwork(geometry, (layer(30, 5, 2), layer(5, 3, 0)), 0.05, LABELS)


def utterances(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 32, (count, 30)).astype(np.uint8)


def test_run_is_the_hand_computation() -> None:
    """On the ideal chip, against plain integer arithmetic."""
    network, gain = random_network(), 1 / 64
    codes = utterances(40)
    trace = run(network, ChipModel(ChipParameters.ideal(SMALL, gain)), codes)
    level = codes.astype(int)
    for layer, seen in zip(network.layers, trace.layers, strict=True):
        blocks = [
            np.clip(np.floor(2 * gain * (level[:, a:b] @ layer.weights[a:b].astype(int))), -128, 127)
            for a, b in zip(layer.splits[:-1], layer.splits[1:], strict=True)
        ]
        np.testing.assert_array_equal(seen.block_outputs, np.stack(blocks, axis=1))
        sums = sum(blocks) + layer.bias
        np.testing.assert_array_equal(seen.sums, sums)
        level = np.minimum(np.maximum(sums, 0) // 2**layer.shift, 31).astype(int)
        np.testing.assert_array_equal(seen.activations, level)
    np.testing.assert_allclose(trace.logits, trace.layers[-1].sums * 0.05, rtol=1e-6)
    np.testing.assert_array_equal(trace.decisions, trace.logits.argmax(axis=1))
    assert len(np.unique(trace.decisions)) > 1, "the example must not be trivial"


def test_blocks_are_programmed_once_and_utterances_sent_in_batches() -> None:
    calls: list[str] = []

    class Counting:
        geometry = SMALL
        identity = Identity("labctl", "counter", "1", "1", simulated=True)

        def program(self, weights: Weights) -> None:
            calls.append("program")

        def multiply(self, activations: np.ndarray, schedule: Schedule) -> Outputs:
            assert schedule == Schedule(sends=2)
            calls.append(f"multiply {len(activations)}")
            return np.zeros((len(activations), SMALL.columns), np.int16)

    counting = Counting()
    assert isinstance(counting, AnalogProcessor)
    shares: list[float] = []
    run(random_network(), counting, utterances(1500), progress=lambda share, _what: shares.append(share))
    assert calls == ["program", "multiply 1024", "multiply 476"] * 4
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_progress_may_stop_the_run() -> None:
    def stop(_share: float, _what: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(random_network(), ChipModel(random_chip()), utterances(3), progress=stop)


def test_no_utterances_give_an_empty_trace() -> None:
    trace = run(random_network(), ChipModel(random_chip()), utterances(0))
    assert trace.logits.shape == (0, 3)


def test_a_network_runs_on_a_larger_array() -> None:
    network = random_network()
    larger = Geometry(rows=20, columns=9)
    gain = 1 / 64
    small = run(network, ChipModel(ChipParameters.ideal(SMALL, gain)), utterances(10))
    large = run(network, ChipModel(ChipParameters.ideal(larger, gain)), utterances(10))
    np.testing.assert_array_equal(small.logits, large.logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("yes", "no")}, "3 outputs for 2 labels"),
        ({"layers": ()}, "no layers"),
        ({"geometry": Geometry(rows=9, columns=7)}, "blocks must cover 30 inputs with at most 9 rows"),
        ({"geometry": Geometry(rows=12, columns=4)}, "different columns below 4"),
        ({"geometry": Geometry(rows=12, columns=7, weight_max=31)}, "weights outside"),
    ],
)
def test_what_does_not_fit_together_is_named(change: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        replace(random_network(), **change).check()


def test_a_smaller_array_is_refused() -> None:
    with pytest.raises(BadInput, match=r"cut for an array of 12 x 7; this one has 12 x 6"):
        run(random_network(), ChipModel(random_chip(geometry=Geometry(rows=12, columns=6))), utterances(1))
    with pytest.raises(BadInput, match="utterances x 30"):
        run(random_network(), ChipModel(random_chip()), utterances(1)[:, :20])


def test_placement_takes_columns_that_pass() -> None:
    passing = np.array([True, False, True, True, False, True])
    assert place(passing, 3).tolist() == [0, 2, 3]
    with pytest.raises(BadInput, match="needs 5 columns, but only 4 of 6 pass"):
        place(passing, 5)


@pytest.mark.parametrize(("inputs", "rows"), [(1, 1), (128, 128), (129, 128), (980, 128), (10, 3)])
def test_splits_cover_all_inputs_with_the_fewest_blocks(inputs: int, rows: int) -> None:
    splits = even_splits(inputs, rows)
    sizes = np.diff(splits)
    assert (splits[0], splits[-1]) == (0, inputs)
    assert len(sizes) == -(-inputs // rows)
    assert sizes.max() <= rows
    assert sizes.max() - sizes.min() <= 1


def trained(seed: int = 0) -> TrainedNetwork:
    features = np.random.default_rng(seed).standard_normal((8, 3, 5)).astype(np.float32)
    network = replace(random_network(seed), encoding=Encoding.fit(features).arrays())
    order = tuple(reversed(range(SMALL.rows)))
    first = replace(network.layers[0], schedule=Schedule(order=order, sends=3))
    network = replace(network, layers=(first, *network.layers[1:]))
    history = (Epoch(1, 1.5, 0.5, 0.1), Epoch(2, 0.7, 0.8, 1.0))
    return TrainedNetwork(network, Arm.ORDERED, TrainingOptions(seed=7), history, 0.875, {"calibration": "abc-1"})


def test_file_round_trip(tmp_path: Path) -> None:
    before = trained()
    path = save_network(before, tmp_path / "ordered.safetensors")
    after = load_network(path)
    assert (after.arm, after.options, after.history) == (before.arm, before.options, before.history)
    assert after.validation_accuracy == before.validation_accuracy
    assert after.provenance == before.provenance
    assert after.network.labels == LABELS
    assert after.network.geometry == SMALL
    for ours, theirs in zip(after.network.layers, before.network.layers, strict=True):
        assert (ours.splits, ours.shift, ours.schedule) == (theirs.splits, theirs.shift, theirs.schedule)
        for name in ("weights", "bias", "columns"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
            assert getattr(ours, name).dtype == getattr(theirs, name).dtype
    codes = utterances(10)
    np.testing.assert_array_equal(
        run(after.network, ChipModel(random_chip()), codes).logits,
        run(before.network, ChipModel(random_chip()), codes).logits,
    )
    features = np.random.default_rng(1).standard_normal((4, 3, 5)).astype(np.float32)
    restored, original = (Encoding.from_arrays(n.encoding) for n in (after.network, before.network))
    np.testing.assert_array_equal(restored.encode(features), original.encode(features))
    assert list(tmp_path.iterdir()) == [path], "no partial file may be left"


def test_saving_replaces_a_file_and_refuses_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(trained(1), path)
    save_network(trained(2), path)
    np.testing.assert_array_equal(load_network(path).network.layers[0].weights, trained(2).network.layers[0].weights)
    with pytest.raises(BadInput, match="cannot be written"):
        save_network(trained(), tmp_path / "missing" / "net.safetensors")


def test_missing_damaged_and_foreign_files_are_bad_input(tmp_path: Path) -> None:
    path = save_network(trained(), tmp_path / "net.safetensors")
    whole = path.read_bytes()
    with pytest.raises(BadInput, match="there is no network file"):
        load_network(tmp_path / "other.safetensors")
    for bad in (whole[: len(whole) // 2], b"", b"\x00" * 40, np.random.default_rng(0).bytes(500)):
        path.write_bytes(bad)
        with pytest.raises(BadInput, match=r"net\.safetensors is damaged or not a network file"):
            load_network(path)
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(BadInput, match="not a complete network file"):
        load_network(path)
    with pytest.raises(BadInput, match="is damaged or not a network file"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("version", 2, "written by a newer labctl"),
        ("format", "other", "not a network of labctl"),
        ("labels", ["yes"], "3 outputs for 1 labels"),
        ("layers", None, "not a complete network file"),
        ("arm", "quantum", "not a complete network file"),
        ("geometry", {"rows": 12}, "different columns|blocks must cover|newer|complete|cannot be used"),
    ],
)
def test_metadata_that_cannot_be_used_is_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    path = save_network(trained(), tmp_path / "net.safetensors")
    arrays = load_file(path)
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()["labctl"])
    description[key] = value
    if key == "geometry":
        description[key] = description[key] | {"columns": 2}
    save_file(arrays, path, metadata={"labctl": json.dumps(description)})
    with pytest.raises(BadInput, match=message):
        load_network(path)
