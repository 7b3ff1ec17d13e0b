"""What the networks of the study learn, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from data.images import FILES, digits, load_images
from data.keywords import keyword_pictures
from data.labelled import Labelled, LabelledSet, scaled, standardised
from data.speech import load_speech
from labctl.studies.walking.names import KEYWORDS

_DIGITS = re.compile(r"digits(?:-([0-9]{1,3}))?")
_FILE = "keywords.npz"
HELD_OUT = 500
"""Training samples by which midpoints are found that budgets are drawn up from; none of the test samples are."""


def check_name(name: str) -> None:
    """Raise :class:`BadInput` unless there is data of this name."""
    if name != KEYWORDS and name not in FILES and not _DIGITS.fullmatch(name):
        raise BadInput(f"there is no data {name!r}; known are digits, digits-SIDE, {KEYWORDS}, {', '.join(FILES)}")


def load_data(settings: Mapping[str, Any], needs: Mapping[str, Path]) -> LabelledSet:
    """The data of a point.

    Pixels go in as the experiments of arXiv 2212.10430 have them: digits and MNIST from 0 to 1, FashionMNIST from -1 to
    1, photographs with mean 0 and standard deviation 1 in each colour.

    Args:
        settings: of the point: ``data`` and ``images``.
        needs: finished folders that it needs; that of the keywords.

    Raises:
        BadInput: there is no such data, or its files are missing or damaged.
    """
    name = settings["data"]
    check_name(name)
    if name == KEYWORDS:
        return _keywords(needs[KEYWORDS])
    if name in FILES:
        images = load_images(name, Path(settings["images"]) / name)
        if name == "fashion-mnist":
            half = np.array(0.5)
            return scaled(images, half, half)
        return images if name == "mnist" else standardised(images)
    side = _DIGITS.fullmatch(name)
    return digits(int(side[1])) if side and side[1] else digits()


def keep_keywords(settings: Mapping[str, Any], place: Path) -> LabelledSet:
    """Compute the keywords' features and write them into the folder of their point."""
    recordings = settings["recordings"]
    source = Path(recordings) if recordings else None
    found = keyword_pictures(load_speech(source, size=settings["size"], seed=settings["seed"]))
    held = found.validation
    if held is None:
        raise BadInput("the speech has no validation part")
    parts = {"train": found.train, "validation": held, "test": found.test}
    arrays = {f"{name}/{field}": getattr(part, field) for name, part in parts.items() for field in ("inputs", "labels")}
    np.savez(place / _FILE, classes=np.array(found.classes), source=np.array(found.source), **arrays)
    return found


def _keywords(folder: Path) -> LabelledSet:
    with np.load(folder / _FILE, allow_pickle=False) as stored:
        parts = {
            name: Labelled(stored[f"{name}/inputs"], stored[f"{name}/labels"])
            for name in ("train", "validation", "test")
        }
        classes, source = tuple(stored["classes"].tolist()), str(stored["source"])
    found = LabelledSet(KEYWORDS, parts["train"], parts["validation"], parts["test"], classes, source)
    found.check()
    return found


def budgeting_part(data: LabelledSet) -> Labelled:
    """Samples by which budgets of repeats may be drawn up: validation where there is some, else some of training."""
    return spread(data.train if data.validation is None else data.validation, HELD_OUT)


def spread(part: Labelled, count: int) -> Labelled:
    """At most so many samples, evenly from the whole part: recordings come word by word, the first are all one word."""
    chosen = min(count, len(part))
    return part.select(np.arange(chosen) * len(part) // max(chosen, 1))
