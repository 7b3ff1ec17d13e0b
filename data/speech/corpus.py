"""A corpus of spoken words as plain values: what every source of speech delivers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second of every waveform."""
CLIP_SAMPLES = 16_000
"""Samples of one clip: one second."""

Waves = NDArray[np.int16]
"""Waveforms of one second at 16 kHz, shape (n, 16000)."""


@dataclass(frozen=True)
class SpeechSplit:
    """One part of a corpus.

    Attributes:
        waves: waveforms at 16 kHz, shape (n, 16000), int16.
        labels: indices into ``data.speech.LABELS``, shape (n,), int64.
        speakers: who speaks, shape (n,), text; empty for silence.
        words: what is said, shape (n,), text; empty for silence.
    """

    waves: Waves
    labels: NDArray[np.int64]
    speakers: NDArray[np.str_]
    words: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: NDArray[np.integer] | slice) -> SpeechSplit:
        """Some of the clips, in the given order."""
        return SpeechSplit(self.waves[rows], self.labels[rows], self.speakers[rows], self.words[rows])


@dataclass(frozen=True)
class SpeechSet:
    """A corpus of ten keywords, unknown words and silence in three splits with no speaker in common.

    Attributes:
        train: to fit networks and encodings.
        validation: to choose settings.
        test: speakers never heard before, to be looked at last.
        other_synthesizer: test clips from a synthesizer that made nothing else here; None where there is none.
        backgrounds: background noise to mix into training clips, shape (kinds, samples), int16 at 16 kHz, or one row a
            recording, cut to the shortest.
        source: where the clips come from, in words.
        digest: SHA-256 of the content, hexadecimal: the same digest is the same corpus.
    """

    train: SpeechSplit
    validation: SpeechSplit
    test: SpeechSplit
    other_synthesizer: SpeechSplit | None
    backgrounds: NDArray[np.int16]
    source: str
    digest: str


def content_digest(splits: dict[str, SpeechSplit], backgrounds: NDArray[np.int16]) -> str:
    """SHA-256 over everything that a corpus holds, hexadecimal."""
    sha = hashlib.sha256()
    for name in sorted(splits):
        sha.update(name.encode())
        for item in fields(SpeechSplit):
            values = getattr(splits[name], item.name)
            payload = "\n".join(values).encode() if values.dtype.kind == "U" else np.ascontiguousarray(values).data
            sha.update(f"{item.name}{values.shape}".encode())
            sha.update(payload)
    sha.update(np.ascontiguousarray(backgrounds).data)
    return sha.hexdigest()


def make_speech_set(
    splits: dict[str, SpeechSplit], backgrounds: NDArray[np.int16], source: str, digest: str | None = None
) -> SpeechSet:
    """A corpus from its splits by name (train, validation, test and perhaps other_synthesizer)."""
    return SpeechSet(
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        other_synthesizer=splits.get("other_synthesizer"),
        backgrounds=backgrounds,
        source=source,
        digest=content_digest(splits, backgrounds) if digest is None else digest,
    )
