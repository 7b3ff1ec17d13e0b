"""The usual image sets from a folder, in the files that their makers give out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from data.errors import BadInput
from data.images.cifar import read_binary, read_python
from data.images.idx import read_idx
from data.images.svhn import read_svhn
from data.labelled import Labelled, LabelledSet

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]
Reader = Callable[[Path], Part]


@dataclass(frozen=True)
class _Form:
    """One of the forms in which a set is given out.

    Attributes:
        train: files of the training part; those of an IDX set in pairs of images and labels.
        test: files of the test part.
        read: reads the files of a part, in a folder.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    read: Callable[[Path, tuple[str, ...]], Part]


@dataclass(frozen=True)
class _Known:
    """A set: its classes, its forms, and where its makers give it out."""

    title: str
    classes: tuple[str, ...]
    site: str
    forms: tuple[_Form, ...]


def _idx_pair(folder: Path, names: tuple[str, ...]) -> Part:
    images, labels = read_idx(folder / names[0], 3), read_idx(folder / names[1], 1)
    return images[:, None], labels.astype(np.int64)


def _joined(read: Reader) -> Callable[[Path, tuple[str, ...]], Part]:
    def part(folder: Path, names: tuple[str, ...]) -> Part:
        batches = [read(folder / name) for name in names]
        return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])

    return part


def _idx_form(ending: str) -> _Form:
    train = (f"train-images-idx3-ubyte{ending}", f"train-labels-idx1-ubyte{ending}")
    test = (f"t10k-images-idx3-ubyte{ending}", f"t10k-labels-idx1-ubyte{ending}")
    return _Form(train, test, _idx_pair)


_IDX = (_idx_form(".gz"), _idx_form(""))
_DIGITS = tuple("0123456789")

_SETS: Mapping[str, _Known] = {
    "mnist": _Known("MNIST", _DIGITS, "the MNIST page of Yann LeCun", _IDX),
    "fashion-mnist": _Known(
        "FashionMNIST",
        ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        "the repository fashion-mnist of Zalando Research",
        _IDX,
    ),
    "svhn": _Known(
        "SVHN",
        _DIGITS,
        "the Street View House Numbers page of Stanford University (format 2, cropped digits)",
        (_Form(("train_32x32.mat",), ("test_32x32.mat",), _joined(read_svhn)),),
    ),
    "cifar-10": _Known(
        "CIFAR-10",
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        "the CIFAR page of the University of Toronto (binary or Python version)",
        (
            _Form(tuple(f"data_batch_{i}.bin" for i in range(1, 6)), ("test_batch.bin",), _joined(read_binary)),
            _Form(tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",), _joined(read_python)),
        ),
    ),
}

FILES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    name: tuple((*form.train, *form.test) for form in known.forms) for name, known in _SETS.items()
}
"""The names of the sets, and the files of each form that a set is given out in."""


def default_folder() -> Path:
    """Where this user's image sets are looked for, each in a folder of its name."""
    return Path(platformdirs.user_data_dir("labctl", appauthor=False)) / "images"


def load_images(name: str, folder: Path) -> LabelledSet:
    """A set from its files in ``folder``, in its own training and test parts.

    Args:
        name: one of :data:`FILES`.
        folder: where the files of one of the set's forms lie.

    Returns:
        inputs in [0, 1], shape (n, channels, height, width); no validation part.

    Raises:
        BadInput: there is no such set; files are missing (the sentence says which, and who gives them out), damaged or
            do not belong together.
    """
    known = _known(name)
    form = _complete(known, folder)
    if form is None:
        raise BadInput(_missing(known, folder))
    train, test = _part(folder, form.train, form), _part(folder, form.test, form)
    found = LabelledSet(name, train, None, test, known.classes, f"{known.title} from files in {folder.name}")
    found.check()
    return found


def find_images(folder: Path) -> dict[str, Path]:
    """The sets whose files are all in ``folder/NAME``, by name; in the order of :data:`FILES`."""
    return {name: folder / name for name, known in _SETS.items() if _complete(known, folder / name) is not None}


def _known(name: str) -> _Known:
    if name not in _SETS:
        raise BadInput(f"there is no image set {name!r}; known are {', '.join(_SETS)}")
    return _SETS[name]


def _complete(known: _Known, folder: Path) -> _Form | None:
    """The first form whose files are all there."""
    whole = (form for form in known.forms if all((folder / item).is_file() for item in (*form.train, *form.test)))
    return next(whole, None)


def _missing(known: _Known, folder: Path) -> str:
    """What is not there, for the form that most is there of."""
    gaps = [[item for item in (*form.train, *form.test) if not (folder / item).is_file()] for form in known.forms]
    fewest = min(gaps, key=len)
    return f"{known.title} needs {', '.join(fewest)} in {folder}; get them from {known.site}"


def _part(folder: Path, names: tuple[str, ...], form: _Form) -> Labelled:
    images, labels = form.read(folder, names)
    if len(images) != len(labels):
        raise BadInput(f"{names[0]} in {folder} has {len(images)} images, but {names[-1]} {len(labels)} labels")
    return Labelled(images.astype(np.float32) / np.float32(255), labels)
