"""Chips drawn at random, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from data import Geometry
from models.parameters import ChipParameters, Term

SMALL = Geometry(rows=12, columns=7)


def random_chip(
    seed: int = 0,
    terms: Collection[Term] = ("leak", "rails"),
    geometry: Geometry = SMALL,
    gain: float = 0.01,
    noise: float = 0.0,
    rail: float = 20.0,
) -> ChipParameters:
    """An ordered chip in which every parameter of the terms in use is away from its neutral value."""
    rng = np.random.default_rng(seed)
    columns, rows = geometry.columns, geometry.rows

    def spread(value: float, share: float = 0.1) -> np.ndarray:
        return value * (1 + share * rng.standard_normal(columns))

    codes = np.arange(geometry.activation_max + 1.0)
    weights = np.arange(-geometry.weight_max, geometry.weight_max + 1.0)
    row_gain = 1 + 0.03 * rng.standard_normal(rows)
    infinite = np.full(columns, np.inf)
    chip = ChipParameters.ideal(geometry, gain)
    return replace(
        chip,
        ordered=True,
        terms=frozenset(terms),
        activation_curve=codes * (1 - 0.002 * codes),
        row_gain=row_gain / row_gain.mean(),
        weight_curve=weights * (1 - 0.0005 * np.abs(weights)),
        asymmetry=0.02 * rng.standard_normal(columns),
        gain=spread(gain),
        offset=4 * rng.standard_normal(columns),
        noise=np.full(columns, noise),
        tau_membrane_ns=spread(1500.0) if "leak" in terms else infinite,
        rail_low=-spread(rail) if "rails" in terms else -infinite,
        rail_high=spread(rail) if "rails" in terms else infinite,
        tau_line_ns=spread(100.0) if "line" in terms else np.zeros(columns),
        line_limit=spread(900.0) if "line" in terms else infinite,
    )


def random_codes(
    seed: int, vectors: int, geometry: Geometry = SMALL, zeros: float = 0.4
) -> tuple[np.ndarray, np.ndarray]:
    """Activations (vectors, rows) with a share of zeros, and weights (rows, columns)."""
    rng = np.random.default_rng(seed)
    activations = rng.integers(0, geometry.activation_max + 1, (vectors, geometry.rows))
    activations[rng.random(activations.shape) < zeros] = 0
    weights = rng.integers(-geometry.weight_max, geometry.weight_max + 1, (geometry.rows, geometry.columns))
    return activations.astype(np.uint8), weights.astype(np.int8)
