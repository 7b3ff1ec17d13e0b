"""Spoken words for keyword spotting: ten keywords, unknown words and silence, synthetic or recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE, SpeechSet, SpeechSplit
from data.speech.plan import SIZES, Size
from data.speech.words import KEYWORDS, LABELS

__all__ = [
    "CLIP_SAMPLES",
    "KEYWORDS",
    "LABELS",
    "SAMPLE_RATE",
    "SIZES",
    "Size",
    "SpeechSet",
    "SpeechSplit",
    "load_speech",
]

log = logging.getLogger(__name__)


def load_speech(
    source: Path | None = None,
    *,
    cache: Path | None = None,
    size: Size = "full",
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> SpeechSet:
    """A corpus of spoken keywords.

    Args:
        source: a folder with Speech Commands version 2; None for synthetic speech.
        cache: folder in which synthetic speech is kept; None for the user's cache folder.
        size: how many clips of synthetic speech, or how many of a folder at most.
        seed: draws the synthetic utterances, or which unknown words and background noises of a folder are used.
        progress: told the finished share, 0 to 1, and what is being done.

    Raises:
        BadInput: the folder is not Speech Commands, or a file in it cannot be used.
        SynthesisFailed: the synthesizer does not work on this machine.
    """
    from data.speech.cache import default_cache, load_cached, store
    from data.speech.commands import load_commands
    from data.speech.synthetic import cache_key, synthesize

    report = progress if progress is not None else _quiet
    if source is not None:
        return load_commands(source, size=size, seed=seed, progress=report)
    path = (default_cache() if cache is None else cache) / cache_key(size, seed)
    corpus = load_cached(path)
    if corpus is None:
        corpus = synthesize(size, seed, report)
        try:
            store(corpus, path)
        except OSError as error:  # the corpus is there all the same; it will be made again next time
            log.warning("cannot keep the synthesised corpus in %s: %s", path.parent, error.strerror)
    return corpus


def _quiet(_share: float, _what: str) -> None:
    """No one wants to know."""
