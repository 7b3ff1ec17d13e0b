"""SCPI text: which command a line names, in its short or long form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable


def spellings(pattern: str) -> tuple[str, ...]:
    """Every upper-case spelling of a header such as ``SYSTem:ERRor?``: each word short (its capitals) or long."""
    words = pattern.removesuffix("?").split(":")
    forms = [(word.upper(),) if word.startswith("*") else _forms(word) for word in words]
    query = "?" if pattern.endswith("?") else ""
    return tuple(":".join(choice) + query for choice in itertools.product(*forms))


def _forms(word: str) -> tuple[str, ...]:
    short = "".join(letter for letter in word if not letter.islower())
    return (short,) if short == word.upper() else (short, word.upper())


def split_units(text: str) -> tuple[tuple[str, str], ...]:
    """The commands of a line, separated by ``;``: header in upper case, and argument.

    A header without a leading colon continues at the level of the one before (IEEE 488.2, SCPI-99 volume 1, 6.2.4);
    common commands (``*``) leave that level as it is.
    """
    units, level = [], ""
    for unit in text.split(";"):
        header, _, argument = unit.strip().partition(" ")
        header = header.upper()
        if not header.startswith("*"):
            header = header[1:] if header.startswith(":") else level + header
            level = header[: header.rfind(":") + 1]
        units.append((header, argument.strip()))
    return tuple(units)


def numbers(argument: str, count: int) -> tuple[int, ...] | None:
    """``count`` whole numbers separated by commas, or None."""
    parts = [part.strip() for part in argument.split(",")]
    return tuple(int(part) for part in parts) if len(parts) == count and _whole(parts) else None


def _whole(parts: Iterable[str]) -> bool:
    return all(part.isascii() and part.isdecimal() and len(part) <= 9 for part in parts)
