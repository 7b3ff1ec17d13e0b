"""Values of instruments for people: SI prefixes where the unit takes them, switches as words, limits as a span."""

from __future__ import annotations

import math
import re
from typing import Final

from data.instrument import Quantity, Value

PREFIXED: Final = frozenset(
    {"V", "A", "W", "Hz", "F", "H", "S", "T", "J", "C", "Pa", "ohm", "Ohm", "Ω", "s", "m", "K", "N"}
)
"""Units that are written with a prefix; others, such as ``ns`` and ``degC``, stand as they are."""

_SMALL: Final = "mµnpfa"
_LARGE: Final = "kMGTPE"
_POWERS: Final = {
    **{letter: -place for place, letter in enumerate(_SMALL, 1)},
    **{letter: place for place, letter in enumerate(_LARGE, 1)},
    "u": -2,
    "μ": -2,
}
_FIGURE: Final = re.compile(r"(?P<number>[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)\s*(?P<tail>\S*)")
_SHOWN: Final = {"degC": "°C", "degrees_C": "°C", "ohm": "Ω", "Ohm": "Ω", "percent": "%", "1": ""}


def unit_shown(unit: str) -> str:
    """A unit as people write it."""
    return _SHOWN.get(unit, unit)


def takes_prefix(unit: str) -> bool:
    """Whether a number of this unit is written with an SI prefix."""
    return unit in PREFIXED


def figure(value: float, unit: str, digits: int = 5) -> str:
    """A number and its unit: ``1.25 mV``, ``40 ns``, ``23.4 °C``."""
    shown = unit_shown(unit)
    if not math.isfinite(value):
        return f"{value:g} {shown}".strip()
    prefix = ""
    if takes_prefix(unit) and value:
        power = math.floor(math.log10(abs(float(f"{value:.{digits}g}"))) / 3)
        power = max(-len(_SMALL), min(len(_LARGE), power))
        prefix = _SMALL[-power - 1] if power < 0 else _LARGE[power - 1] if power else ""
        value /= 1000.0**power
    return f"{value:.{digits}g} {prefix}{shown}".strip()


def parse_figure(text: str, unit: str) -> float | None:
    """The inverse of :func:`figure`, for what people type: ``20m``, ``1.5 kV``, ``3e-3``, ``0,5``; or None."""
    match = _FIGURE.fullmatch(text.strip())
    if match is None:
        return None
    value = float(match["number"].replace(",", "."))
    tail = match["tail"]
    if tail in ("", unit, unit_shown(unit)):
        return value
    power = _POWERS.get(tail[0]) if takes_prefix(unit) and tail[1:] in ("", unit, unit_shown(unit)) else None
    return None if power is None else float(f"{value * 1000.0**power:.15g}")


def value_text(value: Value | None, unit: str) -> str:
    """Any value: a number with its unit, a switch as ``on`` or ``off``, a text as it is; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else figure(float(value), unit)


def limits_text(quantity: Quantity) -> str:
    """What may be set, in a few letters; empty where anything may, or nothing."""
    if not quantity.settable:
        return ""
    if quantity.choices:
        return " / ".join(value_text(item, quantity.unit) for item in quantity.choices)
    low, high = quantity.low, quantity.high
    if math.isinf(low) and math.isinf(high):
        return ""
    if math.isinf(high):
        return f"≥ {figure(low, quantity.unit, 3)}"
    if math.isinf(low):
        return f"≤ {figure(high, quantity.unit, 3)}"
    return (
        f"{low:.4g} … {figure(high, quantity.unit, 4)}"
        if not low
        else (f"{figure(low, quantity.unit, 4)} … {figure(high, quantity.unit, 4)}")
    )


def step_of(quantity: Quantity) -> float:
    """A step of about a hundredth of what may be set, as 1, 2 or 5 times a power of ten; 1 where nobody knows."""
    width = quantity.high - quantity.low
    if not math.isfinite(width) or width <= 0:
        return 1.0
    wanted = width / 100
    power = 10.0 ** math.floor(math.log10(wanted))
    return float(f"{next(times for times in (1, 2, 5, 10) if times * power >= wanted * 0.999) * power:.6g}")


def steps_of(quantity: Quantity) -> tuple[float, ...]:
    """Steps to choose from, powers of ten around :func:`step_of`."""
    middle = 10.0 ** round(math.log10(step_of(quantity)))
    return tuple(float(f"{middle * 10.0**power:.6g}") for power in (-2, -1, 0, 1))
