"""The synthetic corpus: shards made by fresh processes, a few at a time, and put together in a fixed order."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data.speech import flite
from data.speech.corpus import SpeechSet, SpeechSplit, make_speech_set
from data.speech.espeak import SynthesisFailed
from data.speech.noise import pool
from data.speech.plan import SIZES, Size
from data.speech.recording import as_int16

Progress = Callable[[float, str], None]

_MAKERS = ("espeak", "flite", "noise", "plan", "recording", "speaking", "synthesize", "synthetic", "voices", "words")
"""The modules beside this one that decide what a clip sounds like."""

BACKGROUND_SECONDS = 20.0
_TIMEOUT_S = 600.0
_POLL_S = 0.02


def cache_key(size: Size, seed: int) -> str:
    """A file name that changes with everything the synthetic corpus depends on: size, seed, synthesizers, our code."""
    code = hashlib.sha256()
    for name in _MAKERS:
        code.update(Path(__file__).with_name(f"{name}.py").read_bytes().replace(b"\r\n", b"\n"))
    voices = f"{version('espeakng-loader')} {flite.describe()}"
    code.update(f"{voices} numpy {np.__version__}".encode())
    return f"synthetic-{size}-{seed}-{code.hexdigest()[:16]}.npz"


def synthesize(size: Size, seed: int, progress: Progress) -> SpeechSet:
    """Make the synthetic corpus.

    Args:
        size: how many clips.
        seed: another seed draws other rates, pitches, accents and noises; the voices of each split stay.
        progress: told the finished share, 0 to 1, and what is being done.

    Raises:
        SynthesisFailed: a synthesizer does not work on this machine.
    """
    jobs = [(split, shard) for split, counts in SIZES[size].items() for shard in range(counts.shards)]
    with tempfile.TemporaryDirectory(prefix="labctl-speech-") as folder:
        files = {job: Path(folder) / f"{job[0]}-{job[1]}.npz" for job in jobs}
        commands = [_command(size, seed, *job, files[job]) for job in jobs]
        with _processes(commands, os.cpu_count() or 1) as finished:
            for done in finished:
                progress(done / (len(jobs) + 1), f"synthesizing speech: {done} of {len(jobs)} parts")
        splits = {split: _join([files[job] for job in jobs if job[0] == split]) for split in SIZES[size]}
    other = flite.test_set(size, seed)
    if other is not None:
        splits["other_synthesizer"] = other
    rng = np.random.default_rng([seed, len(SIZES[size])])
    noises = pool(rng, BACKGROUND_SECONDS)
    backgrounds = as_int16(noises / np.max(np.abs(noises), axis=1, keepdims=True))
    voices = f"espeak-ng {version('espeakng-loader')}, seed {seed}, size {size}"
    corpus = make_speech_set(splits, backgrounds, f"synthetic speech ({voices})")
    progress(1.0, "speech is ready")
    return corpus


def _command(size: Size, seed: int, split: str, shard: int, target: Path) -> list[str]:
    options = ["--size", size, "--seed", str(seed), "--split", split, "--shard", str(shard), str(target)]
    return [sys.executable, "-P", "-m", "data.speech.synthesize", *options]


@contextmanager
def _processes(commands: list[list[str]], at_once: int) -> Iterator[Iterator[int]]:
    """Run all commands, ``at_once`` at a time; yields how many have finished. None is left running on any way out."""
    running: list[subprocess.Popen[str]] = []
    try:
        yield _run_all(commands, at_once, running)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _run_all(commands: list[list[str]], at_once: int, running: list[subprocess.Popen[str]]) -> Iterator[int]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **single, "PYTHONPATH": path}
    waiting, finished = list(commands), 0
    deadline = time.monotonic() + _TIMEOUT_S
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(
                subprocess.Popen(
                    waiting.pop(0),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        for process in [p for p in running if p.poll() is not None]:
            running.remove(process)
            _, message = process.communicate()
            if process.returncode != 0:
                last = message.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
                raise SynthesisFailed(f"speech could not be synthesized: {last[0]}")
            finished += 1
            yield finished
        if time.monotonic() > deadline:
            raise SynthesisFailed(f"speech was not synthesized within {_TIMEOUT_S:.0f} s; is the machine very busy?")
        time.sleep(_POLL_S)


def _join(files: list[Path]) -> SpeechSplit:
    columns: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]] = {
        f.name: [] for f in fields(SpeechSplit)
    }
    for file in files:
        with np.load(file, allow_pickle=False) as shard:
            for name, parts in columns.items():
                parts.append(shard[name])
    return SpeechSplit(**{name: np.concatenate(parts) for name, parts in columns.items()})
