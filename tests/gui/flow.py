"""A day at the bench in one go: all that is usual, a pulled cable, and a service that is killed and started again.

Run by ``test_flow.py`` in a process of its own: ``python -m tests.gui.flow FOLDER qt|x``.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QTreeWidget

from drivers import emulator
from drivers.emulator.process import EmulatedBoard
from gui.app import Options, application, open_window
from gui.panels.run_export import ExportDialog
from gui.panels.runs_view import RunsView
from gui.window import MainWindow
from labctl.service.messages import Points, RunEnded
from labctl.service.messages_keyword import UtteranceSpotted
from labctl.service.requests.bench import BOARD
from tests.gui.hands import Hands, QtHands, XHands, button, until
from tests.labctl.keywords import PHYSICS, network_file

BENCH = """
name = "flow"
runs = "runs"
[board]
address = "socket://{}"
[engine]
reconnect_s = 60
"""


def options(tcp: str) -> emulator.Options:
    """A board at a place."""
    return emulator.Options(seed=7, tcp=tcp, physics=(PHYSICS,), until_stdin_closes=True)


class Day:
    """What is done, step by step.

    Args:
        window: the window.
        hands: mouse and keys.
        folder: where everything goes.
    """

    def __init__(self, window: MainWindow, hands: Hands, folder: Path) -> None:
        self._window = window
        self._hands = hands
        self._folder = folder
        self._ended: list[RunEnded] = []
        self._points = 0
        self._spotted = 0
        window.desk.on(RunEnded, self._ended.append)
        window.desk.on(Points, lambda _: setattr(self, "_points", self._points + 1))
        window.desk.on(UtteranceSpotted, lambda _: setattr(self, "_spotted", self._spotted + 1))

    @property
    def state(self) -> str:
        """Of the engine."""
        return self._window.desk.engine.state

    def connect(self) -> None:
        """The board of the bench file, by its button."""
        panel = self._window.panel("instruments").widget()
        until(lambda: self._window.desk.bench.name == "flow", "the bench is open")
        self._hands.click(button(panel, "Connect"))
        until(self._board_is_connected, "the board is connected")

    def sweep_with_a_pause_and_a_pulled_cable(self, board: EmulatedBoard, tcp: str) -> None:
        """Start from the builder, pause by key, pull the cable, resume, put it back."""
        self._hands.click(button(self._window.panel("builder").widget(), "Run now"))
        until(lambda: self._window.desk.engine.title == "sweep random", "the longest sweep runs")
        self._hands.press("F6")
        until(lambda: self.state == "paused", "the run is paused")
        board.stop()
        self._hands.press("F6")
        until(lambda: self.state == "paused" and "paused by the user" not in self._window.desk.engine.reason, "lost")
        with emulator.start(options(tcp)):
            until(lambda: self.state == "idle" and len(self._ended) >= 7, "all sweeps are done")
            assert {ended.status for ended in self._ended} == {"complete"}, self._ended
            assert self._points
            self.calibrate()
            self.spot()
            self.export()
            self.script()
            self.lose_the_service()

    def lose_the_service(self) -> None:
        """Kill it, and start it again by the button of the strip: the board is there again."""
        (service,) = (child for child in multiprocessing.active_children() if child.name == "labctl-service")
        service.kill()
        again = button(self._window, "Start again")
        until(again.isVisible, "it is offered to start it again")
        assert not self._board_is_connected()
        self._hands.click(again)
        until(self._board_is_connected, "the board is connected again")
        assert self._window.desk.bench.name == "flow"
        assert not again.isVisible()

    def _board_is_connected(self) -> bool:
        device = self._window.desk.bench.device(BOARD)
        return device is not None and device.connected

    def calibrate(self) -> None:
        """Measure and fit from the panel."""
        self._hands.press("Alt+4")
        panel = self._window.panel("calibration").widget()
        self._hands.click(button(panel, "Measure and fit…"))
        self._hands.click(button(panel, "Measure and fit"))
        until(lambda: list(self._folder.glob("runs/*-calibration.h5")), "there is a calibration")
        until(lambda: self.state == "idle", "all is quiet")

    def spot(self) -> None:
        """Words on the board and on its counterparts, recorded."""
        self._hands.press("Alt+5")
        panel = self._window.panel("keyword").widget()
        (tree,) = (item for item in panel.findChildren(QTreeWidget) if item.accessibleName() == "Networks")
        until(lambda: tree.topLevelItem(0), "the network is listed")
        self._hands.click(button(panel, "Record as a comparison run"))
        self._hands.click(button(panel, "Start"))
        until(lambda: self._spotted >= 3, "words are spotted")
        self._hands.click(button(panel, "Stop"))
        until(lambda: self.state == "idle", "the session is over")
        until(lambda: list(self._folder.glob("runs/*-comparison.h5")), "it is recorded")

    def export(self) -> None:
        """The newest run, by the export form."""
        self._hands.press("Alt+U")
        panel = self._window.panel("runs").widget()
        table = panel.findChild(RunsView)
        assert table is not None
        model = table.model()
        assert model is not None
        until(lambda: model.rowCount() > 0, "runs are listed")
        index = model.index(0, 1)
        self._hands.click(table.viewport(), table.visualRect(index).center())  # type: ignore[arg-type]
        self._hands.press("Ctrl+E")
        dialog = until(
            lambda: next((w for w in QApplication.topLevelWidgets() if isinstance(w, ExportDialog)), None), ""
        )
        dialog._folder.setText(str(self._folder / "exported"))
        self._hands.click(button(dialog, "Export"))
        until(lambda: [p for p in self._folder.rglob("*") if p.suffix in (".nc", ".csv", ".parquet", ".npz")], "a file")
        dialog.close()

    def script(self) -> None:
        """What was done can be said in Python."""
        for part in ("labctl.open_bench(", "labctl.sweep(", "labctl.calibrate(", "labctl.spot(", "export("):
            until(lambda part=part: any(part in line for line in self._window.desk.lines), f"a line with {part}")


def export_form() -> ExportDialog | None:
    """The export form, once it is there."""
    return next((item for item in QApplication.topLevelWidgets() if isinstance(item, ExportDialog)), None)


def main(folder: Path, hands: str) -> int:
    """The whole day; 0 when all went well."""
    network_file(folder / "runs")
    app = application()
    with emulator.start(options("127.0.0.1:0")) as board:
        assert board.tcp is not None
        bench = folder / "bench.toml"
        bench.write_text(BENCH.format(board.tcp), encoding="utf-8")
        window, client = open_window(Options(bench=bench, settings=folder / "desktop.ini"))
        try:
            with_window(app, window, Day(window, XHands() if hands == "x" else QtHands(), folder), board)
        finally:
            window.grab().save(str(folder / "last.png"))
            client.close()
    return 0


def with_window(app: object, window: MainWindow, day: Day, board: EmulatedBoard) -> None:
    """The steps, and the closing of the window at their end."""
    filled: list[bool] = []
    window.filled.connect(lambda: filled.append(True))
    until(lambda: filled, "the panels are there")
    window.activateWindow()
    QTest.qWait(200)
    tcp = board.tcp or ""
    day.connect()
    day.sweep_with_a_pause_and_a_pulled_cable(board, tcp)
    window.close()
    until(lambda: not window.isVisible(), "the window is closed")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
