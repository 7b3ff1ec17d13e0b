"""The program: paints a window first, then loads what is heavy."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from data.errors import LabctlError
from gui.desk import Desk
from gui.guard import Guard
from gui.settings import Settings
from gui.window import MainWindow
from labctl.service.process import ServiceClient
from labctl.service.requests.bench import BOARD, Connect, UseBench

if TYPE_CHECKING:
    from gui.screenshots import Tour

log = logging.getLogger(__name__)

EMULATED = "emulated"
SIGNAL_EVERY_MS = 200
SWITCH_S = 0.001


@dataclass(frozen=True, slots=True)
class Options:
    """How the window is opened.

    Attributes:
        bench: a bench file; None for the last one, or ``bench.toml`` in the current folder.
        demo: the demonstration bench with its emulated board, connected at once.
        runs: folder of the run files in place of the bench file's.
        settings: file of what is remembered; None for the user's own.
        screenshots: take pictures of all states into this folder, and leave.
    """

    bench: Path | None = None
    demo: bool = False
    runs: Path | None = None
    settings: Path | None = None
    screenshots: Path | None = None


def run(options: Options) -> int:
    """Open the window and stay until it is closed; returns the exit code.

    Raises:
        LabctlError: there are not all pictures that were to be taken.
    """
    app = application()
    window, client = open_window(options)
    window.filled.connect(keep_collections_short)
    guard = Guard(window.show_mistake)
    guard.install()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close())
    tour = None if options.screenshots is None else _take_pictures(window, options.screenshots)
    heartbeat = QTimer()
    heartbeat.start(SIGNAL_EVERY_MS)  # without it Python hears of a signal only when Qt has something to say
    heartbeat.timeout.connect(lambda: None)
    try:
        code = app.exec()
    finally:
        guard.remove()
        client.close()
    if tour is not None and tour.trouble:
        raise LabctlError(tour.trouble)
    return code


def _take_pictures(window: MainWindow, folder: Path) -> Tour:
    from gui.screenshots import Tour

    tour = Tour(window, folder)
    window.filled.connect(tour.start)
    tour.finished.connect(window.close)
    return tour


def application() -> QApplication:
    """The Qt application, made when there is none yet."""
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    # Qt fills larger areas on several threads and waits for them: on a busy computer that takes longer than it saves.
    os.environ.setdefault("QT_NO_GUI_THREADPOOL", "1")
    # The thread that takes messages in gives way to the window sooner than Python's usual 5 ms.
    sys.setswitchinterval(SWITCH_S)
    QGuiApplication.setApplicationName("labctl")
    QGuiApplication.setDesktopFileName("labctl")
    return QApplication(sys.argv[:1])


def keep_collections_short() -> None:
    """Leave what there is now out of all later garbage collections.

    Modules and panels stay until the end; to look through them again and again holds the window up for longer than a
    frame may take.
    """
    gc.collect()
    gc.freeze()


def open_window(options: Options, client: ServiceClient | None = None) -> tuple[MainWindow, ServiceClient]:
    """Show the window; service and panels follow in the next turns of the event loop."""
    service = client or ServiceClient()
    settings = Settings(options.settings)
    desk = Desk(service)
    window = MainWindow(desk, settings, service.close)
    window.show()
    QTimer.singleShot(0, lambda: _begin(window, settings, options))
    return window, service


def _begin(window: MainWindow, settings: Settings, options: Options) -> None:
    desk = window.desk
    desk.start()
    bench = options.bench
    last = settings.text("bench")
    if bench is None and not options.demo and last and Path(last).exists() and not Path("bench.toml").exists():
        bench = Path(last)
    desk.ask(
        UseBench(
            file=None if bench is None else str(bench),
            runs=None if options.runs is None else str(options.runs),
            demo=options.demo,
        )
    )
    if options.bench is not None:
        settings.keep("bench", str(options.bench.absolute()))
    if options.demo and options.screenshots is None:
        desk.ask(Connect(BOARD, EMULATED))
    window.fill()
