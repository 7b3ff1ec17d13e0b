"""Speech Commands version 2 as Google published it: a folder of recordings with its own lists of splits.

Warden 2018 (arXiv:1804.03209); unknown words and silence are made as in TensorFlow's
``examples/speech_commands/input_data.py``.
"""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE, SpeechSet, SpeechSplit, make_speech_set
from data.speech.plan import SIZES, Size
from data.speech.words import KEYWORDS, label_of

BACKGROUND_FOLDER = "_background_noise_"
UNKNOWN_SHARE = 0.10
SILENCE_SHARE = 0.10
"""Clips of unknown words and of silence, as shares of the keyword clips of a split."""

_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
Progress = Callable[[float, str], None]


def load_commands(folder: Path, *, size: Size, seed: int, progress: Progress) -> SpeechSet:
    """The recordings of ``folder`` in its own three splits.

    With ``size`` full everything is read, otherwise at most as many keyword clips as a synthetic split of that size.

    Raises:
        BadInput: a list, a word or the background noise is missing, or a file is broken or of another rate.
    """
    files = _files_by_split(folder)
    backgrounds = _backgrounds(folder)
    splits: dict[str, SpeechSplit] = {}
    for number, (name, paths) in enumerate(files.items()):
        rng = np.random.default_rng([seed, number])
        limit = None if size == "full" else SIZES[size][name].per_word * len(KEYWORDS)
        chosen = _choose(rng, paths, limit)

        def report(share: float, number: int = number, name: str = name) -> None:
            progress((number + share) / len(files), f"reading {name} recordings")

        splits[name] = _read_split(rng, chosen, backgrounds, report)
    shortest = min(len(noise) for noise in backgrounds)
    stacked = np.stack([noise[:shortest] for noise in backgrounds])
    return make_speech_set(splits, stacked, f"Speech Commands recordings in {folder.name}")


def read_wav(path: Path) -> NDArray[np.int16]:
    """A 16-bit mono recording at 16 kHz, shape (samples,).

    Raises:
        BadInput: the file cannot be read or has another format; the sentence names it.
    """
    try:
        with wave.open(str(path), "rb") as recording:
            form = (recording.getnchannels(), recording.getsampwidth(), recording.getframerate())
            frames = recording.getnframes()
            payload = recording.readframes(frames)
    except (OSError, EOFError, RuntimeError, ValueError, wave.Error) as error:  # RuntimeError: a part without end
        raise BadInput(f"the recording {path} cannot be read as WAV ({error or 'it ends too early'})") from error
    if form != (1, 2, SAMPLE_RATE):
        raise BadInput(
            f"the recording {path} has {form[0]} channels of {8 * form[1]} bits at {form[2]} Hz; "
            f"Speech Commands has 1 channel of 16 bits at {SAMPLE_RATE} Hz"
        )
    if not frames or len(payload) != 2 * frames:
        raise BadInput(f"the recording {path} is cut off: {len(payload) // 2} of {frames} samples are there")
    samples: NDArray[np.int16] = np.frombuffer(payload, "<i2").astype(np.int16)
    return samples


def _files_by_split(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder} with Speech Commands recordings")
    listed: dict[str, str] = {}
    for split, name in _LISTS.items():
        try:
            entries = (folder / name).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"the Speech Commands folder {folder} has no readable {name}") from error
        listed |= dict.fromkeys(entries, split)
    missing = [word for word in KEYWORDS if not (folder / word).is_dir()]
    if missing:
        raise BadInput(f"the Speech Commands folder {folder} has no recordings of {', '.join(missing)}")
    files: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
    for path in sorted(folder.glob("*/*.wav")):
        if path.parent.name != BACKGROUND_FOLDER:
            files[listed.pop(f"{path.parent.name}/{path.name}", "train")].append(path)
    if listed:
        entry, split = next(iter(listed.items()))
        raise BadInput(f"{_LISTS[split]} in {folder} names {entry}, which is not there ({len(listed)} are missing)")
    for split, paths in files.items():
        if not any(path.parent.name in KEYWORDS for path in paths):
            raise BadInput(f"the Speech Commands folder {folder} leaves no keyword recordings for the {split} split")
    return files


def _choose(rng: np.random.Generator, paths: list[Path], limit: int | None) -> list[Path]:
    keywords = [path for path in paths if path.parent.name in KEYWORDS]
    others = [path for path in paths if path.parent.name not in KEYWORDS]
    if limit is not None:
        keywords = [keywords[i] for i in sorted(rng.permutation(len(keywords))[:limit])]
    count = int(np.ceil(UNKNOWN_SHARE * len(keywords)))
    return keywords + [others[i] for i in sorted(rng.permutation(len(others))[:count])]


def _read_split(
    rng: np.random.Generator, paths: list[Path], backgrounds: list[NDArray[np.int16]], report: Callable[[float], None]
) -> SpeechSplit:
    silences = int(np.ceil(SILENCE_SHARE * sum(path.parent.name in KEYWORDS for path in paths)))
    waves = np.zeros((len(paths) + silences, CLIP_SAMPLES), np.int16)
    for row, path in enumerate(paths):
        samples = read_wav(path)[:CLIP_SAMPLES]
        waves[row, : len(samples)] = samples
        if row % 500 == 0:
            report(row / len(paths))
    for row in range(len(paths), len(waves)):
        waves[row] = _silence(rng, backgrounds)
    names = [path.parent.name for path in paths] + [""] * silences
    return SpeechSplit(
        waves=waves,
        labels=np.array([label_of(name) for name in names], np.int64),
        speakers=np.array([path.name.split("_nohash_")[0] for path in paths] + [""] * silences, np.str_),
        words=np.array(names, np.str_),
    )


def _silence(rng: np.random.Generator, backgrounds: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    noise = backgrounds[int(rng.integers(len(backgrounds)))]
    start = int(rng.integers(len(noise) - CLIP_SAMPLES + 1))
    volume = rng.uniform(0.0, 1.0)
    return np.asarray(np.rint(noise[start : start + CLIP_SAMPLES] * volume), np.int16)


def _backgrounds(folder: Path) -> list[NDArray[np.int16]]:
    paths = sorted((folder / BACKGROUND_FOLDER).glob("*.wav"))
    if not paths:
        raise BadInput(f"the Speech Commands folder {folder} has no recordings in {BACKGROUND_FOLDER}")
    noises = [read_wav(path) for path in paths]
    for path, noise in zip(paths, noises, strict=True):
        if len(noise) < CLIP_SAMPLES:
            raise BadInput(f"the background noise {path} is shorter than one second")
    return noises
