"""How strong each effect of the emulated board's physics is, and the ``KEY=VALUE`` text that sets it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from data.errors import BadInput, Problems
from data.values import Geometry

ORDER = frozenset({"leak", "rails", "line", "voltage"})
"""The effects that make the order of operands matter."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """Strengths of the effects; those in ``off`` are absent whatever their number says.

    Spreads are standard deviations of what the seed draws, cut at 2.5 of them.

    Attributes:
        geometry: size of the array.
        gain: output codes per activation x weight and send.
        leak_us: membrane time constant in microseconds.
        rail: membrane rails at plus and minus this many output codes.
        knee: width in output codes over which charge fades out before a rail.
        line_ns: time constant of the two synaptic lines in nanoseconds.
        line_limit: charge (activation x weight) at which a line saturates.
        voltage: loss of charge with the membrane at its rail, percent.
        rows: spread of the row gains, percent.
        columns: spread of the column gains and of the time constants (equal), rails (3/4) and noise (5/4), percent.
        synapses: spread of single synapses, percent.
        asymmetry: spread of the half-difference between excitatory and inhibitory charge, percent.
        dac: largest smooth non-linearity of the weight converter, weight codes.
        pulse: how much a long pulse lacks of a full activation code, activation codes.
        adc: largest non-linearity of a column's converter, output codes.
        noise: trial noise, output codes (reset noise and read noise together).
        drift: slow wandering of the gain, percent; offsets wander by twice this number of output codes.
        offset: spread of the column offsets, output codes.
        temperature: wandering of the board temperature in kelvin; the gain falls by 0.1 % per kelvin.
        reset_ns: time constant of the membrane reset in nanoseconds.
        off: names of the effects that are switched off.
    """

    geometry: Geometry = field(default_factory=Geometry)
    gain: float = 0.002
    leak_us: float = 8.0
    rail: float = 85.0
    knee: float = 0.4
    line_ns: float = 320.0
    line_limit: float = 50_000.0
    voltage: float = 1.5
    rows: float = 3.0
    columns: float = 8.0
    synapses: float = 2.0
    asymmetry: float = 2.0
    dac: float = 0.8
    pulse: float = 0.5
    adc: float = 0.4
    noise: float = 1.4
    drift: float = 0.2
    offset: float = 4.0
    temperature: float = 1.0
    reset_ns: float = 400.0
    off: frozenset[str] = frozenset()

    def uses(self, effect: str) -> bool:
        """Whether ``effect`` is switched on."""
        return effect not in self.off

    def of(self, effect: str) -> float:
        """The number of an effect that has its own, 0 when it is switched off."""
        return float(getattr(self, effect)) if self.uses(effect) else 0.0

    @property
    def ordered(self) -> bool:
        """Whether any effect makes the order of operands matter."""
        return not self.off >= ORDER


SWITCHES = ("leak", "rails", "line", "reset", "bad")
"""Effects that take ``on`` and ``off`` only; their numbers have keys of their own."""

SELF_VALUED = (
    "voltage",
    "rows",
    "columns",
    "synapses",
    "asymmetry",
    "dac",
    "pulse",
    "adc",
    "noise",
    "drift",
    "offset",
    "temperature",
)
"""Effects that take ``on``, ``off`` or their number."""

EFFECTS = frozenset(SWITCHES + SELF_VALUED)
GROUPS = {"order": ORDER, "all": EFFECTS}

NUMBERS: dict[str, tuple[str | None, float, float]] = {
    "gain": (None, 1e-6, 1e3),
    "leak_us": ("leak", 0.05, 1e6),
    "rail": ("rails", 1.0, 1e4),
    "knee": ("rails", 1e-3, 50.0),
    "line_ns": ("line", 1.0, 1e5),
    "line_limit": ("line", 1.0, 1e9),
    "reset_ns": ("reset", 1.0, 1e6),
    "voltage": ("voltage", 0.0, 50.0),
    "rows": ("rows", 0.0, 30.0),
    "columns": ("columns", 0.0, 30.0),
    "synapses": ("synapses", 0.0, 30.0),
    "asymmetry": ("asymmetry", 0.0, 30.0),
    "dac": ("dac", 0.0, 5.0),
    "pulse": ("pulse", 0.0, 5.0),
    "adc": ("adc", 0.0, 20.0),
    "noise": ("noise", 0.0, 100.0),
    "drift": ("drift", 0.0, 20.0),
    "offset": ("offset", 0.0, 100.0),
    "temperature": ("temperature", 0.0, 20.0),
}
"""Key: the effect that giving the number switches on, smallest and largest number allowed."""

KEYS = tuple(sorted(EFFECTS | set(GROUPS) | set(NUMBERS) | {"geometry"}))


def parse_strengths(settings: Iterable[str]) -> Strengths:
    """Strengths from settings ``KEY=VALUE[,KEY=VALUE...]``, applied from left to right to the default board.

    Raises:
        Problems: every setting that cannot be used, all at once; an unknown key is answered with the known ones.
    """
    strengths, problems = Strengths(), []
    for setting in (part.strip() for group in settings for part in group.split(",")):
        if not setting:
            continue
        try:
            strengths = _apply(strengths, setting)
        except BadInput as problem:
            problems.append(str(problem))
    if problems:
        raise Problems("--physics", problems)
    return strengths


def _apply(strengths: Strengths, setting: str) -> Strengths:
    key, equals, value = (part.strip().lower() for part in setting.partition("="))
    if not equals or not value:
        raise BadInput(f"{setting!r} is not KEY=VALUE")
    if key == "geometry":
        return replace(strengths, geometry=parse_geometry(value))
    if key not in KEYS:
        raise BadInput(f"unknown option {key!r}, known are {', '.join(KEYS)}")
    effects = GROUPS.get(key, frozenset({key}) if key in EFFECTS else frozenset())
    if effects and value in ("on", "off"):
        off = strengths.off - effects if value == "on" else strengths.off | effects
        return replace(strengths, off=off)
    if key not in NUMBERS:
        raise BadInput(f"{key} is {value!r}; it takes on or off")
    effect, low, high = NUMBERS[key]
    number = _number(value)
    if not low <= number <= high:
        raise BadInput(f"{key} is {value!r}; it takes {'on, off or ' if effects else ''}a number {low:g} to {high:g}")
    off = strengths.off - {effect} if effect else strengths.off
    changes: dict[str, float] = {key: number}
    return replace(strengths, off=off, **changes)  # type: ignore[arg-type]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def parse_geometry(text: str) -> Geometry:
    """The geometry ``ROWSxCOLUMNS``.

    Raises:
        BadInput: the text is none, or of a board that is not emulated.
    """
    rows, cross, columns = text.partition("x")
    if not (cross and rows.isdecimal() and columns.isdecimal()):
        raise BadInput(f"geometry is {text!r}; it takes ROWSxCOLUMNS, for example 64x32")
    if not (1 <= int(rows) <= 1024 and 1 <= int(columns) <= 2048):
        raise BadInput(f"geometry is {text!r}; it takes 1 to 1024 rows and 1 to 2048 columns")
    return Geometry(rows=int(rows), columns=int(columns))
