"""Cuts one-second clips out of an endless sound: when it is loud enough, or while a button is held."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE
from data.speech.wav import loudest_second

Sound = NDArray[np.int16]

BEFORE_S: Final = 0.25
"""What is kept of the time before the sound becomes loud: words begin softly."""
REST_S: Final = 0.15
"""For how long it must be quiet before the next word can begin."""
LONGEST_S: Final = 3.0
"""Longest time for which a held button records."""
QUIET_DB: Final = -120.0


def loudness(block: Sound) -> float:
    """Root mean square of a block in decibel of full scale; -120 for silence."""
    if not len(block):
        return QUIET_DB
    level = float(np.sqrt(np.mean(np.square(block, dtype=np.float64)))) / 32768.0
    return max(20.0 * float(np.log10(level)), QUIET_DB) if level > 0 else QUIET_DB


@dataclass(frozen=True, slots=True)
class Heard:
    """What a block of sound has led to.

    Attributes:
        level_db: its loudness in decibel of full scale.
        clip: a clip that is complete now, shape (16000,); None where none is.
    """

    level_db: float
    clip: Sound | None = None


class SoundTrigger:
    """Starts a clip when a block is louder than a threshold; the next one only after it was quiet.

    Args:
        threshold_db: in decibel of full scale.
    """

    def __init__(self, threshold_db: float = -35.0) -> None:
        self._threshold = threshold_db
        self._before: deque[Sound] = deque()
        self._kept: list[Sound] | None = None
        self._quiet_s = REST_S

    def feed(self, block: Sound, held: bool = False) -> Heard:
        """Take the next block, shape (samples,) at 16 kHz; a button counts for nothing here."""
        level = loudness(block)
        if self._kept is not None:
            self._kept.append(block)
            if sum(map(len, self._kept)) >= CLIP_SAMPLES:
                clip = np.concatenate(self._kept)[:CLIP_SAMPLES]
                self._kept, self._quiet_s = None, 0.0
                self._before.clear()
                return Heard(level, clip)
            return Heard(level)
        loud = level > self._threshold
        if loud and self._quiet_s >= REST_S:
            self._kept = [*self._before, block]
        self._quiet_s = 0.0 if loud else self._quiet_s + len(block) / SAMPLE_RATE
        self._remember(block)
        return Heard(level)

    def _remember(self, block: Sound) -> None:
        self._before.append(block)
        while sum(map(len, self._before)) - len(self._before[0]) >= BEFORE_S * SAMPLE_RATE:
            self._before.popleft()


class ButtonTrigger:
    """Records while a button is held; the loudest second of that is the clip."""

    def __init__(self) -> None:
        self._kept: list[Sound] = []
        self._waits_for_release = False

    def feed(self, block: Sound, held: bool = False) -> Heard:
        """Take the next block, and whether the button is held."""
        level = loudness(block)
        if not held:
            self._waits_for_release = False
            return Heard(level, self._take()) if self._kept else Heard(level)
        if self._waits_for_release:
            return Heard(level)
        self._kept.append(block)
        if sum(map(len, self._kept)) >= LONGEST_S * SAMPLE_RATE:
            self._waits_for_release = True
            return Heard(level, self._take())
        return Heard(level)

    def _take(self) -> Sound:
        clip = loudest_second(np.concatenate(self._kept))
        self._kept = []
        return clip
