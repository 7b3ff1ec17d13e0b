"""House numbers: SVHN's cropped digits in MATLAB files.

Y. Netzer and others, *Reading Digits in Natural Images with Unsupervised Feature Learning*, 2011. Each file has ``X``,
shape (32, 32, 3, n), and ``y``, shape (n, 1), where 10 stands for the digit 0.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from data.errors import BadInput

_SHAPE = (32, 32, 3)
# What scipy's reader raises on damaged files; it names the causes, we name the file.
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    MatReadError,
)


def read_svhn(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images, shape (n, 3, 32, 32), and digits 0 to 9, shape (n,).

    Raises:
        BadInput: the file cannot be read, is damaged, or holds something else.
    """
    try:
        content = loadmat(path, variable_names=["X", "y"])
    except _DAMAGED as error:
        raise BadInput(f"the file {path} cannot be read as a MATLAB file ({error}); fetch it again") from error
    missing = [name for name in ("X", "y") if name not in content]
    if missing:
        raise BadInput(
            f"the file {path} has no array {' and no array '.join(missing)}; SVHN's cropped digits have both"
        )
    images, labels = np.asarray(content["X"]), np.asarray(content["y"])
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != _SHAPE:
        raise BadInput(
            f"the array X of {path} has shape {images.shape} and type {images.dtype}; "
            "SVHN's cropped digits are bytes of shape (32, 32, 3, n)"
        )
    if labels.shape != (images.shape[3], 1) or labels.dtype.kind not in "ui":
        raise BadInput(f"the array y of {path} has shape {labels.shape}; X has {images.shape[3]} images")
    numbers = labels[:, 0].astype(np.int64)
    if np.any((numbers < 1) | (numbers > 10)):
        raise BadInput(f"the labels of {path} go from {numbers.min()} to {numbers.max()}; SVHN's go from 1 to 10")
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), numbers % 10
