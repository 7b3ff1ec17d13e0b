"""What goes wrong at a bench without a board, brought about in every panel that can show it: for pictures and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from gui.widgets.notice import Notice
from labctl.service.requests.bench import BOARD, Connect

if TYPE_CHECKING:
    from gui.panels.builder import BuilderPanel
    from gui.panels.calibration import CalibrationPanel
    from gui.panels.instruments import InstrumentsPanel
    from gui.panels.parameters import ParametersPanel
    from gui.panels.runs import RunsPanel
    from gui.panels.studies import StudiesPanel
    from gui.window import MainWindow

NOWHERE: Final = "socket://127.0.0.1:9"
WRONG_PLAN: Final = """{"axes": [{"set": "supply-with-a-rather-long-name.voltage", "kind": "linear", "start": 0,
 "stop": 3, "points": 7}], "read": ["meter.resistance"], "title": "a plan that does not fit this bench"}"""
DAMAGED: Final = "20260101-120000-dead-calibration.h5"

Mishap = Callable[["MainWindow"], Iterator[None]]
"""Goes on a step at each turn; waits for what the service has to say first."""


def able(window: MainWindow, place: str, words: str) -> bool:
    """Whether a panel offers something under these words just now."""
    return any(offer.text == words and offer.able for offer in window.panel(place).offers())


def press(window: MainWindow, place: str, words: str) -> None:
    """Do what a panel offers under these words; nothing where it cannot be done now."""
    for offer in window.panel(place).offers():
        if offer.text == words and offer.able:
            offer.do()
            return


def damaged_file(window: MainWindow) -> Path:
    """A calibration in the folder of the runs that cannot be read."""
    file = Path(window.desk.bench.runs) / DAMAGED
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    return file


def tidy(window: MainWindow) -> None:
    """As before all mishaps."""
    (Path(window.desk.bench.runs) / DAMAGED).unlink(missing_ok=True)
    press(window, "builder", "New scan")
    press(window, "builder", "page Standard")
    for notice in window.findChildren(Notice):
        notice.clear()
    press(window, "runs", "Refresh")


def _nobody_there(window: MainWindow) -> Iterator[None]:
    cast("InstrumentsPanel", window.panel("instruments")).ask(Connect(BOARD, NOWHERE))
    yield


def _nothing_to_measure(window: MainWindow) -> Iterator[None]:
    press(window, "plot", "Measure random vectors")
    yield


def _unreadable_calibration(window: MainWindow) -> Iterator[None]:
    cast("CalibrationPanel", window.panel("calibration")).open(str(damaged_file(window)))
    yield


def _no_network(window: MainWindow) -> Iterator[None]:
    press(window, "keyword", "Start spotting")
    yield


def _no_study(window: MainWindow) -> Iterator[None]:
    cast("StudiesPanel", window.panel("studies")).open(str(Path(window.desk.bench.runs) / "no-study"))
    yield


def _wrong_plan(window: MainWindow) -> Iterator[None]:
    scan = cast("BuilderPanel", window.panel("builder")).scan
    window.desk.plan_offered.emit(WRONG_PLAN)
    while scan.busy or not scan.plan.axes:
        yield
    press(window, "builder", "Run now")


def _no_board_for_the_queue(window: MainWindow) -> Iterator[None]:
    press(window, "queue", "Add: Standard sweeps, quick")
    while not able(window, "queue", "Run queue"):
        yield
    press(window, "queue", "Run queue")


def _damaged_run(window: MainWindow) -> Iterator[None]:
    panel, file = cast("RunsPanel", window.panel("runs")), damaged_file(window)
    panel.refresh()
    while not panel.choose(str(file)):
        yield
    press(window, "runs", "Verify")


MISHAPS: Final[Mapping[str, Mishap]] = {
    "instruments": _nobody_there,
    "plot": _nothing_to_measure,
    "calibration": _unreadable_calibration,
    "keyword": _no_network,
    "studies": _no_study,
    "builder": _wrong_plan,
    "queue": _no_board_for_the_queue,
    "runs": _damaged_run,
}
"""One for each panel, by its name; a script can go wrong nowhere, and the log tells of all others."""


def refused_value(window: MainWindow) -> Iterator[None]:
    """A value that the board does not take; needs one that is connected."""
    quantities = window.desk.quantities[BOARD].quantities
    settable = next(name for name, item in quantities.items() if item.settable)
    cast("ParametersPanel", window.panel("parameters")).set_value(f"{BOARD}.{settable}", "as high as it gets")
    yield
