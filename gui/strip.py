"""The status strip: what is being done, into which file, how much room the disk has."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QLabel, QPushButton, QSizePolicy, QStatusBar

from gui.desk import Desk
from gui.models.spans import size
from labctl.service.messages import BenchStatus, EngineStatus, RunEnded


class Strip(QStatusBar):
    """One line at the bottom of the window.

    Args:
        desk: the service.
    """

    start_wanted = pyqtSignal()
    """The service that has ended should be started again."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._message = QLabel("starting")
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._file = QLabel()
        self._disk = QLabel()
        self._bench = QLabel()
        self._again = QPushButton("Start again")
        self._again.setToolTip("Start the bench service again, and connect what was connected")
        self._again.clicked.connect(lambda _checked=False: self.start_wanted.emit())
        self._again.hide()
        self.addWidget(self._message, 1)
        self.addPermanentWidget(self._again)
        for label in (self._bench, self._file, self._disk):
            self.addPermanentWidget(label)
        desk.on(EngineStatus, self._show)
        desk.on(BenchStatus, self._show_bench)
        desk.on(RunEnded, self._show_end)
        desk.lived.connect(self._show_service)

    def say(self, text: str) -> None:
        """Say something until something else is said."""
        self._message.setText(text)
        self._message.setToolTip(text)

    def _show(self, status: EngineStatus) -> None:
        if status.active and not status.state.startswith("stopp"):
            self.say(status.waiting or status.message or status.title)
        self._file.setText(Path(status.file).name)
        self._file.setToolTip(status.file)
        self._disk.setText(f"{size(status.disk_free)} free" if status.disk_free else "")

    def _show_service(self, lives: bool) -> None:
        self._again.setVisible(not lives)
        if lives:
            self.say("the bench service has been started again")

    def _show_end(self, ended: RunEnded) -> None:
        self.say(f"{ended.title}: {ended.status}" + (f", {ended.message}" if ended.message else ""))

    def _show_bench(self, status: BenchStatus) -> None:
        self._bench.setText(f"bench {status.name}" + (f" ({Path(status.file).name})" if status.file else ""))
        self._bench.setToolTip(f"{status.file or 'no bench file'}\nruns in {status.runs}")
        if self._message.text() == "starting":
            self.say("ready")
