"""Spoken words as small pictures, the input of keyword spotting networks: one channel, 10 coefficients x 49 frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.features import Features, centred, levelled, mfcc
from data.labelled import Labelled, LabelledSet, scaled
from data.speech import LABELS, SpeechSet, SpeechSplit

Progress = Callable[[float], None]


def keyword_pictures(speech: SpeechSet, progress: Progress | None = None) -> LabelledSet:
    """The MFCC of a corpus as pictures, shape (n, 1, 10, 49): coefficient by frame.

    Coefficients are those of :func:`data.features.mfcc`. What belongs to the voice rather than to the word is taken out
    as everywhere in labctl (:func:`data.features.centred`, :func:`data.features.levelled`); then each coefficient has
    mean 0 and standard deviation 1 over the training clips. All figures come from the training clips alone.

    Args:
        speech: synthetic speech or Speech Commands, see :func:`data.speech.load_speech`.
        progress: told the finished share, 0 to 1.

    Raises:
        BadInput: a coefficient is the same in all training clips.
    """
    parts = {"train": speech.train, "validation": speech.validation, "test": speech.test}
    total = sum(len(part) for part in parts.values())
    raw: dict[str, Features] = {}
    done = 0
    for name, part in parts.items():

        def report(share: float, start: int = done, count: int = len(part)) -> None:
            if progress is not None:
                progress((start + share * count) / total)

        raw[name] = mfcc(part.waves, report)
        done += len(part)
    spread = raw["train"].std(axis=(0, 1), dtype=np.float64).astype(np.float32)
    pictures = {name: _pictures(raw[name], spread, part) for name, part in parts.items()}
    found = LabelledSet(
        name="keywords",
        train=pictures["train"],
        validation=pictures["validation"],
        test=pictures["test"],
        classes=tuple(LABELS),
        source=f"10 MFCC of 49 frames, centred, levelled and scaled by the training clips; {speech.source}",
    )
    inputs = found.train.inputs
    mean = inputs.mean(axis=(0, 1, 3), dtype=np.float64)[:, None]
    deviation = inputs.std(axis=(0, 1, 3), dtype=np.float64)[:, None]
    found = scaled(found, mean, deviation)
    found.check()
    return found


def _pictures(features: Features, spread: Features, part: SpeechSplit) -> Labelled:
    even = levelled(centred(features), spread)
    return Labelled(np.ascontiguousarray(even.transpose(0, 2, 1)[:, None]), part.labels)
