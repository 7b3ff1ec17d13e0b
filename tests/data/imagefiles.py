"""Tiny image sets in the formats in which the real ones are given out, written byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

Bytes = NDArray[np.uint8]


def drawn(shape: tuple[int, ...], seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def idx_bytes(values: Bytes) -> bytes:
    return bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_mnist(folder: Path, count: int = 20, *, zipped: bool = True, side: int = 28) -> tuple[Bytes, Bytes]:
    """The four files; returns training images, shape (n, side, side), and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, size, seed in (("train", count, 1), ("t10k", count // 2, 2)):
        images, labels = drawn((size, side, side), seed), (np.arange(size) % 10).astype(np.uint8)
        for name, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx_bytes(values)
            path = folder / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return drawn((count, side, side), 1), (np.arange(count) % 10).astype(np.uint8)


def write_svhn(folder: Path, count: int = 12) -> tuple[Bytes, Bytes]:
    """Both files; returns training images, shape (32, 32, 3, n), and labels 1 to 10, shape (n, 1)."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
    for part, seed in (("train", 1), ("test", 2)):
        images = drawn((32, 32, 3, count), seed)
        savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels}, do_compression=True)
    return drawn((32, 32, 3, count), 1), labels


def write_cifar_binary(folder: Path, count: int = 4) -> tuple[Bytes, Bytes]:
    """All six batches; returns images of the first, shape (n, 3072), and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for seed, name in enumerate(names, 1):
        (folder / name).write_bytes(_records(count, seed).tobytes())
    records = _records(count, 1)
    return records[:, 1:], records[:, 0]


def _records(count: int, seed: int) -> Bytes:
    records = drawn((count, 3073), seed)
    records[:, 0] = np.arange(count) % 10
    return records


def write_cifar_python(folder: Path, count: int = 4) -> tuple[Bytes, Bytes]:
    """The same images in the Python version: pickles as Python 2 and its numpy wrote them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for seed, name in enumerate(names, 1):
        records = _records(count, seed)
        (folder / name).write_bytes(python2_batch(records[:, 1:], records[:, 0].tolist()))
    records = _records(count, 1)
    return records[:, 1:], records[:, 0]


def python2_batch(pixels: Bytes, labels: list[int], call: bytes = b"numpy.core.multiarray\n_reconstruct\n") -> bytes:
    """Opcodes of protocol 2, as in the batches that the makers give out."""

    def text(value: bytes) -> bytes:
        if len(value) < 256:
            return b"U" + bytes((len(value),)) + value
        return b"T" + struct.pack("<I", len(value)) + value

    def number(value: int) -> bytes:
        return b"K" + bytes((value,)) if 0 <= value < 256 else b"J" + struct.pack("<i", value)

    kind = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R"
    kind += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    array = b"c" + call + b"cnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"\x87R"
    shape = number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    array += b"(" + number(1) + shape + kind + b"\x89" + text(pixels.tobytes()) + b"tb"
    listed = b"](" + b"".join(number(label) for label in labels) + b"e"
    content = text(b"batch_label") + text(b"training batch 1 of 5") + text(b"labels") + listed
    return b"\x80\x02}(" + content + text(b"data") + array + b"u."
