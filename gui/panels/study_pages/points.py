"""How far a study is: its points, why some failed, how long it will take."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from gui.models.studies import count_words, light_of, point_rows, progress_words
from gui.offers import Offer, of_button
from gui.theme import Theme
from gui.widgets.elided import ElidedLabel
from gui.widgets.light import light_icon
from gui.widgets.progress import ProgressLine
from labctl.service.messages_studies import StudyProgress
from labctl.studies.values import PointLine, StudyView


class PointsPage(QWidget):
    """A bar, a line of words, and a row for every point.

    Args:
        theme: colours.
    """

    stop_wanted = pyqtSignal()
    resume_wanted = pyqtSignal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[PointLine, ...] = ()
        self._bar = ProgressLine()
        self._words = ElidedLabel()
        self._stop = QPushButton("&Stop")
        self._stop.setToolTip("End its processes; finished points are kept, and Resume goes on with the others")
        self._resume = QPushButton("&Resume")
        self._resume.setToolTip("Compute the points that are missing or failed")
        self._tree = QTreeWidget()
        self._tree.setHeaderLabels(["point", "state", "why"])
        self._tree.setRootIsDecorated(False)
        self._tree.setAlternatingRowColors(True)
        self._tree.setUniformRowHeights(True)
        self._tree.setAccessibleName("Points of the study")
        line = QHBoxLayout()
        line.addWidget(self._words, 1)
        line.addWidget(self._resume)
        line.addWidget(self._stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addWidget(self._bar)
        column.addLayout(line)
        column.addWidget(self._tree, 1)
        self._stop.clicked.connect(lambda _=False: self.stop_wanted.emit())
        self._resume.clicked.connect(lambda _=False: self.resume_wanted.emit())

    def show_study(self, view: StudyView, progress: StudyProgress | None) -> None:
        """Show how far a study is.

        Args:
            view: the study.
            progress: of the one that runs here; None for one that does not.
        """
        done = sum(item.state == "done" for item in view.points)
        self._bar.show_fraction(done / max(len(view.points), 1))
        words = count_words(view)
        if progress is not None and progress.left_s is not None:
            words = f"{progress_words(progress)} ({words.partition(', ')[2] or 'all done'})"
        elif view.entry.running and progress is None:
            words += "; another process is at work on it"
        self._words.say(words)
        self._stop.setEnabled(progress is not None)
        self._resume.setEnabled(progress is None and not view.entry.running and done < len(view.points))
        if view.points != self._shown:
            self._shown = view.points
            self._fill(point_rows(view))

    def offers(self) -> Iterable[Offer]:
        """What can be done on this page just now."""
        yield of_button(self._stop, "Stop the study")
        yield of_button(self._resume, "Resume the study")

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        for index in range(self._tree.topLevelItemCount()):
            item = self._tree.topLevelItem(index)
            if item is not None:
                item.setIcon(1, light_icon(theme, light_of(item.text(1))))  # type: ignore[arg-type]

    def texts(self) -> list[tuple[str, str, str]]:
        """What the rows say."""
        items = (self._tree.topLevelItem(index) for index in range(self._tree.topLevelItemCount()))
        return [(item.text(0), item.text(1), item.text(2)) for item in items if item is not None]

    def _fill(self, points: list[PointLine]) -> None:
        self._tree.setUpdatesEnabled(False)
        self._tree.clear()
        for point in points:
            item = QTreeWidgetItem([point.key, point.state, point.message])
            item.setIcon(1, light_icon(self._theme, light_of(point.state)))
            for place, text in enumerate((point.key, point.state, point.message)):
                item.setToolTip(place, text)
            self._tree.addTopLevelItem(item)
        self._tree.resizeColumnToContents(0)
        self._tree.resizeColumnToContents(1)
        self._tree.setUpdatesEnabled(True)
