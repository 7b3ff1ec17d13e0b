"""Ask for a study: which, how much of it, from which seed, where."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.models.studies import default_folder
from labctl.service.requests.studies import RunStudy
from labctl.studies.values import StudyKind


class AskingPage(QWidget):
    """The form of what a study declares."""

    wanted = pyqtSignal(object)
    """A :class:`labctl.service.requests.studies.RunStudy`."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, StudyKind] = {}
        self._study = QComboBox()
        self._title = QLabel()
        self._title.setWordWrap(True)
        self._scope = QComboBox()
        self._seed = QSpinBox()
        self._seed.setRange(0, 999_999)
        self._seed.setValue(1)
        self._seed.setToolTip("Of the boards, the vectors and the trainings; two seeds have no board in common")
        self._workers = QSpinBox()
        cores = os.cpu_count() or 1
        self._workers.setRange(1, 256)
        self._workers.setValue(max(1, cores - 1))
        self._workers.setToolTip(f"Processes, each on one core; this machine has {cores}, and a bench needs one itself")
        self._geometry = QLineEdit()
        self._geometry.setPlaceholderText("the study's own, or e.g. 128x64")
        self._folder = QLineEdit()
        self._folder.setToolTip("Where the study goes; the same folder goes on with what is missing")
        self.begin = QPushButton("&Start the study")
        self.begin.setDefault(True)
        form = QFormLayout()
        form.addRow("St&udy", self._study)
        form.addRow("", self._title)
        form.addRow("S&cope", self._scope)
        form.addRow("Seed", self._seed)
        form.addRow("&Workers", self._workers)
        form.addRow("&Geometry", self._geometry)
        form.addRow("&Folder", self._folder)
        last = QHBoxLayout()
        hint = QLabel("A study computes on emulated boards in processes of its own; the bench is not touched.")
        hint.setWordWrap(True)
        last.addWidget(hint, 1)
        last.addWidget(self.begin)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 4, 4)
        column.addLayout(form)
        column.addStretch(1)
        column.addLayout(last)
        self._study.currentIndexChanged.connect(lambda _: self._show_study())
        for change in (self._scope.currentIndexChanged, self._seed.valueChanged, self._geometry.textChanged):
            change.connect(lambda _: self._show_folder())
        self.begin.clicked.connect(lambda _=False: self.start())
        self.begin.setEnabled(False)

    def show_kinds(self, kinds: Sequence[StudyKind]) -> None:
        """The studies that can be asked for."""
        known = {kind.name: kind for kind in kinds}
        if known == self._kinds:
            return
        self._kinds = known
        self._study.clear()
        for kind in kinds:
            self._study.addItem(kind.name, kind.name)
        self.begin.setEnabled(bool(kinds))
        self._show_study()

    def request(self) -> RunStudy:
        """What the form says."""
        return RunStudy(
            study=str(self._study.currentData()),
            scope=str(self._scope.currentData()),
            seed=self._seed.value(),
            geometry=self._geometry.text().strip() or None,
            folder=self._folder.text().strip(),
            workers=self._workers.value(),
        )

    def start(self) -> None:
        """Ask for what the form says."""
        if self.begin.isEnabled():
            self.wanted.emit(self.request())

    def _show_study(self) -> None:
        kind = self._kinds.get(str(self._study.currentData()))
        if kind is None:
            return
        self._title.setText(f"{kind.title}.")
        self._scope.clear()
        for name, words in kind.scopes:
            self._scope.addItem(f"{name}: {words}", name)
        self._geometry.setEnabled(kind.any_geometry)
        if not kind.any_geometry:
            self._geometry.clear()
        self._show_folder()

    def _show_folder(self) -> None:
        asked = self.request()
        name = default_folder(asked.study, asked.scope, asked.seed, asked.geometry or "")
        self._folder.setPlaceholderText(f"{name}, among the runs")
