"""What the curves of a plot are, in a line above it, where no curve runs through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from gui.theme import Theme

Role = Literal["measured", "ordered", "unordered", "plain", "muted"]
Style = Literal["points", "line", "dashed", "marks"]

_SIGNS: dict[Role, str] = {"measured": "●", "ordered": "■", "unordered": "▲", "plain": "●", "muted": "✕"}


def colour_of(role: Role, theme: Theme) -> str:
    """The colour of what the board or a model says; the same everywhere, in reports too."""
    colours = {
        "measured": theme.text,
        "ordered": theme.series[0],
        "unordered": theme.series[1],
        "plain": theme.series[0],
        "muted": theme.muted,
    }
    return colours[role]


@dataclass(frozen=True, slots=True)
class Key:
    """One curve.

    Attributes:
        name: what it is.
        role: whose it is.
        style: how it is drawn.
    """

    name: str
    role: Role
    style: Style = "points"


def legend(theme: Theme, lead: str, keys: Sequence[Key]) -> str:
    """Rich text: what the vertical axis shows, then each curve by sign, colour and name."""
    parts = [f"<span style='color:{theme.text}'>{escape(lead)}</span>"] if lead else []
    for key in keys:
        sign = {"points": _SIGNS[key.role], "line": "—", "dashed": "- -", "marks": "△"}[key.style]
        colour = theme.warning if key.style == "marks" else colour_of(key.role, theme)
        parts.append(f"<span style='color:{colour}'>{sign}&nbsp;{escape(key.name).replace(' ', '&nbsp;')}</span>")
    return "&nbsp; &nbsp;".join(parts)
