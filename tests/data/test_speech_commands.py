"""A Speech Commands folder: its own lists, unknown words, silence, and one sentence for each way to be wrong."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadInput
from data.speech import LABELS, load_speech
from data.speech.words import KEYWORDS

SPEAKERS = [f"{i:08x}" for i in range(10)]


def _write(path: Path, samples: int = 16000, rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 8000 * np.sin(np.arange(samples * channels) * (0.05 + 0.01 * (sum(path.parent.name.encode()) % 9)))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    for word in (*KEYWORDS, "bed", "cat"):
        for speaker in SPEAKERS:
            _write(folder / word / f"{speaker}_nohash_0.wav", samples=16000 if speaker > SPEAKERS[3] else 11000)
    for noise in ("running_tap", "white_noise"):
        _write(folder / "_background_noise_" / f"{noise}.wav", samples=40000)
    for name, speaker in (("validation_list.txt", SPEAKERS[1]), ("testing_list.txt", SPEAKERS[2])):
        entries = [f"{word}/{speaker}_nohash_0.wav" for word in (*KEYWORDS, "bed", "cat")]
        (folder / name).write_text("\n".join(entries) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def test_the_folders_own_lists_divide_it(original: Path) -> None:
    corpus = load_speech(original)
    for split, speakers in (("validation", {SPEAKERS[1]}), ("test", {SPEAKERS[2]})):
        assert set(getattr(corpus, split).speakers) == speakers | {""}
    assert set(corpus.train.speakers) <= set(SPEAKERS) - {SPEAKERS[1], SPEAKERS[2]} | {""}
    assert np.bincount(corpus.train.labels).tolist() == [8] * 10 + [8, 8]
    assert np.bincount(corpus.test.labels).tolist() == [1] * 12
    assert corpus.other_synthesizer is None
    assert corpus.backgrounds.shape == (2, 40000)


def test_clips_are_what_the_files_hold_padded_to_a_second(original: Path) -> None:
    train = load_speech(original).train
    row = int(np.flatnonzero((train.words == "yes") & (train.speakers == SPEAKERS[0]))[0])
    with wave.open(str(original / "yes" / f"{SPEAKERS[0]}_nohash_0.wav"), "rb") as file:
        samples = np.frombuffer(file.readframes(20000), "<i2")
    np.testing.assert_array_equal(train.waves[row], np.pad(samples, (0, 5000)))
    assert LABELS[train.labels[row]] == "yes"
    assert set(train.words[train.labels == LABELS.index("unknown")]) <= {"bed", "cat"}


def test_the_same_seed_reads_the_same_and_a_size_limits(original: Path) -> None:
    assert load_speech(original, seed=4).digest == load_speech(original, seed=4).digest
    assert load_speech(original, seed=4).digest != load_speech(original, seed=5).digest
    told: list[float] = []
    tiny = load_speech(original, size="tiny", progress=lambda share, _what: told.append(share))
    assert len(tiny.train) == 80 + 8 + 8
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as WAV"),
        (b"RIFF....rubbish", "cannot be read as WAV"),
    ],
)
def test_a_broken_recording_is_named(folder: Path, content: bytes, sentence: str) -> None:
    broken = folder / "up" / f"{SPEAKERS[5]}_nohash_0.wav"
    broken.write_bytes(content)
    with pytest.raises(BadInput, match=sentence) as raised:
        load_speech(folder)
    assert str(broken) in str(raised.value)


def test_a_recording_cut_off_is_named(folder: Path) -> None:
    broken = folder / "up" / f"{SPEAKERS[5]}_nohash_0.wav"
    broken.write_bytes(broken.read_bytes()[:9000])
    with pytest.raises(BadInput, match=f"{SPEAKERS[5]}.*is cut off"):
        load_speech(folder)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2)])
def test_another_format_is_named(folder: Path, rate: int, channels: int) -> None:
    _write(folder / "go" / f"{SPEAKERS[7]}_nohash_0.wav", rate=rate, channels=channels)
    with pytest.raises(BadInput, match=f"{SPEAKERS[7]}.*{channels} channels of 16 bits at {rate} Hz"):
        load_speech(folder)


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        load_speech(folder / "nowhere")
    (folder / "testing_list.txt").rename(folder / "kept.txt")
    with pytest.raises(BadInput, match=r"no readable testing_list\.txt"):
        load_speech(folder)
    (folder / "kept.txt").rename(folder / "testing_list.txt")
    with (folder / "testing_list.txt").open("a", encoding="utf-8") as entries:
        entries.write("yes/ffffffff_nohash_0.wav\n")
    with pytest.raises(BadInput, match=r"testing_list.txt.* names yes/ffffffff_nohash_0.wav, which is not there"):
        load_speech(folder)


def test_missing_words_and_noise_are_named(folder: Path) -> None:
    _write(folder / "_background_noise_" / "short.wav", samples=8000)
    with pytest.raises(BadInput, match=r"short\.wav is shorter than one second"):
        load_speech(folder)
    shutil.rmtree(folder / "_background_noise_")
    with pytest.raises(BadInput, match="no recordings in _background_noise_"):
        load_speech(folder)
    shutil.rmtree(folder / "left")
    with pytest.raises(BadInput, match="no recordings of left"):
        load_speech(folder)
