"""A field for a number with its unit: SI prefixes are written and understood, steps stay within limits."""

from __future__ import annotations

import math
from typing import Final

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QValidator, QWheelEvent
from PyQt6.QtWidgets import QDoubleSpinBox, QWidget

from gui.models.figures import figure, parse_figure
from gui.theme import figures_font

_DIGITS: Final = 8
_DECIMALS: Final = 18
_ANY: Final = 1e300


class NumberField(QDoubleSpinBox):
    """A spin box; ``valueChanged`` comes when a number is complete (Return, leaving the field) and at each step.

    What is typed is never bent to limits: whoever takes it says what is wrong with it.

    Args:
        unit: as in UDUNITS.
        step: of the arrow keys; 0 for a tenth of the number's size.
        low: steps stop here.
        high: steps stop here.
        whole: whole numbers only.
        parent: as everywhere in Qt.
    """

    def __init__(
        self,
        unit: str = "",
        *,
        step: float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
        whole: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        self._unit = unit
        self.step = step
        """Of the arrow keys; 0 for a tenth of the number's size."""
        self._limits = low, high
        self._whole = whole
        super().__init__(parent)
        self.setDecimals(0 if whole else _DECIMALS)
        self.setRange(-_ANY, _ANY)
        self.setKeyboardTracking(False)
        self.setFont(figures_font())
        # The wheel scrolls the panel; it changes a number only where the number has been chosen.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(56)

    def show_number(self, value: float, unit: str | None = None) -> None:
        """Show a number, and tell nobody."""
        with QSignalBlocker(self):
            if unit is not None and unit != self._unit:
                self._unit = unit
                self.setValue(math.nextafter(value, math.inf))
            self.setValue(value)
            line = self.lineEdit()
            if line is not None and not self.hasFocus():
                line.setText(self.textFromValue(value))

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """As people write it."""
        return figure(round(value) if self._whole else value, self._unit, _DIGITS)

    def valueFromText(self, text: str | None) -> float:  # noqa: N802
        """As people write it; what is no number changes nothing."""
        found = parse_figure(text or "", self._unit)
        return self.value() if found is None else found

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Anything may be typed on the way to a number."""
        found = parse_figure(text or "", self._unit)
        fits = found is not None and (not self._whole or found == round(found))
        state = QValidator.State.Acceptable if fits else QValidator.State.Intermediate
        return state, text or "", position

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """One or ten steps, within the limits."""
        low, high = self._limits
        size = self.step or (1.0 if self._whole else _tenth(self.value()))
        wanted = float(f"{self.value() + steps * size:.12g}")
        self.setValue(min(max(wanted, low), high))
        self.selectAll()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Only in the field that has the keys."""
        if event is not None and not self.hasFocus():
            event.ignore()
            return
        super().wheelEvent(event)


def _tenth(value: float) -> float:
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1
