"""One word for what many comparisons say together."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["found", "not found", "undecided"]


def verdict(clearly: int, opposite: int, total: int) -> Verdict:
    """*Found* where more than half of all comparisons are clearly so and none is clearly the opposite.

    *Not found* the other way round, and *undecided* otherwise: the counts, which stand beside the word, say why.

    Args:
        clearly: comparisons whose interval says that it is so.
        opposite: comparisons whose interval says the opposite.
        total: comparisons.
    """
    if 2 * clearly > total and not opposite:
        return "found"
    if 2 * opposite > total and not clearly:
        return "not found"
    return "undecided"
