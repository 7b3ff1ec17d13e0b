"""Background noise: coloured noise, mains hum, and the babble of other speakers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from data.speech.corpus import SAMPLE_RATE

Floats = NDArray[np.float32]

COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Exponent a of the amplitude spectrum f^-a of each colour."""


def coloured(rng: np.random.Generator, colour: str, samples: int) -> Floats:
    """Noise of unit RMS with the spectrum of ``colour`` above 20 Hz and nothing below, shape (samples,)."""
    size = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    frequency = fft.rfftfreq(size, 1 / SAMPLE_RATE)
    shape = np.where(frequency >= 20.0, np.maximum(frequency, 20.0) ** -COLOURS[colour], 0.0)
    return _unit(fft.irfft(spectrum * shape, size)[:samples])


def hum(rng: np.random.Generator, samples: int) -> Floats:
    """Mains hum: 50 or 60 Hz with falling harmonics of random strength, in a little pink noise; unit RMS."""
    time = np.arange(samples) / SAMPLE_RATE
    mains = rng.choice([50.0, 60.0]) * (1 + rng.uniform(-0.002, 0.002))
    order = np.arange(1, 21)
    strength = rng.exponential(size=order.size) / order
    phase = rng.uniform(0, 2 * np.pi, order.size)
    tones = np.sin(2 * np.pi * mains * time[:, None] * order + phase) @ strength
    return _unit(_unit(tones) + 0.2 * coloured(rng, "pink", samples))


def babble(rng: np.random.Generator, words: Sequence[Floats], samples: int, talkers: int = 5) -> Floats:
    """Several people talking at once: ``words`` in a random order, ``talkers`` deep, shape (samples,), unit RMS."""
    mixed = np.zeros(samples, np.float32)
    for _ in range(talkers):
        at = 0
        while at < samples:
            word = words[int(rng.integers(len(words)))][: samples - at]
            mixed[at : at + len(word)] += word
            at += len(word) + int(rng.integers(SAMPLE_RATE // 10))
    return _unit(mixed)


def pool(rng: np.random.Generator, seconds: float, words: Sequence[Floats] = ()) -> Floats:
    """Background recordings to cut clips from: white, pink, brown, hum and, where there are words, babble.

    Returns:
        shape (kinds, samples), each row of unit RMS; babble is the last.
    """
    samples = int(seconds * SAMPLE_RATE)
    kinds = [coloured(rng, colour, samples) for colour in COLOURS]
    kinds.append(hum(rng, samples))
    if words:
        kinds.append(babble(rng, words, samples))
    return np.stack(kinds)


def _unit(wave: NDArray[np.floating]) -> Floats:
    return np.asarray(wave / np.sqrt(np.mean(np.square(wave, dtype=np.float64))), np.float32)
