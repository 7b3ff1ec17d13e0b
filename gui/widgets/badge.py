"""The badge that stands wherever data are not from hardware."""

from __future__ import annotations

from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QLabel

from gui.theme import Theme


class SimulatedBadge(QLabel):
    """SIMULATED, in the colour of simulated data.

    Args:
        theme: colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__("SIMULATED")
        self.setAccessibleName("The data are not from hardware")
        self.setToolTip("A connected board or instrument is emulated or simulated")
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Window)
        self.setForegroundRole(QPalette.ColorRole.WindowText)
        self.setContentsMargins(8, 2, 8, 2)
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(theme.simulated))
        palette.setColor(QPalette.ColorRole.WindowText, QColor("#000000" if theme.name == "dark" else "#ffffff"))
        self.setPalette(palette)
        font = self.font()
        font.setBold(True)
        self.setFont(font)
