"""More training clips than were recorded, and small changes of a clip that leave its word alone.

:func:`augmented_features` works on waveforms and is done once, before training: speed (which moves the formants as a
longer or shorter vocal tract does), a tilt of the spectrum as of another microphone, and background noise.
:class:`ActivationAugment` works on batches of activations during training: shifts in time and masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from data.encoding import Encoding
from data.features import Features, mfcc
from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE, SpeechSplit
from data.values import Activations

_CHUNK = 256
_PEAK = 32_000


@dataclass(frozen=True, slots=True)
class WaveAugment:
    """Ranges of the changes made to a waveform; each is drawn with the same probability everywhere between.

    Attributes:
        stretch: factor of the duration (to the next fast length of a Fourier transform, half a percent); formants and
            pitch are divided by it.
        tilt_db: gain at 4 kHz relative to 250 Hz, in decibel, straight over octaves.
        noise_share: share of the clips that get background noise mixed in.
        noise_volume: largest volume of that noise, relative to the clip's largest sample.
    """

    stretch: tuple[float, float] = (0.85, 1.18)
    tilt_db: tuple[float, float] = (-6.0, 6.0)
    noise_share: float = 0.8
    noise_volume: float = 0.1

    def __call__(
        self, waves: NDArray[np.int16], backgrounds: NDArray[np.int16], rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """Changed copies of ``waves``, shape (n, 16000), with noise from ``backgrounds``, shape (kinds, samples)."""
        changed = np.empty_like(waves)
        for row, clip in enumerate(waves):
            changed[row] = self._change(clip, backgrounds, rng)
        return changed

    def _change(
        self, clip: NDArray[np.int16], backgrounds: NDArray[np.int16], rng: np.random.Generator
    ) -> NDArray[np.int16]:
        size = fft.next_fast_len(round(CLIP_SAMPLES * rng.uniform(*self.stretch)), real=False)
        spectrum = fft.rfft(clip.astype(np.float32))
        octaves = np.log2(np.clip(fft.rfftfreq(CLIP_SAMPLES, 1 / SAMPLE_RATE), 125.0, 8000.0) / 1000.0)
        spectrum *= (10 ** (rng.uniform(*self.tilt_db) / 20 * octaves / 4)).astype(np.float32)
        middle = _to_one_second(np.asarray(fft.irfft(spectrum, size), np.float32))
        middle /= max(float(np.max(np.abs(middle))), 1.0)
        if rng.uniform() < self.noise_share:
            noise = backgrounds[int(rng.integers(len(backgrounds)))]
            start = int(rng.integers(len(noise) - CLIP_SAMPLES + 1))
            middle += noise[start : start + CLIP_SAMPLES] * np.float32(rng.uniform(0, self.noise_volume) / 32768)
        loudest = max(float(np.max(np.abs(middle))), 1e-6)
        return np.asarray(np.rint(middle * (_PEAK / loudest)), np.int16)


def _to_one_second(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle second of a longer clip; a shorter one is continued by its mirror image at both ends."""
    missing = CLIP_SAMPLES - len(wave)
    if missing > 0:
        return np.pad(wave, (missing // 2, missing - missing // 2), mode="reflect")
    return wave[-missing // 2 :][:CLIP_SAMPLES]


def augmented_features(
    split: SpeechSplit,
    backgrounds: NDArray[np.int16],
    *,
    copies: int,
    seed: int,
    augment: WaveAugment | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Features, NDArray[np.int64]]:
    """Features of every clip as it is and of ``copies`` changed copies of it; the waveforms are not kept.

    Args:
        split: the clips, of training.
        backgrounds: background noise, shape (kinds, samples), int16.
        copies: how many changed copies; 0 for the clips alone.
        seed: draws the changes.
        augment: the changes; None for the usual ones.
        progress: told the finished share, 0 to 1, now and then.

    Returns:
        MFCC of shape ((1 + copies) n, 49, 10), and labels of shape ((1 + copies) n,).
    """
    change = WaveAugment() if augment is None else augment
    rng = np.random.default_rng([seed, 2])
    parts: list[Features] = []
    starts = range(0, len(split), _CHUNK)
    for copy in range(copies + 1):
        for number, start in enumerate(starts):
            waves = split.waves[start : start + _CHUNK]
            parts.append(mfcc(change(waves, backgrounds, rng) if copy else waves))
            if progress is not None:
                progress((copy + (number + 1) / len(starts)) / (copies + 1))
    return np.concatenate(parts), np.tile(split.labels, copies + 1)


@dataclass(frozen=True)
class ActivationAugment:
    """Changes of a batch of activations that leave its words alone.

    Attributes:
        encoding: how the activations were made: where time is, and which activation says nothing.
        shift: largest shift in frames, either way; the frame at the edge is repeated.
        mask: largest number of neighbouring frames that are silenced (SpecAugment, Park et al. 2019).
        drop: share of the activations that are silenced.
    """

    encoding: Encoding
    shift: int = 2
    mask: int = 8
    drop: float = 0.1

    def __call__(self, activations: Activations, rng: np.random.Generator) -> Activations:
        """Changed activations, shape (n, inputs), of ``activations``, shape (n, inputs)."""
        count, frames = len(activations), self.encoding.frames
        clips = activations.reshape(count, frames, self.encoding.rows_per_frame)
        frame = np.arange(frames)
        shift = rng.integers(-self.shift, self.shift, size=(count, 1), endpoint=True)
        moved = np.take_along_axis(clips, np.clip(frame + shift, 0, frames - 1)[:, :, None], axis=1)
        width = rng.integers(0, self.mask, size=(count, 1), endpoint=True)
        first = rng.integers(0, frames - width, endpoint=True)
        silenced = ((frame >= first) & (frame < first + width))[:, :, None]
        # Bytes are ten times cheaper than doubles, and a 256th is fine enough for a share.
        chance = np.frombuffer(rng.bytes(moved.size), np.uint8).reshape(moved.shape)
        silenced = silenced | (chance < round(256 * self.drop))
        changed = np.where(silenced, np.uint8(self.encoding.rest), moved)
        return changed.reshape(activations.shape)
