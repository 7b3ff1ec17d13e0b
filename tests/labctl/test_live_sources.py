"""Utterances from files, typed words and microphones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from data.errors import BadInput
from data.speech.say import words_of
from data.speech.wav import clip_from_wav, loudest_second
from labctl.live import Microphone, NoMicrophone, TypedWords, WavFiles, microphones
from labctl.live.sources import word_in
from labctl.live.trigger import ButtonTrigger, SoundTrigger, loudness


def tone(seconds: float, rate: int = 16000, hertz: float = 440.0) -> np.ndarray[Any, Any]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_recording_of_any_rate_sounds_the_same(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    wavfile.write(path, rate, np.stack([tone(1.0, rate)] * 2, axis=1))
    clip = clip_from_wav(path)
    assert clip.shape == (16000,)
    spectrum = np.abs(np.fft.rfft(clip[2000:14000]))
    assert np.argmax(spectrum) * 16000 / 12000 == pytest.approx(440, abs=2)
    assert np.abs(clip[2000:14000]).max() / 32767 == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("kind", "scale"), [(np.int16, 32767), (np.int32, 2147483647), (np.uint8, 127)])
def test_every_kind_of_sample_has_the_same_level(tmp_path: Path, kind: type[Any], scale: float) -> None:
    path = tmp_path / "tone.wav"
    samples = tone(1.0) * scale + (128 if kind is np.uint8 else 0)
    wavfile.write(path, 16000, samples.astype(kind))
    assert np.abs(clip_from_wav(path)).max() / 32767 == pytest.approx(0.5, abs=0.01)


def test_of_a_long_recording_the_loudest_second_is_taken() -> None:
    wave = np.zeros(80000, np.int16)
    wave[50000:54000] = 9000
    clip = loudest_second(wave)
    assert np.count_nonzero(clip) == 4000
    assert np.flatnonzero(clip).mean() == pytest.approx(8000, abs=10)
    assert np.count_nonzero(loudest_second(np.full(4000, 7, np.int16))) == 4000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"no sound at all"])
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"broken\.wav"):
        clip_from_wav(path)


def test_names_tell_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    for name in ("no/a1.wav", "yes_3.wav", "marvin.wav", "holiday.wav"):
        wavfile.write(tmp_path / name, 16000, tone(0.5))
    loaded = WavFiles((tmp_path,)).load()
    assert loaded.total == 4
    assert [clip.truth for clip in loaded.clips] == ["", "unknown", "no", "yes"]
    assert word_in(Path("silence/x.wav")) == "silence"
    with pytest.raises(BadInput, match="no recording or folder"):
        WavFiles((tmp_path / "gone",)).load()
    with pytest.raises(BadInput, match="no WAV files"):
        WavFiles((tmp_path / "no" / "..",)[:0]).load()


def test_typed_words_are_spoken_the_same_way_again() -> None:
    one, two = (list(TypedWords("Yes, hello; silence", seed=4).load().clips) for _ in range(2))
    assert [clip.truth for clip in one] == ["yes", "unknown", "silence"]
    assert [clip.said for clip in one] == ["yes", "hello", ""]
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.wave, second.wave)
    assert not np.array_equal(one[0].wave, next(iter(TypedWords("yes", seed=5).load().clips)).wave)


@pytest.mark.parametrize("text", ["", "  ", "naïve", "-x", "yes " * 501, "a" * 31])
def test_what_cannot_be_spoken_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        words_of(text)


def blocks(wave: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    return list((wave[: len(wave) // 800 * 800] * 32767).astype(np.int16).reshape(-1, 800))


def test_a_loud_sound_begins_a_clip_that_holds_what_came_before() -> None:
    trigger = SoundTrigger(-30)
    quiet, word = np.full(16000, 1e-4, np.float32), tone(0.4)
    heard = [trigger.feed(block) for block in blocks(np.concatenate([quiet, word, quiet, quiet, word, quiet, quiet]))]
    found = [item.clip for item in heard if item.clip is not None]
    assert len(found) == 2
    for clip in found:
        assert clip.shape == (16000,)
        assert 3000 < np.flatnonzero(np.abs(clip) > 1000)[0] < 5000
    assert max(item.level_db for item in heard) == pytest.approx(loudness((tone(0.05) * 32767).astype(np.int16)), abs=1)


def test_a_sound_that_goes_on_is_one_word() -> None:
    trigger = SoundTrigger(-30)
    heard = [trigger.feed(block) for block in blocks(tone(4.0))]
    assert sum(item.clip is not None for item in heard) == 1


def test_a_held_button_records_until_it_is_let_go_of() -> None:
    trigger = ButtonTrigger()
    heard = [trigger.feed(block, held=4 <= index < 12) for index, block in enumerate(blocks(tone(1.0)))]
    (clip,) = [item.clip for item in heard if item.clip is not None]
    assert np.count_nonzero(np.abs(clip) > 1) == pytest.approx(8 * 800, abs=50)


class FakePortAudio(SimpleNamespace):
    """A microphone that plays one sound and then is quiet."""

    class PortAudioError(Exception):
        pass

    def __init__(self, sound: np.ndarray[Any, Any], names: tuple[str, ...] = ("headset",)) -> None:
        super().__init__()
        self.sound = sound
        self.names = names
        self.open = False

    def query_devices(self) -> list[dict[str, Any]]:
        outputs = [{"name": "speaker", "max_input_channels": 0}]
        return [*outputs, *({"name": name, "max_input_channels": 1} for name in self.names)]

    def RawInputStream(self, callback: Callable[..., None], **_: Any) -> FakePortAudio:  # noqa: N802 (its name)
        self.callback = callback
        return self

    def __enter__(self) -> FakePortAudio:
        self.open = True
        self.thread = threading.Thread(target=self._play)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False
        self.thread.join()

    def _play(self) -> None:
        for block in blocks(self.sound):
            self.callback(block.tobytes(), len(block), None, None)
        while self.open:
            self.callback(np.zeros(800, np.int16).tobytes(), 800, None, None)
            time.sleep(0.005)


def test_a_microphone_gives_words_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    portaudio = FakePortAudio(np.concatenate([np.zeros(8000), tone(0.5)]))
    monkeypatch.setattr("labctl.live.microphone._portaudio", lambda: portaudio)
    stopped = threading.Event()
    levels: list[float] = []
    source = Microphone("head", stop=stopped.is_set, level=levels.append)
    found = []
    for clip in source.load().clips:
        found.append(clip)
        stopped.set()
    assert len(found) == 1
    assert found[0].truth == ""
    assert max(levels) > -12
    assert not portaudio.open


def test_why_there_is_no_microphone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.live.microphone._portaudio", lambda: FakePortAudio(tone(0.1), ()))
    with pytest.raises(NoMicrophone, match="no microphone"):
        microphones()
    monkeypatch.setattr("labctl.live.microphone._portaudio", lambda: FakePortAudio(tone(0.1), ("desk",)))
    with pytest.raises(NoMicrophone, match="there are desk"):
        Microphone("headset").load()


@pytest.mark.parametrize(("error", "words"), [(ImportError("no"), "pip install"), (OSError("no"), "PortAudio")])
def test_what_is_missing_for_a_microphone_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(_name: str) -> None:
        raise error

    monkeypatch.setattr("labctl.live.microphone.importlib.import_module", refuse)
    with pytest.raises(NoMicrophone, match=words):
        microphones()
