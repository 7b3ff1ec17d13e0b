"""The standard sweeps of a board in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "baseline": "offset and noise of every column",
    "single-row": "charge of single rows over activation and weight",
    "position": "one active row moved through the slots of the event sequence",
    "permutations": "the same events in other orders",
    "timing": "other event spacings and numbers of sends",
    "random": "random vectors with random weights",
    "held-out": "random vectors that no fit sees: they score it",
}
"""What each kind shows, in the order in which they are measured."""


def explained(kind: str) -> str:
    """What a kind shows; a kind that is not known here is its own name."""
    return KINDS.get(kind, kind)
