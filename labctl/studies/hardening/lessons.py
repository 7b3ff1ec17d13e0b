"""Data and networks by their names in a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.images import digits
from data.keywords import keyword_pictures
from data.labelled import Labelled, LabelledSet, with_validation
from data.speech import SpeechSet
from labctl.studies.hardening.plan import KEYWORDS, Lesson

if TYPE_CHECKING:
    import torch
    from torch import nn

VALIDATION_SHARE = 0.2
"""Of the training part of a set that has no validation part."""
_SIDES = {"digits": 8, "digits-16": 16}


def lesson_of(settings: Mapping[str, Any]) -> Lesson:
    """The lesson of a point."""
    return Lesson(**settings["lesson"])


def load_data(name: str, needs: Mapping[str, Path]) -> LabelledSet:
    """A data set with its validation part, the same for every point.

    Raises:
        BadInput: there is none of this name, or scikit-learn, which brings the digits, is not installed.
    """
    if name == KEYWORDS:
        return _load(needs[KEYWORDS])
    if name not in _SIDES:
        raise BadInput(f"the hardening study has no data {name}; there are {', '.join((*_SIDES, KEYWORDS))}")
    return with_validation(digits(_SIDES[name]), VALIDATION_SHARE, seed=0)


def builder(name: str, data: LabelledSet) -> Callable[[torch.Generator], nn.Module]:
    """Makes a network, without batch norm, for a data set.

    Raises:
        BadInput: there is no network of this name here.
    """
    from models import nets

    if name not in ("mlp", "lenet5", "cnn_s"):
        raise BadInput(f"the hardening study has no network {name}; there are mlp, lenet5 and cnn_s")
    return partial(getattr(nets, name), shape=data.shape, classes=len(data.classes), batch_norm=False)


def save_keywords(speech: SpeechSet, place: Path) -> LabelledSet:
    """Keywords as pictures, made once and written for all points."""
    pictures = keyword_pictures(speech)
    arrays: dict[str, NDArray[np.generic]] = {
        "classes": np.array(pictures.classes),
        "source": np.array(pictures.source),
    }
    for name in ("train", "validation", "test"):
        part: Labelled = getattr(pictures, name)
        arrays |= {f"{name}.inputs": part.inputs, f"{name}.labels": part.labels}
    np.savez(place / "keywords.npz", **arrays)  # type: ignore[arg-type]
    return pictures


def _load(place: Path) -> LabelledSet:
    with np.load(place / "keywords.npz", allow_pickle=False) as stored:
        parts = {
            name: Labelled(stored[f"{name}.inputs"], stored[f"{name}.labels"])
            for name in ("train", "validation", "test")
        }
        classes = tuple(str(name) for name in stored["classes"])
        return LabelledSet(KEYWORDS, **parts, classes=classes, source=str(stored["source"]))
