from __future__ import annotations

import gzip
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from data.errors import BadInput
from data.images import FILES, crop, digits, find_images, flip, load_images
from data.images.cifar import read_python
from data.images.digits import enlarge
from data.labelled import Labelled, LabelledSet, split_by_class, standardised, with_validation
from tests.data.imagefiles import (
    drawn,
    idx_bytes,
    python2_batch,
    write_cifar_binary,
    write_cifar_python,
    write_mnist,
    write_svhn,
)

WRITERS: dict[str, Callable[[Path], Any]] = {
    "mnist": write_mnist,
    "fashion-mnist": lambda folder: write_mnist(folder, zipped=False),
    "svhn": write_svhn,
    "cifar-10": write_cifar_binary,
}


def test_digits_are_those_of_the_library_each_in_one_part() -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    found = digits()
    parts = np.concatenate([found.train.inputs, found.test.inputs]).reshape(-1, 64)
    assert found.shape == (1, 8, 8)
    assert found.train.inputs.dtype == np.float32
    assert np.array_equal(np.sort(parts @ np.arange(1.0, 65.0)), np.sort((pixels / 16.0) @ np.arange(1.0, 65.0)))
    for label in range(10):
        count = int(np.sum(labels == label))
        assert abs(np.sum(found.test.labels == label) - 0.3 * count) <= 0.5
    assert len(found.train) + len(found.test) == 1797


def test_the_parts_of_the_digits_are_always_the_same_and_follow_the_seed() -> None:
    assert digits().digest() == digits().digest()
    assert digits(seed=1).digest() != digits().digest()
    kinds = [digits(), digits(seed=1), digits(16), digits(16, "nearest")]
    assert len({kind.name for kind in kinds}) == len({kind.digest() for kind in kinds}) == 4
    assert np.array_equal(digits(16).train.labels, digits().train.labels)


@pytest.mark.parametrize("side", [16, 28, 11])
def test_enlarging_is_what_torch_makes_of_it(side: int) -> None:
    pictures = np.random.default_rng(1).random((3, 8, 8)).astype(np.float32)
    given = torch.from_numpy(pictures)[:, None]
    smooth = functional.interpolate(given, (side, side), mode="bilinear", align_corners=False)[:, 0].numpy()
    blocks = functional.interpolate(given, (side, side), mode="nearest-exact")[:, 0].numpy()
    assert np.allclose(enlarge(pictures, side, "bilinear"), smooth, atol=1e-6)
    assert np.array_equal(enlarge(pictures, side, "nearest"), blocks)


def test_digits_that_cannot_be_had_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="cannot be made 7 wide"):
        digits(7)
    with pytest.raises(BadInput, match="nearest or bilinear"):
        digits(16, "cubic")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(BadInput, match=r"install labctl\[studies\]"):
        digits()


def test_mnist_files_give_their_bytes(tmp_path: Path) -> None:
    images, labels = write_mnist(tmp_path)
    found = load_images("mnist", tmp_path)
    assert np.array_equal(np.rint(found.train.inputs[:, 0] * 255), images)
    assert found.train.inputs.max() <= 1.0
    assert np.array_equal(found.train.labels, labels)
    assert len(found.test) == 10
    assert found.shape == (1, 28, 28)
    assert found.validation is None


def test_svhn_images_stand_upright_and_ten_is_zero(tmp_path: Path) -> None:
    images, labels = write_svhn(tmp_path)
    found = load_images("svhn", tmp_path)
    for n, row, column, channel in ((0, 3, 5, 0), (7, 31, 0, 2)):
        assert round(float(found.train.inputs[n, channel, row, column]) * 255) == images[row, column, channel, n]
    assert np.array_equal(found.train.labels, labels[:, 0] % 10)


def test_cifar_is_the_same_in_both_versions(tmp_path: Path) -> None:
    pixels, labels = write_cifar_binary(tmp_path / "bin")
    write_cifar_python(tmp_path / "python")
    binary, python = load_images("cifar-10", tmp_path / "bin"), load_images("cifar-10", tmp_path / "python")
    assert binary.digest() == python.digest()
    assert len(binary.train) == 20
    assert np.array_equal(np.rint(binary.train.inputs[:4].reshape(4, -1) * 255), pixels)
    assert np.array_equal(binary.train.labels[:4], labels)


def test_batches_that_a_newer_python_wrote_are_read(tmp_path: Path) -> None:
    pixels = drawn((3, 3072))
    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": pixels, b"labels": [1, 2, 3]}, protocol=4))
    images, labels = read_python(tmp_path / "batch")
    assert np.array_equal(images.reshape(3, -1), pixels)
    assert labels.tolist() == [1, 2, 3]


def test_arrays_of_another_layout_or_type_are_refused(tmp_path: Path) -> None:
    pixels = drawn((3, 3072))
    for wrong in (np.asfortranarray(pixels), pixels.astype(np.float32), pixels[:, :100], pixels.astype(object)):
        (tmp_path / "batch").write_bytes(pickle.dumps({b"data": wrong, b"labels": [1, 2, 3]}, protocol=4))
        with pytest.raises(BadInput, match="not an array of bytes"):
            read_python(tmp_path / "batch")


@pytest.mark.parametrize(
    "call", [b"posix\nsystem\n", b"builtins\neval\n", b"numpy\nload\n", b"copyreg\n_reconstructor\n"]
)
def test_a_pickle_that_asks_for_anything_else_is_refused_unopened(tmp_path: Path, call: bytes) -> None:
    path = tmp_path / "batch"
    path.write_bytes(python2_batch(drawn((2, 3072)), [0, 1], call))
    with pytest.raises(BadInput, match="do not trust it"):
        read_python(path)


def test_damaged_batches_are_refused_or_read(tmp_path: Path) -> None:
    content, rng, path = python2_batch(drawn((1, 3072)), [4]), np.random.default_rng(3), tmp_path / "batch"
    frame = [*range(120), *range(len(content) - 40, len(content))]
    told = []
    for _ in range(400):
        damaged = bytearray(content)
        damaged[rng.choice(frame)] = rng.integers(256)
        path.write_bytes(bytes(damaged[: len(damaged) - int(rng.integers(3)) * int(rng.integers(40))]))
        try:
            images, labels = read_python(path)
        except BadInput as error:
            told.append(str(error))
            continue
        assert images.shape == (1, 3, 32, 32)
        assert 0 <= labels[0] < 10
    assert len(told) > 200
    assert all(str(path) in sentence for sentence in told)


@pytest.mark.parametrize("name", list(FILES))
def test_missing_files_are_named_with_where_to_get_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="get them from") as first:
        load_images(name, tmp_path)
    assert FILES[name][0][0] in str(first.value)
    WRITERS[name](tmp_path / name)
    assert find_images(tmp_path) == {name: tmp_path / name}
    gone = sorted((tmp_path / name).iterdir())[0]
    gone.unlink()
    with pytest.raises(BadInput, match=gone.name) as error:
        load_images(name, tmp_path / name)
    assert "http" not in str(error.value)
    assert find_images(tmp_path) == {}


@pytest.mark.parametrize("name", list(FILES))
def test_files_that_are_cut_off_are_refused(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for kept in (0, 3, 9, len(whole) // 2 + 1, len(whole) - 1):
            path.write_bytes(whole[:kept])
            with pytest.raises(BadInput, match=path.name):
                load_images(name, tmp_path)
        path.write_bytes(whole)
    assert len(load_images(name, tmp_path).train)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    from scipy.io import savemat

    write_mnist(tmp_path, zipped=False)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    good = labels.read_bytes()
    for content, sentence in (
        (good + b"\0", "goes on after its last value"),
        (images.read_bytes(), "begins with 00 00 08 03"),
        (idx_bytes(np.full(19, 3, np.uint8)), "20 images, but .* 19 labels"),
        (idx_bytes(np.full(20, 10, np.uint8)), "from 10 to 10"),
    ):
        labels.write_bytes(content)
        with pytest.raises(BadInput, match=sentence):
            load_images("mnist", tmp_path)
    write_svhn(tmp_path)
    savemat(tmp_path / "test_32x32.mat", {"X": drawn((32, 32, 3, 4)), "y": np.arange(4, dtype=np.uint8)[:, None]})
    with pytest.raises(BadInput, match="from 0 to 3"):
        load_images("svhn", tmp_path)
    savemat(tmp_path / "test_32x32.mat", {"X": drawn((28, 28, 4))})
    with pytest.raises(BadInput, match="no array y"):
        load_images("svhn", tmp_path)


def test_an_array_larger_than_any_set_is_not_read(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    head = bytes((0, 0, 8, 3)) + (1 << 30).to_bytes(4, "big") * 3
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + bytes(1000)))
    with pytest.raises(BadInput, match="more than any known set"):
        load_images("mnist", tmp_path)


def test_unknown_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="known are mnist"):
        load_images("imagenet", tmp_path)


def test_crops_are_moved_images() -> None:
    images = np.random.default_rng(0).random((50, 2, 6, 5)).astype(np.float32)
    found = crop(images, 2, np.random.default_rng(4), fill=-1.0)
    places = set()
    for before, after in zip(images, found, strict=True):
        wide = np.pad(before, ((0, 0), (2, 2), (2, 2)), constant_values=-1.0)
        fits = [(r, c) for r in range(5) for c in range(5) if np.array_equal(wide[:, r : r + 6, c : c + 5], after)]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 15
    assert np.array_equal(found, crop(images, 2, np.random.default_rng(4), fill=-1.0))
    assert np.array_equal(images, crop(images, 0, np.random.default_rng(4)))


def test_flips_mirror_about_half() -> None:
    images = np.random.default_rng(0).random((400, 1, 3, 4)).astype(np.float32)
    found = flip(images, np.random.default_rng(1))
    mirrored = [np.array_equal(a, b[..., ::-1]) for a, b in zip(found, images, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(found, images, strict=True)]
    assert np.all(np.logical_xor(mirrored, kept))
    assert 160 < sum(mirrored) < 240
    with pytest.raises(BadInput, match="from 0 to 1"):
        flip(images, np.random.default_rng(1), 1.5)


def test_validation_is_taken_out_of_training_alone() -> None:
    whole = digits()
    apart = with_validation(whole, 0.25, 5)
    assert apart.validation is not None
    assert apart.test is whole.test
    assert len(apart.train) + len(apart.validation) == len(whole.train)
    with pytest.raises(BadInput, match="of its own"):
        with_validation(apart, 0.25, 5)
    with pytest.raises(BadInput, match="above 0 and below 1"):
        split_by_class(whole.train.labels, 1.0, 0)


def test_standardised_channels_have_no_mean_and_unit_spread() -> None:
    rng = np.random.default_rng(0)
    part = Labelled((5 + 3 * rng.standard_normal((40, 3, 4, 4))).astype(np.float32), np.arange(40) % 2)
    found = standardised(LabelledSet("some", part, part, part.select(slice(0, 10)), ("a", "b"), "drawn"))
    assert np.allclose(found.train.inputs.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(found.train.inputs.std(axis=(0, 2, 3)), 1, atol=1e-5)
    assert np.array_equal(found.test.inputs, found.train.inputs[:10])
    flat = Labelled(np.zeros((4, 1, 2, 2), np.float32), np.zeros(4, np.int64))
    with pytest.raises(BadInput, match="constant"):
        standardised(LabelledSet("flat", flat, None, flat, ("a",), "drawn"))


def test_sets_whose_arrays_do_not_fit_are_refused() -> None:
    good = digits()
    wrong = {
        "the same in every part": Labelled(good.test.inputs[:, :, :4], good.test.labels),
        "one label for each": Labelled(good.test.inputs, good.test.labels[:-1]),
        "there are 10 classes": Labelled(good.test.inputs, good.test.labels + 1),
    }
    for sentence, part in wrong.items():
        with pytest.raises(BadInput, match=sentence):
            LabelledSet("digits", good.train, None, part, good.classes, "").check()


def test_unpickling_never_reaches_numpy() -> None:
    """The stand-ins answer for every name that a real batch asks for."""
    from data.images import cifar

    asked = []

    class Recorder(cifar._Reader):
        def find_class(self, module: str, name: str) -> Any:
            asked.append((module, name))
            return super().find_class(module, name)

    stream = io.BytesIO(python2_batch(drawn((1, 3072)), [0]))
    stream.name = "batch"  # type: ignore[attr-defined]
    content = Recorder(stream).load()
    assert asked == [("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")]
    assert type(content[b"data"]).__module__ == "data.images.cifar"
