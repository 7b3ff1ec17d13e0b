"""The synthetic corpus: the same for ever, complete, divided by voice, and safe in its cache."""

from __future__ import annotations

import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data.speech import LABELS, SpeechSet, load_speech, synthetic
from data.speech.cache import load_cached
from data.speech.espeak import SynthesisFailed
from data.speech.flite import test_set as flite_set
from data.speech.plan import SIZES, plan
from data.speech.recording import Conditions, bare_word, clip_of_silence, clip_of_word
from data.speech.voices import ACCENTS, all_voices, voices_of
from data.speech.words import AUXILIARY_WORDS, KEYWORDS, TEST_ONLY_WORDS, unknown_words


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speech")


@pytest.fixture(scope="module")
def corpus(folder: Path) -> SpeechSet:
    return load_speech(size="tiny", cache=folder)


def _quiet(_share: float, _what: str) -> None:
    pass


def test_fresh_processes_say_the_same_again(corpus: SpeechSet) -> None:
    again = synthetic.synthesize("tiny", 0, _quiet)
    assert again.digest == corpus.digest
    np.testing.assert_array_equal(again.train.waves, corpus.train.waves)


def test_another_seed_is_another_corpus_of_the_same_voices(corpus: SpeechSet) -> None:
    ours, theirs = plan("tiny", 0, "train"), plan("tiny", 1, "train")
    assert ours != theirs
    assert ours == plan("tiny", 0, "train")
    assert {u.variant for u in theirs} <= {v.variant for v in voices_of("train")} | {""}


def test_every_split_has_every_class_and_whole_clips(corpus: SpeechSet) -> None:
    for name, counts in SIZES["tiny"].items():
        split = getattr(corpus, name)
        expected = {**dict.fromkeys(KEYWORDS, counts.per_word), "unknown": counts.unknown, "silence": counts.silence}
        assert np.bincount(split.labels, minlength=12).tolist() == [expected[label] for label in LABELS]
        assert split.waves.shape == (len(split), 16000)
        assert split.waves.dtype == np.int16
        assert np.all(np.abs(split.waves.astype(int)).max(axis=1) > 1000)
        for word, label, speaker in zip(split.words, split.labels, split.speakers, strict=True):
            wanted = LABELS[label] if LABELS[label] in KEYWORDS else word
            assert word == wanted
            assert (speaker == "") == (LABELS[label] == "silence")


def test_no_voice_and_no_family_is_in_two_splits(corpus: SpeechSet) -> None:
    families = {voice.variant: voice.family for voice in all_voices()}
    assert len(families) == len(all_voices())
    heard = [{families[s] for s in np.unique(getattr(corpus, n).speakers) if s} for n in SIZES["tiny"]]
    for i in range(3):
        for j in range(i):
            assert not heard[i] & heard[j]
    for split in ("train", "validation", "test"):
        assert len({voice.family for voice in voices_of(split)}) >= 10
        assert any(voice.female for voice in voices_of(split))


def test_some_unknown_words_are_new_in_each_held_out_split() -> None:
    train, validation, test = (set(unknown_words(s)) for s in ("train", "validation", "test"))
    assert len(train) >= 15
    assert train < validation
    assert train < test
    assert not (validation - train) & (test - train)
    assert train | validation | test == set(AUXILIARY_WORDS)
    assert set(TEST_ONLY_WORDS) == test - train


def test_voices_share_the_words_evenly() -> None:
    spoken = [u for u in plan("full", 0, "test") if u.word]
    pairs = {(u.variant, u.accent) for u in spoken}
    assert pairs == {(v.variant, a) for v in voices_of("test") for a in ACCENTS}
    by_voice = np.unique([u.variant for u in spoken], return_counts=True)[1]
    assert by_voice.max() <= 1.1 * by_voice.min()


def test_a_word_lies_near_the_middle_at_the_given_distance_from_the_noise() -> None:
    rng = np.random.default_rng(1)
    backgrounds = rng.standard_normal((2, 40000)).astype(np.float32)
    word = np.sin(2 * np.pi * np.arange(4000) / 40).astype(np.float32)
    for _ in range(20):
        clip = clip_of_word(rng, word, backgrounds, Conditions(0.06, (40.0, 40.0), (-6.0, -6.0)))
        assert clip.shape == (16000,)
        assert np.max(np.abs(clip)) == pytest.approx(10 ** (-6 / 20), rel=1e-4)
        loud = np.flatnonzero(np.abs(clip) > 0.1)
        assert abs((loud[0] + loud[-1]) / 2 - 8000) <= 0.06 * 16000 + 20
        assert loud[-1] - loud[0] == pytest.approx(4000, abs=50)
        noise = np.delete(clip, np.arange(loud[0] - 20, loud[-1] + 20))
        snr = np.mean(clip[loud[0] : loud[-1]] ** 2) / np.mean(noise**2)
        assert 10 * np.log10(snr) == pytest.approx(40, abs=0.5)


def test_long_words_and_silence_fill_one_second() -> None:
    rng = np.random.default_rng(2)
    backgrounds = rng.standard_normal((2, 16000)).astype(np.float32)
    conditions = Conditions(0.1, (20.0, 20.0), (-1.0, -1.0))
    assert clip_of_word(rng, np.ones(20000, np.float32), backgrounds, conditions).shape == (16000,)
    assert clip_of_silence(rng, backgrounds, conditions).shape == (16000,)


def test_a_bare_word_is_trimmed_and_stretched() -> None:
    rate = 22050
    tone = 9000 * np.sin(2 * np.pi * 500 * np.arange(rate // 2) / rate)
    wave = np.concatenate([np.zeros(3000), tone, np.zeros(5000)]).astype(np.int16)
    word = bare_word(wave, rate, 1.25)
    assert len(word) == pytest.approx(0.5 * 1.25 * 16000, rel=0.01)
    crossings = np.sum(np.diff(np.signbit(word).astype(int)) == 1)
    assert crossings / (len(word) / 16000) == pytest.approx(500 / 1.25, rel=0.02)


@pytest.mark.parametrize("damage", ["flip", "cut", "text", "empty"])
def test_a_damaged_cache_is_noticed(folder: Path, corpus: SpeechSet, tmp_path: Path, damage: str) -> None:
    (original,) = folder.glob("*.npz")
    whole = load_cached(original)
    assert whole is not None
    assert whole.digest == corpus.digest
    np.testing.assert_array_equal(whole.test.waves, corpus.test.waves)
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 0x10
    damaged = {"flip": bytes(content), "cut": bytes(content[:-40000]), "text": b"not a corpus", "empty": b""}
    path = tmp_path / original.name
    path.write_bytes(damaged[damage])
    assert load_cached(path) is None


@pytest.mark.parametrize("head", [b"{'descr': '<f4', 'shape': (", b"{\n  'descr'\n 1", b"('"])
def test_a_cache_whose_array_has_no_head_is_noticed(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("backgrounds.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    assert load_cached(path) is None


def test_a_cache_that_was_tampered_with_is_noticed(folder: Path, tmp_path: Path) -> None:
    (original,) = folder.glob("*.npz")
    with np.load(original) as stored:
        arrays = dict(stored)
    arrays["test/labels"] = arrays["test/labels"][::-1]
    np.savez(tmp_path / "other.npz", **arrays)
    assert load_cached(tmp_path / "other.npz") is None


def test_a_damaged_cache_is_made_again_and_a_good_one_is_used(
    folder: Path, corpus: SpeechSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def remake(size: str, seed: int, _progress: object) -> SpeechSet:
        made.append(f"{size} {seed}")
        return corpus

    monkeypatch.setattr(synthetic, "synthesize", remake)
    path = tmp_path / synthetic.cache_key("tiny", 0)
    path.write_bytes(b"rubbish")
    for _ in range(2):
        assert load_speech(size="tiny", cache=tmp_path).digest == corpus.digest
    assert made == ["tiny 0"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert synthetic.cache_key("tiny", 1) != synthetic.cache_key("tiny", 0) != synthetic.cache_key("small", 0)


def test_a_synthesizer_that_fails_is_one_sentence_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_job: object) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('there are no voices here')"]

    monkeypatch.setattr(synthetic, "_command", broken)
    with pytest.raises(SynthesisFailed, match="could not be synthesized: there are no voices here"):
        synthetic.synthesize("small", 0, _quiet)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for flite is a script with a #! line")
@pytest.mark.parametrize("works", [True, False])
def test_flite_gives_a_test_set_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    script = tmp_path / "flite"
    script.write_text(
        f"""#!{sys.executable} -S
import math, struct, sys, wave
if not {works}:
    sys.exit("no such voice")
with wave.open(sys.argv[sys.argv.index("-o") + 1], "wb") as target:
    target.setparams((1, 2, 16000, 0, "NONE", ""))
    target.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(i / 9))) for i in range(6000)))
"""
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    if not works:
        with pytest.raises(SynthesisFailed, match="flite failed to say 'yes' with voice kal16: no such voice"):
            flite_set("tiny", 0)
        return
    made = flite_set("tiny", 0)
    assert made is not None
    assert set(made.labels.tolist()) == set(range(12))
    assert made.waves.shape == (len(made), 16000)
    assert set(made.speakers) == {"flite kal16", ""}


def test_without_flite_there_is_no_other_test_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert flite_set("tiny", 0) is None
