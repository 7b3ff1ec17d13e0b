"""Words that somebody typed, spoken as the held-out voices of the synthetic corpus speak.

``python -m data.speech.say`` is the process that does it: espeak-ng keeps state (:mod:`data.speech.espeak`), so that
only a fresh process says the same words in the same way each time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from data.errors import BadInput, LabctlError
from data.speech.corpus import SpeechSplit
from data.speech.espeak import Espeak, SynthesisFailed
from data.speech.noise import pool
from data.speech.plan import plan
from data.speech.recording import HELD_OUT, as_int16, clip_of_silence, clip_of_word
from data.speech.speaking import bare_utterance
from data.speech.words import SILENCE, label_of

MOST_WORDS: Final = 500
POOL_SECONDS: Final = 6.0
_WORD: Final = re.compile(r"[a-z][a-z']{0,29}")
_TIMEOUT_S: Final = 120.0


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in their order, in small letters; the word ``silence`` stands for saying nothing.

    Raises:
        BadInput: no word, too many of them, or something that is no English word.
    """
    words = tuple(re.sub(r"[,;.!?]", " ", text.lower()).split())
    wrong = [word for word in words if not _WORD.fullmatch(word)]
    if wrong:
        raise BadInput(f"{wrong[0]!r} cannot be spoken; words have the letters a to z, at most 30 of them")
    if not 1 <= len(words) <= MOST_WORDS:
        raise BadInput(f"there are {len(words)} words to speak; type 1 to {MOST_WORDS}, with spaces between them")
    return words


def speak(words: Sequence[str], seed: int = 0) -> SpeechSplit:
    """One clip for each word, in a voice that no network was trained on; the same seed says them the same way.

    Args:
        words: as :func:`words_of` gives them.
        seed: draws voice, accent, rate, pitch and background of each.

    Raises:
        BadInput: as :func:`words_of`.
        SynthesisFailed: the synthesizer does not work on this machine.
    """
    chosen = words_of(" ".join(words))
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory(prefix="labctl-speech-") as folder:
        target = Path(folder) / "words.npz"
        command = [sys.executable, "-P", "-m", "data.speech.say", "--seed", str(seed), str(target), *chosen]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SynthesisFailed(f"the words were not spoken within {_TIMEOUT_S:.0f} s") from error
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise SynthesisFailed(f"the words could not be spoken: {last[0]}")
        with np.load(target, allow_pickle=False) as made:
            return SpeechSplit(made["waves"], made["labels"], made["speakers"], made["words"])


def make_clips(words: Sequence[str], seed: int) -> SpeechSplit:
    """The clips; to be called once, in a fresh process."""
    manners = [utterance for utterance in plan("full", seed, "test") if utterance.word]
    drawn = [replace(manners[i % len(manners)], word=word, label=label_of(word)) for i, word in enumerate(words)]
    spoken = [
        replace(item, word="", variant="", label=label_of("")) if item.word == SILENCE else item for item in drawn
    ]
    espeak = Espeak.start()
    rng = np.random.default_rng([seed, 5])
    backgrounds = pool(rng, POOL_SECONDS)
    waves = []
    for utterance in spoken:
        if utterance.word:
            clip = clip_of_word(rng, bare_utterance(espeak, utterance), backgrounds, HELD_OUT)
        else:
            clip = clip_of_silence(rng, backgrounds, HELD_OUT)
        waves.append(as_int16(clip))
    return SpeechSplit(
        waves=np.stack(waves),
        labels=np.array([item.label for item in spoken], np.int64),
        speakers=np.array([f"{item.variant} {item.accent}" if item.word else "" for item in spoken], np.str_),
        words=np.array([item.word for item in spoken], np.str_),
    )


def main(arguments: list[str] | None = None) -> int:
    """Speak words and write them as ``.npz``; 0 when done, 1 with one sentence on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m data.speech.say", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("target", type=Path)
    parser.add_argument("words", nargs="+")
    options = parser.parse_args(arguments)
    target = options.target.resolve()
    try:
        made = make_clips(options.words, options.seed)
    except LabctlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    np.savez(target, waves=made.waves, labels=made.labels, speakers=made.speakers, words=made.words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
