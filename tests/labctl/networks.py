"""A small network of two layers, for tests that need any."""

import numpy as np

from data.values import Geometry, Schedule
from models.network import IntegerNetwork, Layer, even_splits

GEOMETRY = Geometry(rows=16, columns=12)


def network() -> IntegerNetwork:
    """40 inputs in three blocks, 10 outputs, 3 classes."""
    rng = np.random.default_rng(6)

    def layer(inputs: int, outputs: int) -> Layer:
        return Layer(
            weights=rng.integers(-40, 41, (inputs, outputs)).astype(np.int8),
            bias=np.zeros(outputs, np.int32),
            splits=even_splits(inputs, GEOMETRY.rows),
            columns=np.arange(outputs)[::-1].copy(),
            shift=1,
            schedule=Schedule(settle_ns=0),
        )

    return IntegerNetwork(GEOMETRY, (layer(40, 10), layer(10, 3)), 0.1, ("yes", "no", "silence"))
