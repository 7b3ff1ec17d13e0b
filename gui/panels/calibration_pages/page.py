"""What every page of the calibration panel can do."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QSplitter, QWidget

from gui.theme import Theme
from labctl.calibrations.values import CalibrationView, OrderCurves


class Page(QWidget):
    """A page that shows one side of a calibration.

    Args:
        theme: colours.
    """

    column_chosen = pyqtSignal(int)
    """Somebody has chosen this column; all pages follow."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration; None where there is none."""

    def show_curves(self, curves: OrderCurves | None, why: str = "") -> None:
        """Show what its sweeps say; None where that is not known, with why."""

    def choose(self, column: int) -> None:
        """Mark a column."""

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self.theme = theme


def halves(above: QWidget, below: QWidget) -> QSplitter:
    """Two parts of a page, the upper one larger; neither can be lost."""
    split = QSplitter(Qt.Orientation.Vertical)
    split.addWidget(above)
    split.addWidget(below)
    split.setStretchFactor(0, 3)
    split.setStretchFactor(1, 2)
    split.setChildrenCollapsible(False)
    return split


def refill(box: QComboBox, items: list[tuple[str, object]]) -> None:
    """Offer these in a box; what was chosen stays chosen where it is still there. Nobody is told."""
    before = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, value in items:
        box.addItem(text, value)
    at = next((index for index, (_, value) in enumerate(items) if value == before), 0)
    box.setCurrentIndex(at if items else -1)
    box.blockSignals(False)
