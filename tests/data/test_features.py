"""Features against a slow reference in double precision, written from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct

from data.errors import BadInput
from data.features import centred, levelled, log_mel, mfcc


def _slow_log_mel(wave: np.ndarray) -> np.ndarray:
    samples = wave.astype(np.float64) / max(1.0, float(np.max(np.abs(wave.astype(np.float64)))))
    time = np.arange(480)
    window = 0.5 * (1 - np.cos(2 * np.pi * time / 480))
    fourier = np.exp(-2j * np.pi * np.outer(time, np.arange(257)) / 512)

    def mel(hertz: float) -> float:
        return 2595.0 * float(np.log10(1 + hertz / 700.0))

    step = (mel(4000.0) - mel(20.0)) / 41
    bands = np.zeros((257, 40))
    for k in range(1, 257):
        for band in range(40):
            place = (mel(k * 16000 / 512) - mel(20.0)) / step - band
            bands[k, band] = max(0.0, 1.0 - abs(place - 1.0))
    frames = [np.log(np.abs((samples[320 * i : 320 * i + 480] * window) @ fourier) @ bands + 1e-6) for i in range(49)]
    return np.array(frames)


def _waves() -> np.ndarray:
    rng = np.random.default_rng(3)
    time = np.arange(16000) / 16000
    tone = 9000 * np.sin(2 * np.pi * 700 * time) * (time > 0.3)
    chirp = 20000 * np.sin(2 * np.pi * (200 * time + 900 * time**2))
    noise = 300 * rng.standard_normal(16000)
    return np.stack([tone + noise, chirp + noise, noise, -32768 * (np.arange(16000) == 77)]).astype(np.int16)


def test_log_mel_and_mfcc_agree_with_the_slow_reference() -> None:
    waves = _waves()
    slow = np.stack([_slow_log_mel(wave) for wave in waves])
    np.testing.assert_allclose(log_mel(waves), slow, atol=2e-3)
    np.testing.assert_allclose(mfcc(waves), dct(slow, type=2, axis=2)[:, :, :10] / np.sqrt(80), atol=2e-3)
    assert mfcc(waves).dtype == np.float32


def test_features_do_not_depend_on_the_gain_or_on_the_company() -> None:
    waves = np.tile(_waves()[:2], (40, 1))
    together = mfcc(waves)
    np.testing.assert_allclose(together[0], mfcc(waves[:1])[0], atol=1e-5)
    # Halving the codes rounds them, which is a little noise of its own.
    np.testing.assert_allclose(mfcc((waves[:2] // 2).astype(np.int16)), together[:2], atol=0.2)


def test_silence_is_finite_and_no_clips_give_no_features() -> None:
    assert np.all(np.isfinite(mfcc(np.zeros((1, 16000), np.int16))))
    assert mfcc(np.zeros((0, 16000), np.int16)).shape == (0, 49, 10)


@pytest.mark.parametrize("waves", [np.zeros((2, 8000), np.int16), np.zeros((2, 16000)), np.zeros(16000, np.int16)])
def test_other_shapes_and_types_are_refused(waves: np.ndarray) -> None:
    with pytest.raises(BadInput, match="one second of 16-bit samples"):
        mfcc(waves)


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    mfcc(np.tile(_waves(), (20, 1)), told.append)
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_centring_undoes_a_shift_of_the_clip() -> None:
    rng = np.random.default_rng(5)
    word = rng.normal(size=(12, 10)).astype(np.float32)
    word[:, 0] = 20 + np.abs(word[:, 0])
    clips = np.zeros((2, 49, 10), np.float32)
    clips[0, 18:30], clips[1, 10:22] = word, word
    middle = centred(clips)
    np.testing.assert_array_equal(middle[0], middle[1])
    loud = np.flatnonzero(middle[0, :, 0])
    assert abs(loud.mean() - 24) < 2
    np.testing.assert_array_equal(middle[0, loud], word)


def test_centring_leaves_a_steady_clip_and_never_moves_further_than_its_reach() -> None:
    steady = np.ones((1, 49, 10), np.float32)
    np.testing.assert_array_equal(centred(steady), steady)
    edge = np.zeros((1, 49, 2), np.float32)
    edge[0, 0, 0] = 5.0
    assert np.flatnonzero(centred(edge)[0, :, 0])[-1] == 12


def test_levelling_takes_out_gain_and_half_of_an_offset() -> None:
    features = np.random.default_rng(8).normal(size=(3, 49, 10)).astype(np.float32)
    spread = np.full(10, 1e-6, np.float32)
    level = levelled(features, spread)
    np.testing.assert_allclose(level.std(axis=1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(levelled(7 * features, spread), level, rtol=1e-3, atol=1e-4)
    offset = levelled(features + 4, spread) - level
    np.testing.assert_allclose(offset, 2.0 / features.std(axis=1, keepdims=True) * np.ones((1, 49, 1)), rtol=1e-3)
    assert np.all(np.isfinite(levelled(np.zeros((1, 49, 10), np.float32), np.ones(10, np.float32))))
