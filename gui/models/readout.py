"""Numbers for read-outs: SI prefix, unit, always as wide."""

from __future__ import annotations

import math

_PREFIXES = {-5: "f", -4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}


def reading(value: float, unit: str = "", digits: int = 5) -> str:
    """A number as ``" 1.2345 mV"``: the same width whatever it is, a dash where it is not known.

    Numbers without a unit get no prefix.
    """
    width = digits + 2
    shown = "" if unit in ("", "1") else unit
    if not math.isfinite(value):
        return f"{'–':>{width}} {shown}".rstrip()
    if not shown:
        return f"{value:>{width}.{digits}g}"
    power = 0 if not value else min(max(math.floor(math.log10(abs(value)) / 3 + 1e-12), -5), 4)
    scaled = value / 1000.0**power
    before = len(f"{abs(scaled):.0f}")
    return f"{scaled:>{width}.{max(digits - before, 0)}f} {_PREFIXES[power]}{shown}"


def with_unit(label: str, unit: str) -> str:
    """A label with its unit in brackets, where it has one."""
    return label if unit in ("", "1") else f"{label} ({unit})"
