"""Training of the float network and of the four arms on a toy problem."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from torch import Generator, Tensor, stack, tensor, zeros

from data import BadInput, Cancelled, Geometry, Schedule
from data.values import Activations
from models import (
    Arm,
    ChipModel,
    ChipParameters,
    FloatNetwork,
    FloatOptions,
    IntegerNetwork,
    Samples,
    Task,
    TrainedNetwork,
    TrainingOptions,
    run,
    start_network,
    train,
    train_float,
)
from models.trainable import TrainableNetwork
from tests.models.chips import random_chip

TOY = Geometry(rows=16, columns=12)
SCHEDULE = Schedule(sends=2)
LABELS = ("one", "two", "three", "four")
OPTIONS = TrainingOptions(epochs=4, batch=64, board_epochs=2, board_utterances=512, board_batch=128)


def toy(count: int, seed: int) -> Samples:
    """Four noisy prototypes of 20 coefficients, as pairs of what is above and below zero: 40 inputs, half of them 0."""
    rng = np.random.default_rng(seed)
    prototypes = np.random.default_rng(99).standard_normal((4, 20))
    labels = rng.integers(0, 4, count)
    level = prototypes[labels] * 0.8 + rng.standard_normal((count, 20))
    codes = np.clip(np.rint(np.concatenate([level, -level], axis=1) * 12), 0, 31)
    return Samples(codes.astype(np.uint8), labels.astype(np.int64))


def toy_chip(seed: int = 0) -> ChipParameters:
    return random_chip(seed, geometry=TOY, gain=0.004, noise=1.0, rail=60.0)


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(toy(1536, 1), toy(512, 2), LABELS)


@pytest.fixture(scope="module")
def float_network(task: Task) -> FloatNetwork:
    return train_float(task.training, 4, FloatOptions(hidden=(10,), epochs=12, batch=64, seed=1))


@pytest.fixture(scope="module")
def start(task: Task, float_network: FloatNetwork) -> IntegerNetwork:
    return start_network(float_network, task, toy_chip(), SCHEDULE, np.arange(1, 12))


@pytest.fixture(scope="module")
def ordered(task: Task, start: IntegerNetwork) -> TrainedNetwork:
    return train(Arm.ORDERED, start, task, toy_chip(), OPTIONS)


def accuracy(network: IntegerNetwork, chip: ChipParameters, samples: Samples, seed: int = 5) -> float:
    return run(network, ChipModel(chip, seed=seed), samples.activations).accuracy(samples.labels)


def test_float_network_learns_and_repeats(task: Task, float_network: FloatNetwork) -> None:
    assert float_network.accuracy(task.validation) > 0.8
    again = train_float(task.training, 4, FloatOptions(hidden=(10,), epochs=12, batch=64, seed=1))
    for ours, theirs in zip(again.weights, float_network.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_augmentation_draws_from_the_seed(task: Task) -> None:
    seen: list[np.ndarray] = []

    def flip(codes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        seen.append(codes)
        return np.where(generator.random(codes.shape) < 0.1, 0, codes).astype(np.uint8)

    options = FloatOptions(hidden=(10,), epochs=1, batch=64, seed=1)
    first, second = (train_float(task.training, 4, options, augment=flip) for _ in range(2))
    np.testing.assert_array_equal(first.weights[0], second.weights[0])
    assert len(seen) == 2 * 24
    plain = train_float(task.training, 4, options)
    assert np.any(plain.weights[0] != first.weights[0])


def test_conversion_keeps_what_the_float_network_knows(task: Task, float_network: FloatNetwork) -> None:
    """On a chip with a gain high enough for rounding to matter little, before any training."""
    ideal = ChipParameters.ideal(TOY, 0.01)
    network = start_network(float_network, task, ideal, SCHEDULE, np.arange(12))
    assert accuracy(network, ideal, task.validation) > float_network.accuracy(task.validation) - 0.03
    trace = run(network, ChipModel(ideal), task.training.activations)
    assert 15 < np.quantile(trace.layers[0].activations, 0.99) <= 31
    assert np.abs(network.layers[0].weights).max() > 30


def test_conversion_stays_clear_of_the_rails(task: Task, float_network: FloatNetwork) -> None:
    chip = replace(toy_chip(), gain=np.full(12, 0.1))
    network = start_network(float_network, task, chip, SCHEDULE, np.arange(12))
    free = replace(chip, terms=frozenset({"leak"}), noise=np.zeros(12))
    outputs = run(network, ChipModel(free), task.training.activations).layers[0].block_outputs
    assert np.mean(np.abs(outputs) > 60) < 0.02


def test_training_improves_the_network_on_its_chip(
    task: Task, start: IntegerNetwork, ordered: TrainedNetwork, float_network: FloatNetwork
) -> None:
    """Measured where conversion loses most: a chip with little gain, so that noise matters."""
    before = accuracy(start, toy_chip(), task.validation)
    after = accuracy(ordered.network, toy_chip(), task.validation)
    assert after > before
    assert after > float_network.accuracy(task.validation) - 0.05
    assert abs(ordered.validation_accuracy - after) < 0.03
    assert [epoch.epoch for epoch in ordered.history] == [1, 2, 3, 4]
    assert ordered.history[-1].loss < ordered.history[0].loss
    assert 0 < ordered.history[0].noise < ordered.history[-1].noise == 1.0


@pytest.mark.parametrize("arm", [Arm.IDEAL, Arm.UNORDERED, Arm.ORDERED])
def test_same_seed_same_network(arm: Arm, task: Task, float_network: FloatNetwork) -> None:
    chip = toy_chip()
    if arm is Arm.IDEAL:
        chip = ChipParameters.ideal(TOY, 0.004)
    if arm is Arm.UNORDERED:
        chip = replace(chip, ordered=False, terms=frozenset())
    options = replace(OPTIONS, epochs=1)
    begin = start_network(float_network, task, chip, SCHEDULE, np.arange(12))
    first, second = (train(arm, begin, task, chip, options) for _ in range(2))
    other = train(arm, begin, task, chip, replace(options, seed=3))
    for ours, theirs in zip(first.network.layers, second.network.layers, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.bias, theirs.bias)
    assert first.history == second.history
    assert first.validation_accuracy == second.validation_accuracy
    assert np.any(first.network.layers[0].weights != other.network.layers[0].weights)


def _read_without_noise(network: TrainableNetwork, index: int, _codes: Tensor, voltages: Tensor) -> Tensor:
    return network.arrays[index].read_out(voltages, 0.0, Generator())


def test_an_epoch_may_take_some_of_the_samples_and_then_takes_new_ones(task: Task, start: IntegerNetwork) -> None:
    """Half the samples an epoch: as many steps as they fill, and over a few epochs nearly all samples."""
    seen: list[set[bytes]] = [set() for _ in range(6)]
    options = replace(OPTIONS, epochs=6, batch=32, utterances=len(task.training) // 2)
    steps = options.utterances // options.batch
    told: list[str] = []

    def note(codes: Activations, _draw: np.random.Generator) -> Activations:
        seen[(len(told) - 1) // steps].update(row.tobytes() for row in codes)
        return codes

    train(
        Arm.UNORDERED,
        start,
        replace(task, augment=note),
        replace(toy_chip(), ordered=False, terms=frozenset()),
        options,
        progress=lambda _share, what: told.append(what),
    )
    assert len(told) == 6 * steps + 1
    every = {row.tobytes() for row in task.training.activations}
    assert all(0.3 * len(every) < len(epoch) < 0.6 * len(every) for epoch in seen)
    assert len(set().union(*seen)) > 0.9 * len(every)


def test_the_model_in_training_is_the_chip_model(task: Task, start: IntegerNetwork) -> None:
    """Without noise, the network in training computes what the integer network does on the chip model."""
    chip = replace(toy_chip(), noise=np.zeros(12))
    for model in (chip, replace(chip, ordered=False, terms=frozenset())):
        network = TrainableNetwork.of(start, model)
        read = partial(_read_without_noise, network)
        logits = network.logits(task.validation.activations, read)
        expected = run(start, ChipModel(model), task.validation.activations).logits
        same = np.isclose(logits.detach().numpy(), expected, rtol=1e-4, atol=1e-4)
        # A voltage within float rounding of a whole number may fall on either side of it.
        assert same.mean() > 0.995


def test_board_arm_adapts_to_the_processor_in_the_loop(task: Task, ordered: TrainedNetwork) -> None:
    """The board has another fixed pattern than the model; a few epochs in the loop take it up."""
    chip = toy_chip()
    rng = np.random.default_rng(8)
    board = replace(chip, offset=chip.offset + 12 * rng.standard_normal(12), gain=chip.gain * 1.2)
    before = accuracy(ordered.network, board, task.validation)
    in_loop = train(Arm.BOARD, ordered.network, task, chip, OPTIONS, processor=ChipModel(board, seed=2))
    after = accuracy(in_loop.network, board, task.validation)
    assert after > before + 0.02
    assert in_loop.arm is Arm.BOARD
    assert len(in_loop.history) == OPTIONS.board_epochs
    assert abs(in_loop.validation_accuracy - after) < 0.03


def test_it_stops_when_told(task: Task, start: IntegerNetwork) -> None:
    shares: list[float] = []
    with pytest.raises(Cancelled, match="ordered arm was stopped"):
        train(
            Arm.ORDERED,
            start,
            task,
            toy_chip(),
            OPTIONS,
            progress=lambda share, _what: shares.append(share),
            should_stop=lambda: len(shares) >= 5,
        )
    assert len(shares) == 5
    with pytest.raises(Cancelled):
        train_float(task.training, 4, FloatOptions(), should_stop=lambda: True)


def test_arguments_that_do_not_fit_are_named(task: Task, start: IntegerNetwork) -> None:
    chip = toy_chip()
    with pytest.raises(BadInput, match="board arm needs an analog processor"):
        train(Arm.BOARD, start, task, chip, OPTIONS)
    with pytest.raises(BadInput, match="only the board arm takes one"):
        train(Arm.ORDERED, start, task, chip, OPTIONS, processor=ChipModel(chip))
    with pytest.raises(BadInput, match="epochs is 0"):
        train(Arm.ORDERED, start, task, chip, replace(OPTIONS, epochs=0))
    with pytest.raises(BadInput, match="utterances is -1"):
        train(Arm.ORDERED, start, task, chip, replace(OPTIONS, utterances=-1))
    with pytest.raises(BadInput, match="board_learning_rate is 0"):
        train(Arm.BOARD, start, task, chip, replace(OPTIONS, board_learning_rate=0.0), processor=ChipModel(chip))
    wrong = replace(task, training=Samples(task.training.activations, task.training.labels + 1))
    with pytest.raises(BadInput, match="labels must lie between 0 and 3"):
        train(Arm.ORDERED, start, wrong, chip, OPTIONS)
    with pytest.raises(BadInput, match="another array"):
        train(Arm.ORDERED, start, task, random_chip(), OPTIONS)
    with pytest.raises(BadInput, match="dropout is 1"):
        train_float(task.training, 4, FloatOptions(dropout=1.0))


def test_importing_models_loads_neither_torch_nor_numba() -> None:
    code = "import sys, models, models.parameters; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_every_public_name_is_there() -> None:
    import models

    for name in models.__all__:
        assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = models.nothing


def same(first: TrainedNetwork, second: TrainedNetwork) -> bool:
    pairs = zip(first.network.layers, second.network.layers, strict=True)
    return all(np.array_equal(ours.weights, theirs.weights) for ours, theirs in pairs)


def test_noise_in_training_is_a_multiple_of_the_measured_one(task: Task, start: IntegerNetwork) -> None:
    """None of it is a chip without noise, twice as much a chip with twice the noise."""
    chip, options = toy_chip(), replace(OPTIONS, epochs=1)
    twice, none = (replace(chip, noise=factor * chip.noise) for factor in (2, 0))

    def trained(chip: ChipParameters, noise: float) -> TrainedNetwork:
        return train(Arm.ORDERED, start, task, chip, replace(options, noise=noise))

    assert same(trained(chip, 0.0), trained(none, 1.0))
    assert same(trained(chip, 2.0), trained(twice, 1.0))
    assert not same(trained(chip, 0.0), trained(chip, 2.0))
    assert [trained(chip, noise).history[-1].noise for noise in (0.0, 1.0, 2.0)] == [0.0, 1.0, 2.0]


def test_noise_can_differ_from_utterance_to_utterance(task: Task, start: IntegerNetwork) -> None:
    """Every utterance has its own strength in all its columns, half-normal above the common one."""
    net = TrainableNetwork.of(start, replace(toy_chip(), noise=np.full(12, 1.0)))
    chance, strengths = Generator().manual_seed(3), tensor([0.0, 2.0, 20.0]).reshape(3, 1, 1)
    read = stack([net.arrays[0].read_out(zeros(3, 2, 10), strengths, chance) for _ in range(500)])
    spreads = (read - read.mean(dim=0)).std(dim=(0, 2, 3))
    assert spreads.tolist() == pytest.approx([0.0, 2.0, 20.0], rel=0.05)

    options = replace(OPTIONS, epochs=1, noise=0.5, noise_spread=0.45)
    varied = train(Arm.ORDERED, start, task, toy_chip(), options)
    assert varied.history[-1].noise == pytest.approx(0.5 + 0.45 * 0.798, abs=0.001)
    assert same(varied, train(Arm.ORDERED, start, task, toy_chip(), options))
    assert not same(varied, train(Arm.ORDERED, start, task, toy_chip(), replace(options, noise_spread=0.0)))
    for name in ("noise", "noise_spread"):
        with pytest.raises(BadInput, match=f"{name} is -1"):
            train(Arm.ORDERED, start, task, toy_chip(), replace(options, **{name: -1.0}))
