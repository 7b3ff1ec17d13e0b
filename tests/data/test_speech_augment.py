"""Augmentation: neutral settings change nothing, the others change what they say and no more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.encoding import Encoding
from data.features import mfcc
from data.speech.augment import ActivationAugment, WaveAugment, augmented_features
from data.speech.corpus import SpeechSplit


def _tone(frequency: float) -> np.ndarray:
    return np.round(9000 * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)).astype(np.int16)[None]


def _noise() -> np.ndarray:
    return (3000 * np.random.default_rng(0).standard_normal((2, 30000))).astype(np.int16)


def _level(wave: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    frequency = np.fft.rfftfreq(len(wave), 1 / 16000)
    return float(10 * np.log10(np.sum(power[(frequency >= low) & (frequency < high)])))


def test_neutral_settings_change_the_gain_only() -> None:
    neutral = WaveAugment(stretch=(1, 1), tilt_db=(0, 0), noise_share=0)
    clip = _tone(440)
    changed = neutral(clip, _noise(), np.random.default_rng(0))[0].astype(float)
    assert np.abs(changed).max() == 32000
    np.testing.assert_allclose(changed / 32000, clip[0] / np.abs(clip).max(), atol=1e-3)
    silent = neutral(np.zeros((1, 16000), np.int16), _noise(), np.random.default_rng(0))
    assert not np.any(silent)


@pytest.mark.parametrize("stretch", [0.85, 1.18])
def test_stretching_moves_the_spectrum(stretch: float) -> None:
    change = WaveAugment(stretch=(stretch, stretch), tilt_db=(0, 0), noise_share=0)
    wave = change(_tone(1000), _noise(), np.random.default_rng(0))[0]
    assert np.argmax(np.abs(np.fft.rfft(wave * np.hanning(16000)))) == pytest.approx(1000 / stretch, rel=0.006)


def test_tilt_is_in_decibels_from_250_hz_to_4_khz() -> None:
    change = WaveAugment(stretch=(1, 1), tilt_db=(6, 6), noise_share=0)
    both = (_tone(250) // 4 + _tone(4000) // 4).astype(np.int16)
    wave = change(both, _noise(), np.random.default_rng(0))[0]
    before = _level(both[0], 3900, 4100) - _level(both[0], 200, 300)
    assert _level(wave, 3900, 4100) - _level(wave, 200, 300) == pytest.approx(before + 6, abs=0.1)


def test_noise_is_mixed_into_the_share_that_was_asked_for() -> None:
    change = WaveAugment(stretch=(1, 1), tilt_db=(0, 0), noise_share=0.5, noise_volume=0.1)
    clips = np.repeat(_tone(440), 200, axis=0)
    changed = change(clips, _noise(), np.random.default_rng(0))
    residue = np.array([_level(clip, 2000, 4000) for clip in changed])
    assert 0.4 < np.mean(residue > residue.min() + 10) < 0.6


def test_copies_follow_the_clips_and_the_seed_decides() -> None:
    count = 300
    waves = np.concatenate([_tone(200 + 5 * i) for i in range(count)])
    labels = np.arange(count) % 12
    split = SpeechSplit(waves, labels.astype(np.int64), np.full(count, "a"), np.full(count, "yes"))
    told: list[float] = []
    features, twice = augmented_features(split, _noise(), copies=1, seed=3, progress=told.append)
    assert features.shape == (2 * count, 49, 10)
    np.testing.assert_array_equal(twice, np.tile(labels, 2))
    np.testing.assert_array_equal(features[:count], mfcc(waves))
    assert np.all(np.any(features[count:] != features[:count], axis=(1, 2)))
    again, _ = augmented_features(split, _noise(), copies=1, seed=3)
    np.testing.assert_array_equal(again, features)
    assert told[-1] == 1.0


def _encoding(kind: str = "on-off") -> Encoding:
    features = np.random.default_rng(0).normal(size=(8, 49, 10)).astype(np.float32)
    return Encoding.fit(features, kind="on-off" if kind == "on-off" else "offset")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_a_shift_moves_whole_frames_no_further_than_allowed(seed: int, shift: int) -> None:
    encoding = _encoding()
    codes = np.repeat(np.arange(1, 50, dtype=np.uint8), 20)[None].repeat(3, axis=0)
    moved = ActivationAugment(encoding, shift=shift, mask=0, drop=0)(codes, np.random.default_rng(seed))
    for clip in moved.reshape(3, 49, 20).astype(int):
        offset = clip[20, 0] - 21
        assert abs(offset) <= shift
        np.testing.assert_array_equal(clip, np.clip(np.arange(49) + offset, 0, 48)[:, None] + np.ones((1, 20), int))


@pytest.mark.parametrize("kind", ["on-off", "offset"])
def test_masks_silence_neighbouring_frames(kind: str) -> None:
    encoding = _encoding(kind)
    codes = np.full((200, encoding.inputs), 31, np.uint8)
    masked = ActivationAugment(encoding, shift=0, mask=8, drop=0)(codes, np.random.default_rng(1))
    clips = masked.reshape(200, 49, -1)
    widths = []
    for clip in clips:
        frames = np.flatnonzero(clip[:, 0] == encoding.rest)
        assert np.all(clip[frames] == encoding.rest)
        assert len(frames) == 0 or frames[-1] - frames[0] + 1 == len(frames)
        widths.append(len(frames))
    assert set(widths) == set(range(9))


def test_drops_the_share_that_was_asked_for_and_nothing_else() -> None:
    encoding = _encoding()
    codes = np.full((100, encoding.inputs), 17, np.uint8)
    changed = ActivationAugment(encoding, shift=0, mask=0, drop=0.1)(codes, np.random.default_rng(2))
    assert set(np.unique(changed)) == {0, 17}
    assert np.mean(changed == 0) == pytest.approx(0.1, abs=0.005)
    same = ActivationAugment(encoding, shift=0, mask=0, drop=0)(codes, np.random.default_rng(2))
    np.testing.assert_array_equal(same, codes)
