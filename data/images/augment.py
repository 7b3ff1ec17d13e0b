"""Training images moved and mirrored at random; what is drawn comes from a generator that the caller owns."""

from __future__ import annotations

import numpy as np

from data.errors import BadInput
from data.labelled import Inputs


def crop(images: Inputs, padding: int, rng: np.random.Generator, fill: float = 0.0) -> Inputs:
    """Each image padded on all sides and cut out again at a random place: moved by up to ``padding`` pixels.

    Args:
        images: shape (n, channels, height, width).
        padding: pixels, at least 0.
        rng: draws the places.
        fill: value of the pixels that come in from outside.

    Raises:
        BadInput: a negative padding, or an array of another shape.
    """
    _check(images)
    if padding < 0:
        raise BadInput(f"images cannot be padded by {padding} pixels")
    count, _, height, width = images.shape
    wide = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    top, left = rng.integers(0, 2 * padding + 1, (2, count))
    rows = (top[:, None] + np.arange(height))[:, None, :, None]
    columns = (left[:, None] + np.arange(width))[:, None, None, :]
    channels = np.arange(images.shape[1])[None, :, None, None]
    return np.asarray(wide[np.arange(count)[:, None, None, None], channels, rows, columns])


def flip(images: Inputs, rng: np.random.Generator, share: float = 0.5) -> Inputs:
    """Each image mirrored left to right with probability ``share``.

    Args:
        images: shape (n, channels, height, width).
        rng: draws which.
        share: 0 to 1.

    Raises:
        BadInput: a share that is no probability, or an array of another shape.
    """
    _check(images)
    if not 0 <= share <= 1:
        raise BadInput(f"the share of mirrored images is {share}; it must be from 0 to 1")
    mirrored = rng.random(len(images)) < share
    return np.where(mirrored[:, None, None, None], images[..., ::-1], images)


def _check(images: Inputs) -> None:
    if images.ndim != 4:
        raise BadInput(f"images have shape {images.shape}; it must be (n, channels, height, width)")
