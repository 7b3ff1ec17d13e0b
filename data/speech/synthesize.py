"""One shard of the synthetic corpus, made in a process of its own: ``python -m data.speech.synthesize``.

The process must be a fresh one (see :mod:`data.speech.espeak`); its output depends on the arguments only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

import numpy as np

from data.errors import LabctlError
from data.speech.corpus import CLIP_SAMPLES, SpeechSplit
from data.speech.espeak import Espeak
from data.speech.noise import pool
from data.speech.plan import SIZES, Size, shard_of
from data.speech.recording import as_int16, clip_of_silence, clip_of_word, conditions_of
from data.speech.speaking import bare_utterance
from data.speech.voices import SPLITS

POOL_SECONDS = 12.0


def make_shard(size: Size, seed: int, split: str, shard: int) -> SpeechSplit:
    """The clips of one shard; to be called once, in a fresh process."""
    utterances = shard_of(size, seed, split, shard)
    espeak = Espeak.start()
    spoken = [bare_utterance(espeak, utterance) for utterance in utterances if utterance.word]
    rng = np.random.default_rng([seed, SPLITS.index(split), shard, 1])
    backgrounds = pool(rng, POOL_SECONDS, spoken)
    conditions = conditions_of(split)
    waves = np.empty((len(utterances), CLIP_SAMPLES), np.int16)
    words = iter(spoken)
    for row, utterance in enumerate(utterances):
        clip = (
            clip_of_word(rng, next(words), backgrounds, conditions)
            if utterance.word
            else clip_of_silence(rng, backgrounds, conditions)
        )
        waves[row] = as_int16(clip)
    return SpeechSplit(
        waves=waves,
        labels=np.array([u.label for u in utterances], np.int64),
        speakers=np.array([u.variant for u in utterances], np.str_),
        words=np.array([u.word for u in utterances], np.str_),
    )


def main(arguments: list[str] | None = None) -> int:
    """Make one shard and write it as ``.npz``; 0 when done, 1 with one sentence on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m data.speech.synthesize", description=__doc__)
    parser.add_argument("--size", choices=get_args(Size), required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--split", choices=tuple(SIZES["tiny"]), required=True)
    parser.add_argument("--shard", type=int, required=True)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    target = options.target.resolve()
    try:
        made = make_shard(options.size, options.seed, options.split, options.shard)
    except LabctlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    np.savez(target, waves=made.waves, labels=made.labels, speakers=made.speakers, words=made.words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
