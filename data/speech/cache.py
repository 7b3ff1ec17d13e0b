"""A corpus kept in one file, so that it is made only once; a damaged file is noticed and counts as none."""

from __future__ import annotations

import json
import os
import tempfile
import tokenize
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from data.speech.corpus import SpeechSet, SpeechSplit, content_digest, make_speech_set

# The last two: numpy reads the head of a damaged array as if it were Python.
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, SyntaxError, tokenize.TokenError)
_SPLITS = ("train", "validation", "test", "other_synthesizer")


def default_cache() -> Path:
    """The folder of this user for what can be made again."""
    return Path(platformdirs.user_cache_dir("labctl", appauthor=False)) / "speech"


def load_cached(path: Path) -> SpeechSet | None:
    """The corpus in ``path``; None when there is no such file or what it holds is not what was stored."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        notes = json.loads(str(arrays.pop("notes")))
        source, digest = str(notes["source"]), str(notes["digest"])
        backgrounds = arrays.pop("backgrounds")
        splits = {
            name: SpeechSplit(**{item.name: arrays[f"{name}/{item.name}"] for item in fields(SpeechSplit)})
            for name in _SPLITS
            if f"{name}/labels" in arrays
        }
    except _DAMAGED:
        return None
    if content_digest(splits, backgrounds) != digest:
        return None
    return make_speech_set(splits, backgrounds, source, digest)


def store(corpus: SpeechSet, path: Path) -> None:
    """Write ``corpus`` to ``path`` under a name of its own first, so that no reader meets half a file.

    Two processes may store the same corpus at once; the later one replaces the earlier one's equal file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.generic]] = {"backgrounds": corpus.backgrounds}
    for name in _SPLITS:
        split: SpeechSplit | None = getattr(corpus, name)
        if split is not None:
            arrays |= {f"{name}/{item.name}": getattr(split, item.name) for item in fields(SpeechSplit)}
    notes = np.array(json.dumps({"source": corpus.source, "digest": corpus.digest}))
    handle, temporary = tempfile.mkstemp(prefix=f"{path.stem}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, notes=notes, **arrays)  # type: ignore[arg-type]
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
