"""A plot with a line above it that says what is drawn; no curve runs through it, and it may be cut in a narrow dock."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.plotting import Plot
from gui.theme import Theme
from gui.widgets.legend import Key, legend


class LabelledPlot(QWidget):
    """A line of text over a plot.

    Args:
        theme: colours.
        name: what it is, for those who cannot see it.
        x: label of the horizontal axis.
    """

    def __init__(self, theme: Theme, name: str, x: str = "") -> None:
        super().__init__()
        self.theme = theme
        self._said: tuple[str, tuple[Key, ...]] = ("", ())
        self._above = QLabel()
        self._above.setTextFormat(Qt.TextFormat.RichText)
        self._above.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot = Plot(theme, x)
        self.plot.plotItem.getAxis("left").enableAutoSIPrefix(False)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.setAccessibleName(name)
        self.plot.setMinimumWidth(80)
        self.setAccessibleName(name)
        self.setAutoFillBackground(True)
        self.setMinimumHeight(100)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._above)
        column.addWidget(self.plot, 1)

    def say(self, lead: str, keys: Sequence[Key] = ()) -> None:
        """What the vertical axis shows, and what the curves are."""
        self._said = (lead, tuple(keys))
        self._above.setText(legend(self.theme, lead, keys))
        self._above.setToolTip(", ".join([lead, *(key.name for key in keys)]))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme; curves are the caller's."""
        self.theme = theme
        self.plot.recolour(theme)
        self.say(*self._said)
