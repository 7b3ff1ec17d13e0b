"""Chip models as analog processors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import AnalogProcessor, BadInput, Geometry, Schedule
from models import ChipModel, ideal_counterpart, ideal_model
from models.kernels import membrane_reference
from tests.models.chips import SMALL, random_chip, random_codes


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), sends=st.integers(1, 3))
def test_ideal_model_is_the_clamped_integer_product(seed: int, sends: int) -> None:
    activations, weights = random_codes(seed, 5)
    model = ideal_model(SMALL, gain=1.0)
    model.program(weights)
    exact = sends * (activations.astype(int) @ weights.astype(int))
    outputs = model.multiply(activations, Schedule(sends=sends))
    assert outputs.dtype == np.int16
    np.testing.assert_array_equal(outputs, np.clip(exact, -128, 127))


def test_read_out_rounds_down_and_clamps() -> None:
    chip = random_chip(1, gain=0.02, rail=1000.0)
    model = ChipModel(chip)
    activations, weights = random_codes(1, 50)
    model.program(weights)
    level = membrane_reference(activations, weights, chip, Schedule()) + chip.offset
    sure = np.abs(level - np.rint(level)) > 1e-3
    expected = np.clip(np.floor(level), SMALL.output_min, SMALL.output_max)
    np.testing.assert_array_equal(model.multiply(activations, Schedule())[sure], expected[sure])


def test_noise_has_the_measured_size_and_its_own_seed() -> None:
    geometry = Geometry(rows=2, columns=4)
    chip = replace(random_chip(2, (), geometry), noise=np.array([0.5, 1.0, 2.0, 4.0]))
    activations = np.zeros((20_000, 2), np.uint8)
    outputs = ChipModel(chip, seed=3).multiply(activations, Schedule())
    # Rounding adds the variance of a uniform distribution; below that the sampling error of 20,000 draws.
    expected = np.sqrt(chip.noise**2 + 1 / 12)
    np.testing.assert_allclose(outputs.std(axis=0), expected, rtol=0.03)
    np.testing.assert_allclose(outputs.mean(axis=0) + 0.5, chip.offset, atol=0.12)
    np.testing.assert_array_equal(outputs, ChipModel(chip, seed=3).multiply(activations, Schedule()))
    assert np.any(outputs != ChipModel(chip, seed=4).multiply(activations, Schedule()))


def test_batches_do_not_change_the_noise() -> None:
    chip = random_chip(4, noise=1.0)
    activations, weights = random_codes(4, 30)
    whole, cut = ChipModel(chip, seed=1), ChipModel(chip, seed=1)
    whole.program(weights)
    cut.program(weights)
    pieces = [cut.multiply(part, Schedule()) for part in (activations[:1], activations[1:19], activations[19:])]
    np.testing.assert_array_equal(np.concatenate(pieces), whole.multiply(activations, Schedule()))


def test_it_is_an_analog_processor_and_starts_with_zero_weights() -> None:
    model = ChipModel(random_chip(5))
    assert isinstance(model, AnalogProcessor)
    assert model.identity.simulated
    assert "ordered model" in str(model.identity)
    outputs = model.multiply(random_codes(5, 3)[0], Schedule())
    np.testing.assert_array_equal(outputs, np.tile(np.floor(model.parameters.offset), (3, 1)))


def test_a_refused_programme_changes_nothing() -> None:
    model = ChipModel(random_chip(6))
    activations, weights = random_codes(6, 3)
    model.program(weights)
    before = model.multiply(activations, Schedule())
    with pytest.raises(BadInput, match="weight 64"):
        model.program(np.full((12, 7), 64))
    weights[:] = 0  # the model must hold its own copy
    np.testing.assert_array_equal(model.multiply(activations, Schedule()), before)


def test_ideal_counterpart_has_the_median_gain_and_nothing_else() -> None:
    chip = replace(random_chip(7, ()), ordered=False)
    ideal = ideal_counterpart(chip)
    assert np.unique(ideal.gain).tolist() == [np.median(chip.gain)]
    assert not ideal.noise.any()
    assert not ideal.offset.any()
    assert "ideal" in str(ChipModel(ideal).identity)
