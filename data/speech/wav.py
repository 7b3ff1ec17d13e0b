"""Recordings as people have them: any WAV file as one second at 16 kHz."""

from __future__ import annotations

import struct
import warnings
from math import gcd
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE

LONGEST_S: Final = 600.0
RATES_HZ: Final = (4_000, 384_000)


def clip_from_wav(path: Path) -> NDArray[np.int16]:
    """The loudest second of a recording at 16 kHz, shape (16000,); a shorter one has silence around it.

    Channels are averaged, other sample rates are converted (:func:`scipy.signal.resample_poly`).

    Raises:
        BadInput: the file cannot be read as WAV, is empty, or longer than ten minutes; the sentence names it.
    """
    rate, samples = _read(path)
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise BadInput(f"the recording {path} has {rate} samples a second; {RATES_HZ[0]} to {RATES_HZ[1]} can be used")
    if not len(samples) or len(samples) > LONGEST_S * rate:
        raise BadInput(
            f"the recording {path} lasts {len(samples) / rate:.0f} s; it may last up to {LONGEST_S:.0f} s, not 0"
        )
    if rate != SAMPLE_RATE:
        from scipy.signal import resample_poly

        common = gcd(rate, SAMPLE_RATE)
        samples = resample_poly(samples, SAMPLE_RATE // common, rate // common)
    return loudest_second(np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16))


def loudest_second(wave: NDArray[np.int16]) -> NDArray[np.int16]:
    """The second of a waveform at 16 kHz in which most power lies, its loud part in the middle, shape (16000,)."""
    if len(wave) <= CLIP_SAMPLES:
        before = (CLIP_SAMPLES - len(wave)) // 2
        return np.pad(wave, (before, CLIP_SAMPLES - len(wave) - before))
    power = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    # Of equally loud seconds the middle one: a word does not begin at the edge.
    within = power[CLIP_SAMPLES:] - power[:-CLIP_SAMPLES]
    best = np.flatnonzero(within >= within.max() * (1 - 1e-6))
    start = int(best[len(best) // 2])
    return wave[start : start + CLIP_SAMPLES].copy()


def _read(path: Path) -> tuple[int, NDArray[np.float64]]:
    """Samples a second, and the samples within -1..1, shape (samples,)."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # notes of other programs beside the sound
            rate, samples = wavfile.read(path)
    except OSError as error:
        raise BadInput(f"the recording {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, MemoryError, ZeroDivisionError, KeyError, UnboundLocalError, struct.error) as error:
        # what scipy raises for a damaged or foreign file
        raise BadInput(f"the recording {path} is no WAV file that can be used ({error})") from error
    return int(rate), _scaled(np.asarray(samples))


def _scaled(samples: NDArray[Any]) -> NDArray[np.float64]:
    kind = samples.dtype
    level = samples.astype(np.float64)
    if kind.kind == "u":
        level = (level - 128.0) / 128.0
    elif kind.kind == "i":
        level /= float(np.iinfo(kind).max) + 1.0
    level = np.nan_to_num(level)
    return level if level.ndim == 1 else level.mean(axis=1)
