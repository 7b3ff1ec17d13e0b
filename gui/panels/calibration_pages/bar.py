"""Above the pages: which calibration is shown, which one is in use, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from gui.models.calibration import choice, in_use_words
from gui.theme import Theme
from gui.widgets.elided import ElidedLabel
from gui.widgets.light import LightLabel, light_icon
from labctl.calibrations.values import CalibrationEntry
from labctl.service.messages_calibration import CalibrationInUse


class CalibrationBar(QWidget):
    """A list, three buttons, and a line about the calibration in use.

    Args:
        theme: colours.
    """

    chosen = pyqtSignal(str)
    """The file of the calibration that should be shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._entries: tuple[CalibrationEntry, ...] = ()
        self._in_use = CalibrationInUse()
        self._file = ""
        self.list = QComboBox()
        self.apply = QPushButton("&Apply")
        self.revert = QPushButton("Re&vert")
        self.report = QPushButton("Repor&t")
        self._light = LightLabel()
        self._words = ElidedLabel()
        self.list.setAccessibleName("Calibration")
        self.list.setToolTip("Calibrations of the runs' folder, newest first")
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setMinimumContentsLength(18)
        self.list.setIconSize(QSize(14, 14))
        self.apply.setToolTip("Probe the board with a few dozen vectors; then use this calibration live and to compare")
        self.report.setToolTip("Write the page of this calibration beside its file, and open it in the browser")
        top = QHBoxLayout()
        top.addWidget(self.list, 1)
        for button in (self.apply, self.revert, self.report):
            top.addWidget(button)
        line = QHBoxLayout()
        line.addWidget(self._light)
        line.addWidget(self._words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addLayout(line)
        self.list.activated.connect(lambda index: self.chosen.emit(str(self.list.itemData(index))))

    def show_entries(self, entries: Sequence[CalibrationEntry]) -> None:
        """The calibrations of the folder, newest first."""
        self._entries = tuple(entries)
        self._draw()

    def show_in_use(self, in_use: CalibrationInUse) -> None:
        """Which one live runs and comparisons use."""
        self._in_use = in_use
        self._draw()

    def mark(self, file: str) -> None:
        """Which one is shown."""
        self._file = file
        self.list.setCurrentIndex(self.list.findData(file))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._draw()

    def _draw(self) -> None:
        now = time.time()
        newest = next((item.file for item in self._entries if not item.problem), "")
        self.list.clear()
        for place, entry in enumerate(self._entries):
            item = choice(entry, self._in_use, entry.file == newest, now)
            self.list.addItem(item.text, item.file)
            self.list.setItemData(place, item.tip, Qt.ItemDataRole.ToolTipRole)
            if not item.usable:
                self.list.setItemIcon(place, light_icon(self._theme, "fault"))
        self.list.setEnabled(bool(self._entries))
        self.mark(self._file)
        light, words = in_use_words(self._in_use, bool(self._entries))
        self._light.show_light(self._theme, light)
        self._words.say(words)
        self.revert.setEnabled(self._in_use.can_revert)
        back = self._in_use.before or "the latest calibration of the folder"
        self.revert.setToolTip(f"Go back to {back}" if self._in_use.can_revert else "None has been applied")
