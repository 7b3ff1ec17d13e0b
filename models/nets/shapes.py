"""Sizes of images on their way through a network, and which of them cannot be."""

from __future__ import annotations

from data.errors import BadInput

Size = tuple[int, int]


def check_classes(classes: int) -> None:
    """Raise :class:`BadInput` unless there are at least two."""
    if classes < 2:
        raise BadInput(f"a network must tell at least 2 classes apart, not {classes}")


def image(shape: tuple[int, ...], net: str) -> tuple[int, Size]:
    """Channels and size of images of ``shape`` (channels, height, width).

    Raises:
        BadInput: another number of axes, or nothing on one of them.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise BadInput(f"{net} takes images of shape (channels, height, width), not {shape}")
    return shape[0], (shape[1], shape[2])


def after(size: Size, kernel: Size, stride: Size = (1, 1), padding: Size = (0, 0)) -> Size:
    """Size after a convolution or pooling, 0 or less where nothing is left."""
    height, width = (
        (side + 2 * around - reach) // step + 1
        for side, reach, step, around in zip(size, kernel, stride, padding, strict=True)
    )
    return height, width
