"""What training under additive noise does to weights and signals: both can simply grow until the noise is small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

Arrays = Mapping[str, NDArray[np.floating]]


def weight_growth(trained: Arrays, reference: Arrays) -> dict[str, float]:
    """Root mean square of each layer's weights over that of the same layer of another network.

    Args:
        trained: weights by layer.
        reference: those of the network trained without noise from the same seed.

    Raises:
        BadInput: other layers or shapes, or reference weights that are all zero.
    """
    if trained.keys() != reference.keys():
        raise BadInput(f"the networks have layers {', '.join(trained)} and {', '.join(reference)}")
    growth = {}
    for name, weights in trained.items():
        if weights.shape != reference[name].shape:
            raise BadInput(f"the weights {name} have shapes {weights.shape} and {reference[name].shape}")
        size = _root_mean_square(reference[name])
        if not size > 0:
            raise BadInput(f"the reference weights {name} are all zero; nothing can be said of their growth")
        growth[name] = _root_mean_square(weights) / size
    return growth


def signal_to_noise(activations: NDArray[np.floating], strength: float) -> float:
    """Standard deviation of activations over all samples and units, over that of additive noise.

    The mean over samples of a unit says nothing about the sample, so it does not count as signal.

    Args:
        activations: shape (samples, ...), at least two samples.
        strength: of the noise, positive.

    Raises:
        BadInput: one sample, or a strength that is not positive.
    """
    if len(activations) < 2:
        raise BadInput("a signal shows in at least two samples")
    if not strength > 0:
        raise BadInput(f"the strength of the noise is {strength}; it must be positive")
    signal = np.asarray(activations, np.float64) - np.mean(activations, axis=0, dtype=np.float64)
    return _root_mean_square(signal) / strength


def _root_mean_square(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
