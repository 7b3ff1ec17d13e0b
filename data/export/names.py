"""Names of variables in formats that allow fewer of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def unique(names: Iterable[str], shorten: Callable[[str], str], taken: Iterable[str] = ()) -> dict[str, str]:
    """For each name the one it gets: what ``shorten`` makes of it, with a number where two would be the same.

    Args:
        names: as they are in the run.
        shorten: gives a name that the format allows, and leaves an allowed one as it is.
        taken: names that are in use already.
    """
    used = set(taken)
    given: dict[str, str] = {}
    for name in names:
        candidate, number = shorten(name), 1
        while candidate in used:
            number += 1
            suffix = f"_{number}"
            candidate = shorten(name)[: 63 - len(suffix)] + suffix
        used.add(candidate)
        given[name] = candidate
    return given
