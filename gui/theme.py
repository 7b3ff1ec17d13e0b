"""Colours by meaning, light and dark, from one table; widgets take them from the palette, plots from the theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PyQt6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PyQt6.QtWidgets import QApplication

from labctl.service.messages import Light

Appearance = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as ``#rrggbb``; the signal colours are those of Okabe and Ito, told apart by the colour-blind.

    Attributes:
        name: light or dark.
        window: behind everything.
        surface: behind plots, lists and fields.
        raised: of buttons and heads.
        text: of text.
        muted: of what matters less.
        line: of frames and grids.
        accent: of what is running or chosen.
        accent_text: of text on the accent.
        ok: connected, done.
        warning: look at this.
        fault: failed.
        measured: data from hardware.
        simulated: data from models and emulated hardware.
        series: of curves, one after another.
    """

    name: Appearance
    window: str
    surface: str
    raised: str
    text: str
    muted: str
    line: str
    accent: str
    accent_text: str
    ok: str
    warning: str
    fault: str
    measured: str
    simulated: str
    series: tuple[str, ...]

    def light(self, light: Light) -> str:
        """The colour of a light."""
        colours = {"off": self.muted, "busy": self.accent, "ok": self.ok, "warning": self.warning, "fault": self.fault}
        return colours[light]


LIGHT = Theme(
    name="light",
    window="#f3f4f6",
    surface="#ffffff",
    raised="#e9ebee",
    text="#1b1f24",
    muted="#5d6673",
    line="#c9ced6",
    accent="#0b63b0",
    accent_text="#ffffff",
    ok="#00795a",
    warning="#8a5a00",
    fault="#b8430a",
    measured="#0072b2",
    simulated="#b36b00",
    series=("#0072b2", "#d55e00", "#009e73", "#9c4f80", "#7a6a00", "#3a8fbf", "#555555"),
)
DARK = Theme(
    name="dark",
    window="#1d2127",
    surface="#14171b",
    raised="#2a3038",
    text="#e6e9ee",
    muted="#9aa4b2",
    line="#3a424d",
    accent="#4ea3ec",
    accent_text="#0c1117",
    ok="#3fc79a",
    warning="#f0b429",
    fault="#ff8a4c",
    measured="#56b4e9",
    simulated="#e69f00",
    series=("#56b4e9", "#e8824a", "#2fc296", "#d991bd", "#f0e442", "#8fb8ff", "#b8bec8"),
)


def theme_of(appearance: Appearance) -> Theme:
    """The theme of a name."""
    return DARK if appearance == "dark" else LIGHT


def system_appearance() -> Appearance:
    """Light or dark, as the system's palette is."""
    return "dark" if QApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else "light"


def palette_of(theme: Theme) -> QPalette:
    """The theme as Qt's palette; style sheets are not used, they break widgets that draw themselves."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.fault,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.muted,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.accent_text,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.line if theme.name == "dark" else "#ffffff",
        role.Midlight: theme.raised,
        role.Mid: theme.line,
        role.Dark: theme.line,
        role.Shadow: "#000000",
    }
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, which, QColor(theme.muted))
    palette.setColor(group.Disabled, role.Highlight, QColor(theme.line))
    return palette


def apply(app: QApplication, theme: Theme) -> None:
    """Make the whole application look so."""
    app.setStyle("Fusion")
    app.setPalette(palette_of(theme))
    if theme.name == "dark":
        # The style draws the edge of a box darker than what is behind it, where nobody sees it.
        for edge, names in (
            (QColor(theme.muted), ("QCheckBox", "QRadioButton", "QGroupBox", "QTreeView")),
            (QColor(theme.line).lighter(150), ("QLineEdit", "QAbstractSpinBox", "QComboBox", "QPlainTextEdit")),
        ):
            boxes = palette_of(theme)
            boxes.setColor(QPalette.ColorRole.Window, edge)
            for name in names:
                app.setPalette(boxes, name)


def figures_font(points: float | None = None) -> QFont:
    """For read-outs: every figure is as wide as any other, so that values do not jump."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    if points is not None:
        font.setPointSizeF(points)
    return font
