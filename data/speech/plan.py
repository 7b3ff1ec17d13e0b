"""What the synthetic corpus says: every utterance with its voice, rate and pitch, drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.speech.voices import ACCENTS, SPLITS, voices_of
from data.speech.words import KEYWORDS, label_of, unknown_words

Size = Literal["tiny", "small", "full"]


@dataclass(frozen=True, slots=True)
class SplitSize:
    """How many clips a split has: of each keyword, of unknown words, of silence; and in how many shards it is made."""

    per_word: int
    unknown: int
    silence: int
    shards: int


SIZES: dict[Size, dict[str, SplitSize]] = {
    "tiny": {
        "train": SplitSize(24, 24, 24, 1),
        "validation": SplitSize(8, 8, 8, 1),
        "test": SplitSize(8, 8, 8, 1),
    },
    "small": {
        "train": SplitSize(400, 600, 300, 4),
        "validation": SplitSize(80, 80, 80, 1),
        "test": SplitSize(80, 80, 80, 1),
    },
    "full": {
        "train": SplitSize(1300, 2600, 900, 12),
        "validation": SplitSize(150, 150, 150, 2),
        "test": SplitSize(200, 200, 200, 2),
    },
}
"""Clips by size of corpus. ``tiny`` is for tests (a second or two), ``full`` is what networks are trained on."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One clip to be made.

    Attributes:
        word: what is said, empty for silence.
        label: index into LABELS.
        variant: who says it, empty for silence.
        accent: the accent's name in espeak-ng.
        rate: words per minute, 80 to 450 (espeak-ng's normal is 175).
        pitch: 0 to 99 (normal 50).
        pitch_range: 0 to 99 (normal 50).
        stretch: duration and inverse formant frequencies are multiplied by this, as a longer vocal tract would.
    """

    word: str
    label: int
    variant: str
    accent: str
    rate: int
    pitch: int
    pitch_range: int
    stretch: float


@dataclass(frozen=True, slots=True)
class _Manner:
    """Ranges from which the manner of speaking is drawn, the same probability everywhere between."""

    rate: tuple[int, int]
    pitch: tuple[int, int]
    pitch_range: tuple[int, int]
    stretch: tuple[float, float]


_TRAINING = _Manner(rate=(125, 230), pitch=(20, 85), pitch_range=(20, 85), stretch=(0.72, 1.25))
_HELD_OUT = _Manner(rate=(140, 210), pitch=(35, 65), pitch_range=(35, 65), stretch=(1.0, 1.0))


def plan(size: Size, seed: int, split: str) -> tuple[Utterance, ...]:
    """The utterances of one split in a drawn order; every voice and accent says about as many of each word."""
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    counts = SIZES[size][split]
    manner = _TRAINING if split == "train" else _HELD_OUT
    wanted = [word for word in KEYWORDS for _ in range(counts.per_word)]
    others = unknown_words(split)
    wanted += [others[i % len(others)] for i in range(counts.unknown)]
    pairs = [(voice.variant, accent) for voice in voices_of(split) for accent in ACCENTS]
    speakers: list[int] = []
    while len(speakers) < len(wanted):
        speakers += rng.permutation(len(pairs)).tolist()
    utterances = [_draw(rng, manner, word, *pairs[s]) for word, s in zip(wanted, speakers, strict=False)]
    utterances += [Utterance("", label_of(""), "", "", 0, 0, 0, 1.0)] * counts.silence
    return tuple(utterances[i] for i in rng.permutation(len(utterances)))


def shard_of(size: Size, seed: int, split: str, shard: int) -> tuple[Utterance, ...]:
    """One shard of a split, ordered by voice, because changing the voice costs espeak-ng more than speaking."""
    part = plan(size, seed, split)[shard :: SIZES[size][split].shards]
    return tuple(sorted(part, key=lambda u: (u.variant, u.accent)))


def _draw(rng: np.random.Generator, manner: _Manner, word: str, variant: str, accent: str) -> Utterance:
    return Utterance(
        word=word,
        label=label_of(word),
        variant=variant,
        accent=accent,
        rate=int(rng.integers(*manner.rate, endpoint=True)),
        pitch=int(rng.integers(*manner.pitch, endpoint=True)),
        pitch_range=int(rng.integers(*manner.pitch_range, endpoint=True)),
        stretch=float(rng.uniform(*manner.stretch)),
    )
