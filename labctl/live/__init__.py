"""Keyword spotting live: utterances from files, words, a microphone; the board beside its counterparts."""

from __future__ import annotations

from labctl.live.microphone import Microphone, NoMicrophone, microphones
from labctl.live.results import Answer, Decision, Latency, Spotted
from labctl.live.sources import Clip, Clips, Source, TestWords, TypedWords, WavFiles
from labctl.live.spotting import spot

__all__ = [
    "Answer",
    "Clip",
    "Clips",
    "Decision",
    "Latency",
    "Microphone",
    "NoMicrophone",
    "Source",
    "Spotted",
    "TestWords",
    "TypedWords",
    "WavFiles",
    "microphones",
    "spot",
]
