"""Midpoints of "Walking Noise" (Borras et al., arXiv 2212.10430), as far as its public repository gives them.

Additive noise, networks trained without noise. The levels everywhere are those of its experiments with repeated
execution. Those of single points are not published as such: they were worked back from the whole numbers of repeats of
those experiments, which are proportional to 1/midpoint, 1/midpoint squared and 1/root of the midpoint; their scale is
uncertain by some 10 %, and large ones are coarse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Network = tuple[str, str, bool]
"""Data, net, batch norm."""

EVERYWHERE_LEVELS: Final[Mapping[Network, float]] = {
    ("mnist", "mlp", True): 0.350,
    ("mnist", "mlp", False): 0.471,
    ("cifar-10", "mlp", True): 0.333,
    ("cifar-10", "mlp", False): 1.634,
    ("mnist", "lenet5", True): 0.238,
    ("mnist", "lenet5", False): 0.607,
    ("cifar-10", "lenet5", True): 0.197,
    ("cifar-10", "lenet5", False): 0.250,
}

LAYER_LEVELS: Final[Mapping[Network, tuple[float, ...]]] = {
    ("mnist", "mlp", False): (0.53, 3.3, 2.4, 7.4, 5.8, 19, 17, 45),
    ("mnist", "mlp", True): (0.52, 2.0, 1.14, 0.85, 1.4, 2.0, 1.3, 3.1, 6.0, 5.1, 18),
    ("cifar-10", "mlp", False): (3.5, 29, 24, 29, 14, 13, 5.7, 2.5),
    ("cifar-10", "mlp", True): (3.4, 38, 0.85, 0.69, 1.2, 1.2, 0.89, 1.5, 2.0, 1.4, 2.9),
    ("mnist", "lenet5", False): (1.0, 2.1, 1.8, 2.2, 4.2, 3.2, 5.4, 17, 11, 26, 22, 29),
    ("mnist", "lenet5", True): (
        *(0.54, 0.45, 1.6, 1.2, 1.5, 1.9, 1.5, 1.07, 1.8, 4.2, 2.7, 1.7, 4.1, 7.2, 5.9),
        15,
    ),
    ("cifar-10", "lenet5", False): (0.46, 0.58, 0.44, 0.61, 1.4, 0.64, 1.6, 6.4, 4.1, 7.5, 5.1, 4.1),
    ("cifar-10", "lenet5", True): (
        *(0.50, 0.84, 0.61, 0.54, 0.59, 1.5, 0.59, 0.39, 1.07, 4.6, 1.14, 0.83, 2.2, 2.2, 1.5),
        4.6,
    ),
}
"""In the order of the operations: the input, then each layer, batch norm, rectifier and pool."""
