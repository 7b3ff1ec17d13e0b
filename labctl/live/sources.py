"""Where the utterances of a live session come from: the test set, recordings, words typed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.speech import KEYWORDS, LABELS, Size, SpeechSplit, load_speech
from data.speech.say import speak, words_of
from data.speech.wav import clip_from_wav
from data.speech.words import AUXILIARY_WORDS, SILENCE, UNKNOWN
from labctl.progress import Listener, silent

WAV_SUFFIXES: Final = (".wav", ".wave")
MOST_FILES: Final = 100_000


@dataclass(frozen=True)
class Clip:
    """One utterance to be spotted.

    Attributes:
        wave: one second at 16 kHz, shape (16000,), int16.
        said: what is said, empty where nobody knows or nothing is said.
        truth: name of the true class, empty where nobody knows.
        name: where it comes from: a voice, a file, a time.
    """

    wave: NDArray[np.int16]
    said: str = ""
    truth: str = ""
    name: str = ""


@dataclass(frozen=True)
class Clips:
    """What a source gives once it is loaded.

    Attributes:
        description: where they come from, in words.
        clips: the utterances; a recording is read when its turn comes.
        total: how many, None where nobody knows.
        lasting: whether they can be had again; otherwise a record of the session keeps the waveforms.
    """

    description: str
    clips: Iterable[Clip]
    total: int | None = None
    lasting: bool = True


class Source(Protocol):
    """Gives utterances."""

    def load(self, listener: Listener = silent) -> Clips:
        """Make the utterances ready; this may take its time."""
        ...


@dataclass(frozen=True)
class TestWords:
    """The test voices of a corpus, in a drawn order.

    Attributes:
        speech: Speech Commands folder; None for synthetic words.
        size: how many utterances there are.
        seed: of the order.
        limit: only that many; None for all.
    """

    __test__ = False

    speech: Path | str | None = None
    size: Size = "small"
    seed: int = 0
    limit: int | None = None

    def load(self, listener: Listener = silent) -> Clips:
        """Read or synthesise the corpus.

        Raises:
            BadInput: the folder cannot be used, or a limit below 1.
        """
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"the limit is {self.limit} utterances; it must be at least 1")
        corpus = load_speech(None if self.speech is None else Path(self.speech), size=self.size, progress=listener)
        order = np.random.default_rng(self.seed).permutation(len(corpus.test))[: self.limit]
        return Clips(corpus.source, _clips_of(corpus.test.select(order)), len(order))


@dataclass(frozen=True)
class WavFiles:
    """WAV files, and those in folders; the true class is read from the name of the folder or the file.

    A word counts as known when a folder has its name, as in Speech Commands, or when the file's name begins with it:
    ``yes/a1.wav``, ``yes_3.wav``.

    Attributes:
        paths: files and folders.
    """

    paths: tuple[Path | str, ...]

    def load(self, listener: Listener = silent) -> Clips:
        """Find the files.

        Raises:
            BadInput: there is none, or one of the paths is not there. While they are read: a file is no WAV file.
        """
        files: list[Path] = []
        for given in map(Path, self.paths):
            if given.is_dir():
                files += sorted(path for path in given.rglob("*") if path.suffix.lower() in WAV_SUFFIXES)
            elif given.is_file():
                files.append(given)
            else:
                raise BadInput(f"there is no recording or folder {given}")
        if not files:
            raise BadInput("there are no WAV files; give files that end in .wav, or a folder that has some")
        if len(files) > MOST_FILES:
            raise BadInput(f"there are {len(files)} WAV files, more than {MOST_FILES}; give a smaller folder")
        where = files[0].name if len(files) == 1 else f"{len(files)} WAV files of {files[0].parent.name or 'a folder'}"
        return Clips(where, map(_clip_of_file, files), len(files))


@dataclass(frozen=True)
class TypedWords:
    """Words typed in, spoken by the voices of the synthetic test set.

    Attributes:
        text: the words; ``silence`` stands for saying nothing, and words that are no keywords are *unknown*.
        times: how often all of them are said, by other voices each time.
        seed: of the voices.
    """

    text: str
    times: int = 1
    seed: int = 0

    def load(self, listener: Listener = silent) -> Clips:
        """Speak them.

        Raises:
            BadInput: no words, words that cannot be spoken, or too many.
            SynthesisFailed: the synthesizer does not work on this machine.
        """
        if self.times < 1:
            raise BadInput(f"the words are to be said {self.times} times; it must be at least once")
        words = words_of(self.text) * self.times
        listener(0.0, f"speaking {len(words)} words")
        made = speak(words, self.seed)
        return Clips(f"typed words, spoken with seed {self.seed}", _clips_of(made), len(made), lasting=False)


def class_of(word: str) -> str:
    """The class of a word that is said; of ``silence`` and of no word it is silence."""
    if word in ("", SILENCE):
        return SILENCE
    return word if word in KEYWORDS else UNKNOWN


def word_in(path: Path) -> str:
    """The word that the names of a recording and its folder tell, empty where they tell none."""
    known = {*KEYWORDS, *AUXILIARY_WORDS, UNKNOWN, SILENCE}
    folder, stem = path.parent.name.lower(), path.stem.lower()
    if folder in known:
        return folder
    head = re.match(r"[a-z]+", stem)
    return head.group() if head is not None and head.group() in known else ""


def _clips_of(split: SpeechSplit) -> Iterator[Clip]:
    for wave, label, speaker, word in zip(split.waves, split.labels, split.speakers, split.words, strict=True):
        yield Clip(wave, str(word), LABELS[int(label)], str(speaker))


def _clip_of_file(path: Path) -> Clip:
    word = word_in(path)
    said = "" if word in (SILENCE, UNKNOWN) else word
    return Clip(clip_from_wav(path), said, class_of(word) if word else "", f"{path.parent.name}/{path.name}")
