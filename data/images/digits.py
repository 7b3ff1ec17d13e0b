"""The handwritten digits of scikit-learn: 1797 pictures of 8 x 8, there without any download.

E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998
(doi 10.24432/C50P49); scikit-learn carries its test part.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.labelled import Inputs, Labelled, LabelledSet, split_by_class

SIDE = 8
"""Pixels of a side as they come."""
LEVELS = 16.0
"""The largest grey value as it comes."""
TEST_SHARE = 0.3
SPLIT_SEED = 0
"""Which pictures are for testing is part of the set, the same for every training."""

Enlarging = Literal["nearest", "bilinear"]


def digits(side: int = SIDE, enlarging: Enlarging = "bilinear", *, seed: int = SPLIT_SEED) -> LabelledSet:
    """The digits, 70 % of each for training.

    Args:
        side: pixels of a side, at least 8; larger ones are enlarged, e.g. to 16 or 28.
        enlarging: ``nearest`` repeats pixels, ``bilinear`` interpolates between their centres.
        seed: draws which pictures are for testing.

    Returns:
        inputs in [0, 1], shape (n, 1, side, side); no validation part.

    Raises:
        BadInput: a side below 8, an unknown way of enlarging, or scikit-learn is not installed.
    """
    if side < SIDE:
        raise BadInput(f"digits have {SIDE} pixels a side; they cannot be made {side} wide")
    if enlarging not in ("nearest", "bilinear"):
        raise BadInput(f"digits cannot be enlarged by {enlarging!r}; take nearest or bilinear")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise BadInput("the digits come with scikit-learn; install labctl[studies]") from error
    pixels, labels = load_digits(return_X_y=True)
    grey = np.asarray(pixels, np.float32).reshape(-1, SIDE, SIDE) / np.float32(LEVELS)
    every = Labelled(enlarge(grey, side, enlarging)[:, None], np.asarray(labels, np.int64))
    train, test = split_by_class(every.labels, TEST_SHARE, seed)
    changed = "" if side == SIDE else f", enlarged to {side} x {side} ({enlarging})"
    name = "digits" if side == SIDE else f"digits-{side}"
    # Other pictures under one name would be one set in a table.
    name += "-nearest" if side != SIDE and enlarging == "nearest" else ""
    name += "" if seed == SPLIT_SEED else f"-split{seed}"
    found = LabelledSet(
        name=name,
        train=every.select(train),
        validation=None,
        test=every.select(test),
        classes=tuple("0123456789"),
        source=f"handwritten digits of scikit-learn, 8 x 8{changed}; test pictures drawn with seed {seed}",
    )
    found.check()
    return found


def enlarge(pictures: Inputs, side: int, enlarging: Enlarging) -> Inputs:
    """Pictures of shape (n, h, w) with ``side`` pixels a side; corners of the outer pixels stay in place."""
    down, across = (_weights(size, side, enlarging) for size in pictures.shape[1:])
    return np.asarray(np.einsum("ih,nhw,jw->nij", down, pictures, across, optimize=True), np.float32)


def _weights(size: int, side: int, enlarging: Enlarging) -> NDArray[np.float64]:
    """What each new pixel takes of each old one along one side, shape (side, size)."""
    centres = (np.arange(side) + 0.5) * size / side - 0.5
    if enlarging == "nearest":
        # In whole numbers: a new centre between two old pixels belongs to the second.
        return np.eye(size)[(2 * np.arange(side) + 1) * size // (2 * side)]
    inside = np.clip(centres, 0, size - 1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(inside[:, None] - np.arange(size))), np.float64)
