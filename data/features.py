"""Spectral features of spoken words: log-mel and the 49 x 10 MFCC of keyword spotting on small hardware.

As in the keyword-spotting task of MLPerf Tiny on Speech Commands: the clip is divided by its largest sample, a
periodic Hann window of 480 samples (30 ms) moves by 320 (20 ms), the magnitude of a 512-point Fourier transform is
gathered into 40 triangular mel bands (HTK scale) of 20 to 4000 Hz, log(. + 1e-6), and a DCT-II scaled by
1/sqrt(80) whose first 10 coefficients are kept. Windows, mel matrix and DCT are those of ``tf.signal``
(``hann_window``, ``linear_to_mel_weight_matrix``, ``mfccs_from_log_mel_spectrograms``).

The division by the largest sample is part of the features, so they do not depend on the gain of a recording. A
clip of zeros is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from data.errors import BadInput

Features = NDArray[np.float32]

SAMPLE_RATE = 16_000
WINDOW = 480
HOP = 320
FFT_SIZE = 512
MEL_BANDS = 40
MEL_RANGE_HZ = (20.0, 4000.0)
LOG_FLOOR = 1e-6
COEFFICIENTS = 10
FRAMES = 49

CENTRE_REACH = 12
MEAN_SHARE = 0.5
SPREAD_SHARE = 0.3

_CHUNK = 64
"""Clips computed at once: enough for the matrix products, small enough for the cache."""


def mfcc(waves: NDArray[np.int16], progress: Callable[[float], None] | None = None) -> Features:
    """Mel-frequency cepstral coefficients.

    Args:
        waves: one second at 16 kHz a row, shape (n, 16000), int16.
        progress: told the finished share, 0 to 1, now and then.

    Returns:
        shape (n, 49, 10): frame, coefficient; no unit.

    Raises:
        BadInput: another shape or type.
    """
    return _by_chunks(waves, dct_matrix(), progress)


def log_mel(waves: NDArray[np.int16], progress: Callable[[float], None] | None = None) -> Features:
    """Logarithms of the 40 mel band magnitudes, shape (n, 49, 40); arguments and errors as in :func:`mfcc`."""
    return _by_chunks(waves, None, progress)


def centred(features: Features) -> Features:
    """Each clip moved in time by whole frames, so that the middle of its loud part is in the middle.

    The middle of the loud part is the centroid of the squared height of coefficient 0 above its 10 % quantile. A clip
    moves by at most :data:`CENTRE_REACH` frames; the frame at the edge is repeated where nothing is known.

    Args:
        features: shape (n, frames, coefficients), coefficient 0 grows with loudness.
    """
    frames = features.shape[1]
    loudness = features[:, :, 0].astype(np.float64)
    height = np.square(np.maximum(loudness - np.quantile(loudness, 0.1, axis=1, keepdims=True), 0.0))
    total = np.sum(height, axis=1)
    centroid = np.divide(height @ np.arange(frames), total, out=np.full(len(total), frames // 2.0), where=total > 0)
    move = np.rint(np.clip(centroid - frames // 2, -CENTRE_REACH, CENTRE_REACH)).astype(np.intp)
    frame = np.clip(np.arange(frames) + move[:, None], 0, frames - 1)
    return np.take_along_axis(features, frame[:, :, None], axis=1)


def levelled(features: Features, spread: Features) -> Features:
    """Each clip without half of its own mean, divided by its own spread.

    A voice and a microphone show in the mean and the spread over the clip, a word in the changes.

    Args:
        features: shape (n, frames, coefficients).
        spread: standard deviation of each coefficient over the training clips, shape (coefficients,); 0.3 of it is
            added to the divisor, so that a clip without any change is not blown up.

    Returns:
        features without unit, shape (n, frames, coefficients).
    """
    mean = features.mean(axis=1, keepdims=True)
    divisor = features.std(axis=1, keepdims=True) + np.float32(SPREAD_SHARE) * spread
    return np.asarray((features - np.float32(MEAN_SHARE) * mean) / divisor, np.float32)


def mel_matrix() -> Features:
    """Weights from the 257 magnitudes of the transform to the mel bands, shape (257, 40); triangles of height 1."""
    frequency = _mel(np.linspace(0.0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1))[:, None]
    lowest, highest = _mel(np.array(MEL_RANGE_HZ)).tolist()
    edges = np.linspace(lowest, highest, MEL_BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((frequency - low) / (centre - low), (high - frequency) / (high - centre))
    triangles[0] = 0.0  # tf.signal leaves the constant part out
    return np.asarray(np.maximum(triangles, 0.0), np.float32)


def dct_matrix() -> Features:
    """First 10 rows of the DCT-II over 40 bands, scaled by 1/sqrt(80), shape (40, 10)."""
    band = np.arange(MEL_BANDS)[:, None]
    angle = np.pi / MEL_BANDS * (band + 0.5) * np.arange(COEFFICIENTS)
    return np.asarray(2 * np.cos(angle) / np.sqrt(2 * MEL_BANDS), np.float32)


def _by_chunks(
    waves: NDArray[np.int16], transform: Features | None, progress: Callable[[float], None] | None
) -> Features:
    if waves.ndim != 2 or waves.shape[1] != SAMPLE_RATE or waves.dtype != np.int16:
        raise BadInput(
            f"features need one second of 16-bit samples at 16 kHz a row, shape (n, 16000) int16; "
            f"got shape {waves.shape} {waves.dtype}"
        )
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    mel = mel_matrix()
    features = np.empty((len(waves), FRAMES, MEL_BANDS if transform is None else COEFFICIENTS), np.float32)
    for start in range(0, len(waves), _CHUNK):
        part = _log_mel(waves[start : start + _CHUNK], window, mel)
        features[start : start + _CHUNK] = part if transform is None else part @ transform
        if progress is not None:
            progress(min(1.0, (start + _CHUNK) / len(waves)))
    return features


def _log_mel(waves: NDArray[np.int16], window: Features, mel: Features) -> Features:
    samples = waves.astype(np.float32)
    peak = np.max(np.abs(samples), axis=1, keepdims=True)
    samples /= np.where(peak > 0, peak, np.float32(1))
    frames = sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP] * window
    magnitude = np.abs(fft.rfft(frames, FFT_SIZE, axis=2))
    return np.asarray(np.log(magnitude @ mel + np.float32(LOG_FLOOR)), np.float32)


def _mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(frequency_hz / 700.0)
