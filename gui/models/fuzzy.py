"""Finding a command by some of its letters."""

from __future__ import annotations

from collections.abc import Iterable


def score(wanted: str, text: str) -> float | None:
    """How well ``text`` fits the letters of ``wanted`` in their order; None when it does not, more is better.

    Letters that follow one another and letters that begin a word count more.
    """
    total, at = 0.0, -1
    lower = text.lower()
    for letter in wanted.lower().replace(" ", ""):
        found = lower.find(letter, at + 1)
        if found < 0:
            return None
        total += 1.0
        if found == at + 1:
            total += 1.0
        if found == 0 or not lower[found - 1].isalnum():
            total += 1.5
        at = found
    return total - 0.01 * len(text)


def best(wanted: str, texts: Iterable[str]) -> list[str]:
    """The texts that fit, the best first; all of them in their order when nothing is wanted."""
    known = list(texts)
    if not wanted.strip():
        return known
    scored = [(found, text) for text in known if (found := score(wanted, text)) is not None]
    return [text for _, text in sorted(scored, key=lambda item: -item[0])]
