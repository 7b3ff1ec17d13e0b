"""A second test set from another synthesizer: flite, through its command, where it is installed.

Its voices share nothing with espeak-ng, which makes them a harder question than an unheard variant: a network that
has learned espeak-ng rather than English does badly here.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from data.speech.corpus import CLIP_SAMPLES, SpeechSplit
from data.speech.espeak import SynthesisFailed
from data.speech.noise import Floats, pool
from data.speech.plan import Size
from data.speech.recording import HELD_OUT, as_int16, bare_word, clip_of_silence, clip_of_word
from data.speech.words import KEYWORDS, LABELS, TEST_ONLY_WORDS, label_of, unknown_words

VOICES = ("kal16", "awb", "rms", "slt")
"""The general-purpose voices of flite at 16 kHz (``kal`` is ``kal16`` at 8 kHz)."""

_STRETCHES: dict[Size, tuple[float, ...]] = {"tiny": (1.0,), "small": (1.0,), "full": (0.9, 1.0, 1.15)}
_UNKNOWN_WORDS = (*TEST_ONLY_WORDS, *unknown_words("train")[:4])
_TIMEOUT_S = 60.0


def describe() -> str:
    """What flite there is, for a cache key; empty without one."""
    command = shutil.which("flite")
    return "" if command is None else f"flite {Path(command).resolve().name}"


def test_set(size: Size, seed: int) -> SpeechSplit | None:
    """Keywords, unknown words and silence from flite; None where there is no flite.

    Raises:
        SynthesisFailed: the command is there and does not work.
    """
    command = shutil.which("flite")
    if command is None:
        return None
    rng = np.random.default_rng([seed, 4, 1])
    spoken: list[tuple[str, str, Floats]] = []
    with tempfile.TemporaryDirectory(prefix="labctl-flite-") as folder:
        target = Path(folder) / "word.wav"
        for voice in VOICES if size != "tiny" else VOICES[:1]:
            for word in (*KEYWORDS, *_UNKNOWN_WORDS):
                spoken += [(voice, word, _say(command, voice, word, s, target)) for s in _STRETCHES[size]]
    backgrounds = pool(rng, 12.0, [word for _, _, word in spoken])
    waves = [as_int16(clip_of_word(rng, word, backgrounds, HELD_OUT)) for _, _, word in spoken]
    silences = max(1, len(spoken) // (len(LABELS) - 1))
    waves += [as_int16(clip_of_silence(rng, backgrounds, HELD_OUT)) for _ in range(silences)]
    words = [word for _, word, _ in spoken] + [""] * silences
    return SpeechSplit(
        waves=np.stack(waves).reshape(-1, CLIP_SAMPLES),
        labels=np.array([label_of(word) for word in words], np.int64),
        speakers=np.array([f"flite {voice}" for voice, _, _ in spoken] + [""] * silences, np.str_),
        words=np.array(words, np.str_),
    )


def _say(command: str, voice: str, word: str, stretch: float, target: Path) -> Floats:
    options = ["-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", word, "-o", str(target)]
    try:
        done = subprocess.run([command, *options], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SynthesisFailed(f"the speech synthesizer flite does not work: {error}") from error
    if done.returncode != 0 or not target.is_file():
        raise SynthesisFailed(f"flite failed to say {word!r} with voice {voice}: {done.stderr.strip()}")
    rate, wave = wavfile.read(io.BytesIO(target.read_bytes()))
    target.unlink()
    return bare_word(wave, rate, 1.0)
