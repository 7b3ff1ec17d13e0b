"""From the bare output of a synthesizer to a clip as it would have been recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Ranges of recording conditions; each is drawn with the same probability everywhere between.

    Attributes:
        shift_s: the middle of the word lies at most this far from the middle of the clip, in seconds.
        snr_db: power of the word over power of the noise, in decibel.
        peak_db: largest sample, in decibel of full scale.
    """

    shift_s: float
    snr_db: tuple[float, float]
    peak_db: tuple[float, float]


TRAINING = Conditions(shift_s=0.10, snr_db=(10.0, 40.0), peak_db=(-20.0, -0.5))
HELD_OUT = Conditions(shift_s=0.06, snr_db=(15.0, 35.0), peak_db=(-12.0, -1.0))


def conditions_of(split: str) -> Conditions:
    """Training clips vary widely, held-out ones moderately."""
    return TRAINING if split == "train" else HELD_OUT


def bare_word(wave: NDArray[np.int16], sample_rate: int, stretch: float) -> Floats:
    """A word at 16 kHz, stretched, without the silence around it, peak 1.

    Args:
        wave: shape (samples,), at ``sample_rate``.
        sample_rate: samples per second.
        stretch: factor of the duration; formants and pitch are divided by it.
    """
    padded = fft.next_fast_len(len(wave), real=True)
    spectrum = fft.rfft(wave.astype(np.float32), padded)
    size = fft.next_fast_len(round(padded * stretch * SAMPLE_RATE / sample_rate), real=False)
    resampled = fft.irfft(spectrum[: size // 2 + 1], size)
    loud = np.flatnonzero(np.abs(resampled) > 0.02 * np.max(np.abs(resampled)))
    word = resampled[loud[0] : loud[-1] + 1]
    return np.asarray(word / np.max(np.abs(word)), np.float32)


def clip_of_word(rng: np.random.Generator, word: Floats, backgrounds: Floats, conditions: Conditions) -> Floats:
    """One second with the word near its middle, in background noise, shape (16000,), within -1..1.

    A word longer than the clip loses both its ends.
    """
    background = _cut(rng, backgrounds[int(rng.integers(len(backgrounds)))])
    shift = round(rng.uniform(-1, 1) * conditions.shift_s * SAMPLE_RATE)
    level = float(np.sqrt(np.mean(np.square(word)))) * 10 ** (-rng.uniform(*conditions.snr_db) / 20)
    clip = background * np.float32(level)
    word = word[max(0, (len(word) - CLIP_SAMPLES) // 2) :][:CLIP_SAMPLES]
    start = int(np.clip((CLIP_SAMPLES - len(word)) // 2 + shift, 0, CLIP_SAMPLES - len(word)))
    clip[start : start + len(word)] += word
    return _scale(rng, clip, conditions)


def clip_of_silence(rng: np.random.Generator, backgrounds: Floats, conditions: Conditions) -> Floats:
    """One second of two mixed kinds of background noise, shape (16000,), within -1..1."""
    first, second = rng.choice(len(backgrounds), 2, replace=False)
    share = np.float32(rng.uniform(0, 1))
    clip = (1 - share) * _cut(rng, backgrounds[first]) + share * _cut(rng, backgrounds[second])
    return _scale(rng, clip, conditions)


def as_int16(clip: Floats) -> NDArray[np.int16]:
    """Samples of -1..1 as 16-bit codes."""
    return np.rint(np.clip(clip, -1, 1) * 32767).astype(np.int16)


def _cut(rng: np.random.Generator, background: Floats) -> Floats:
    start = int(rng.integers(len(background) - CLIP_SAMPLES + 1))
    return background[start : start + CLIP_SAMPLES]


def _scale(rng: np.random.Generator, clip: Floats, conditions: Conditions) -> Floats:
    peak = 10 ** (rng.uniform(*conditions.peak_db) / 20)
    return np.asarray(clip * np.float32(peak / np.max(np.abs(clip))), np.float32)
