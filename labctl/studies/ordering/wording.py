"""Figures of the ordering study as words and cells of tables; accuracies in percent, differences in points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labctl.studies.ordering.analysis import Difference, Spread, verdicts

NOT_TOLD_APART = "not told apart"


def mean_and_spread(found: Spread) -> str:
    """``71.2 (0.8, 1.1)``: mean, and standard deviations over seeds and over boards."""
    return f"{100 * found.mean:.1f} ({_percent(found.seeds)}, {_percent(found.boards)})" if found.count else ""


def interval(found: Difference) -> str:
    """``+3.1 [+1.2, +5.0]``: mean difference and its interval."""
    if not found.spread.count:
        return ""
    mean, half = 100 * found.spread.mean, 100 * found.half_width
    if not np.isfinite(half):
        return f"{mean:+.1f} [-]"
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


def points(value: float) -> str:
    """``+3.1``; ``-`` where there is no figure."""
    return f"{100 * value:+.1f}" if np.isfinite(value) else "-"


def judged(family: Mapping[str, Difference]) -> dict[str, str]:
    """A cell for each comparison of a family: the interval, with a mark where it is told apart from nothing."""
    found = verdicts(list(family.values()))
    marks = {"better": " ↑", "worse": " ↓", NOT_TOLD_APART: ""}
    return {name: interval(item) + marks[v] for (name, item), v in zip(family.items(), found, strict=True)}


def tally(family: Mapping[str, Difference], better: str, worse: str) -> str:
    """In which of a family's comparisons one thing is better, worse, and not told apart, as a sentence's parts.

    Args:
        family: comparisons by condition.
        better: e.g. ``better``.
        worse: e.g. ``worse``.
    """
    known = {name: item for name, item in family.items() if item.spread.count}
    found = dict(zip(known, verdicts(list(known.values())), strict=True))
    words = {"better": better, "worse": worse, NOT_TOLD_APART: NOT_TOLD_APART}
    parts = []
    for verdict, word in words.items():
        each = [f"{name} {interval(known[name])}" for name in known if found[name] == verdict]
        if each:
            parts.append(f"{word} in {len(each)} of {len(known)} conditions ({'; '.join(each)})")
    return ", ".join(parts) or "nothing to compare yet"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else "-"
