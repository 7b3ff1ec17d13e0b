"""Where the utterances of a live session come from: a form for each source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from labctl.service.messages import Trouble
from labctl.service.messages_keyword import Loudness
from labctl.service.requests.keyword import ListMicrophones, PushToTalk, Size, SourceChoice, SourceKind

_KINDS: dict[str, SourceKind] = {
    "Test set": "test",
    "WAV files": "files",
    "Typed words": "words",
    "Microphone": "microphone",
}
_FLOOR_DB = -60
_NAMED = 4


class SourceForm(QWidget):
    """Chooses a source.

    Args:
        desk: the service.
    """

    changed = pyqtSignal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._paths: tuple[str, ...] = ()
        self._kind = QComboBox()
        self._kind.addItems(list(_KINDS))
        self._kind.setAccessibleName("Source of the utterances")
        self._pages = QStackedWidget()
        for page in (self._test_page(), self._files_page(), self._words_page(), self._microphone_page()):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._kind)
        column.addWidget(self._pages)
        column.addStretch(1)
        self._kind.currentIndexChanged.connect(self._switch)
        desk.on(Loudness, self._hear)

    @property
    def choice(self) -> SourceChoice:
        """What is chosen."""
        return SourceChoice(
            kind=_KINDS[self._kind.currentText()],
            speech=self._folder.text().strip(),
            size=self._size.currentText(),  # type: ignore[arg-type]
            limit=self._limit.value(),
            paths=self._paths,
            text=self._text.text(),
            times=self._times.value(),
            device=self._device.currentData() or "",
            trigger="button" if self._trigger.currentIndex() else "sound",
            threshold_db=float(self._threshold.value()),
            seed=self._seed.value(),
        )

    def take_files(self, paths: Iterable[Path]) -> None:
        """Use these recordings and folders."""
        self._paths = tuple(str(path) for path in paths)
        names = [Path(path).name for path in self._paths]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        self._files.setText(", ".join(names[:_NAMED]) + more or "none chosen")
        self._files.setToolTip("\n".join(self._paths))
        if self._paths:
            self._kind.setCurrentIndex(list(_KINDS.values()).index("files"))
        self.changed.emit()

    def _switch(self, index: int) -> None:
        self._pages.setCurrentIndex(index)
        if _KINDS[self._kind.currentText()] == "microphone":
            self._desk.ask(ListMicrophones(), self._found, self._none)
        self.changed.emit()

    def _test_page(self) -> QWidget:
        page, form = _page()
        self._size = QComboBox()
        self._size.addItems(get_args(Size))
        self._size.setCurrentText("small")
        self._size.setToolTip("How many utterances the synthetic corpus has; the first use synthesises it")
        self._limit = _count(0, 1_000_000, 0, "all")
        self._seed = _count(0, 999_999, 0)
        self._folder = QLineEdit()
        self._folder.setPlaceholderText("synthetic words")
        self._folder.setToolTip("Folder of Google Speech Commands v2; empty for synthetic words")
        choose = QPushButton("…")
        choose.setAccessibleName("Choose the Speech Commands folder")
        choose.setMaximumWidth(32)
        choose.clicked.connect(self._choose_speech)
        row = QHBoxLayout()
        row.addWidget(self._folder, 1)
        row.addWidget(choose)
        label = QLabel("&Corpus")
        label.setBuddy(self._folder)
        form.addRow(label, row)
        form.addRow("&Size", self._size)
        form.addRow("At &most", self._limit)
        form.addRow("S&eed", self._seed)
        return page

    def _files_page(self) -> QWidget:
        page, form = _page()
        self._files = QLabel("none chosen")
        self._files.setWordWrap(True)
        choose, folder = QPushButton("&Files…"), QPushButton("F&older…")
        choose.clicked.connect(self._choose_files)
        folder.clicked.connect(self._choose_folder)
        row = QHBoxLayout()
        row.addWidget(choose)
        row.addWidget(folder)
        hint = QLabel("Or drop them here. A folder or file named like a word says what is said: yes/a1.wav, yes_3.wav.")
        hint.setWordWrap(True)
        form.addRow(row)
        form.addRow(self._files)
        form.addRow(hint)
        return page

    def _words_page(self) -> QWidget:
        page, form = _page()
        self._text = QLineEdit("yes no up down stop")
        self._text.setPlaceholderText("yes no up down …")
        self._text.setToolTip("Any English words; those that are no keywords are unknown, silence is nothing said")
        self._times = _count(1, 50, 2)
        self._text.textChanged.connect(self.changed)
        form.addRow("&Words", self._text)
        form.addRow("Each by", self._times)
        self._times.setSuffix(" voices")
        return page

    def _microphone_page(self) -> QWidget:
        page, form = _page()
        self._device = QComboBox()
        self._device.setAccessibleName("Microphone")
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._trigger = QComboBox()
        self._trigger.addItems(["a loud sound", "a held button"])
        self._threshold = QSpinBox()
        self._threshold.setRange(_FLOOR_DB, 0)
        self._threshold.setValue(-35)
        self._threshold.setSuffix(" dB")
        self._level = QProgressBar()
        self._level.setRange(_FLOOR_DB, 0)
        self._level.setValue(_FLOOR_DB)
        self._level.setFormat("%v dB")
        self._level.setAccessibleName("Loudness, decibel of full scale")
        self._talk = QPushButton("Hold to &talk")
        self._talk.pressed.connect(lambda: self._desk.ask(PushToTalk(True)))
        self._talk.released.connect(lambda: self._desk.ask(PushToTalk(False)))
        form.addRow(self._said)
        self._said.hide()
        form.addRow("&Device", self._device)
        form.addRow("&Begins by", self._trigger)
        form.addRow("T&hreshold", self._threshold)
        form.addRow("Loudness", self._level)
        form.addRow(self._talk)
        self._trigger.currentIndexChanged.connect(self._show_trigger)
        self._show_trigger(0)
        return page

    def _show_trigger(self, index: int) -> None:
        self._talk.setEnabled(index == 1)
        self._threshold.setEnabled(index == 0)

    def _found(self, names: tuple[str, ...]) -> None:
        self._said.hide()
        self._device.clear()
        self._device.addItem("the system's choice", "")
        for name in names:
            self._device.addItem(name, name)

    def _none(self, trouble: Trouble) -> None:
        self._device.clear()
        self._said.setText(f"⚠ {trouble.sentence}")
        self._said.show()

    def _hear(self, loudness: Loudness) -> None:
        self._level.setValue(int(min(max(loudness.level_db, _FLOOR_DB), 0)))

    def _choose_speech(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Speech Commands folder")
        if folder:
            self._folder.setText(folder)

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Recordings", "", "Recordings (*.wav *.wave)")
        if names:
            self.take_files(map(Path, names))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of recordings")
        if folder:
            self.take_files([Path(folder)])


def _page() -> tuple[QWidget, QFormLayout]:
    page = QWidget()
    form = QFormLayout(page)
    form.setContentsMargins(0, 4, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return page, form


def _count(low: int, high: int, value: int, least: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setSpecialValueText(least)
    return box
