"""Which calibration it is, how well it predicts, and which model was chosen."""

from __future__ import annotations

import time

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from gui.models.calibration import facts, headline, model_rows, part_rows
from gui.panels.calibration_pages.page import Page
from gui.theme import Theme
from gui.widgets.table import Table
from labctl.calibrations.values import CalibrationView


class SummaryPage(Page):
    """Facts on the left; scores, models and parts of the residual on the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._headline = QLabel()
        self._headline.setWordWrap(True)
        self._headline.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts = Table(["fact", "value"], "Facts of the calibration", text=(0, 1), wide=1)
        self._models = Table(
            ["model", "residual", "behind", "± error"],
            "Nested models: residual over noise on the validation part, loss behind the best",
        )
        self._models.setToolTip(
            "Nested models, by points that they were not fitted to: residual over trial noise (median over columns), "
            "loss behind the best in noise variances, its standard error. The simplest within one error is chosen."
        )
        self._parts = Table(["order-blind residual is", "codes (rms)"], "Parts of the order-blind residual")
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._models, 3)
        column.addWidget(self._parts, 2)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.addWidget(self._facts)
        halves.addWidget(right)
        halves.setStretchFactor(0, 1)
        halves.setStretchFactor(1, 1)
        halves.setSizes([260, 320])
        halves.setChildrenCollapsible(False)
        all_of_it = QVBoxLayout(self)
        all_of_it.setContentsMargins(4, 6, 4, 4)
        all_of_it.addWidget(self._headline)
        all_of_it.addWidget(halves, 1)

    def show_view(self, view: CalibrationView | None) -> None:
        """Show a calibration."""
        if view is None:
            return
        self._headline.setText(headline(view))
        self._facts.show_rows(facts(view, time.time()))
        chosen = [index for index, row in enumerate(view.models) if row.chosen]
        self._models.show_rows(model_rows(view), chosen)
        self._parts.show_rows(part_rows(view))
