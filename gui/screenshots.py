"""``labctl gui --screenshots``: the window in its states, sizes and colours, as pictures to look at."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from gui.mishaps import MISHAPS, Mishap, refused_value, tidy
from gui.places import PLACES
from gui.theme import Appearance
from gui.window import MainWindow
from labctl.service.messages import Points, Trouble
from labctl.service.request import Request
from labctl.service.requests.bench import BOARD, Connect
from labctl.service.requests.calibration import Calibrate
from labctl.service.requests.engine import Steer
from labctl.service.requests.keyword import SourceChoice, SpotWords
from labctl.service.requests.runs import RunSweeps
from labctl.service.requests.training import TrainNetworks

log = logging.getLogger(__name__)

SIZES: Final = ((1280, 720), (1920, 1080))
COLOURS: Final[tuple[Appearance, ...]] = ("light", "dark")
SETTLE_MS: Final = 400
"""Time that panels get to draw after something has changed."""
LONGEST_S: Final = 600.0
"""Time within which every state must be reached."""
SHOWN_AFTER: Final = 8
"""Turns that panels get to ask for what they show."""


@dataclass(frozen=True, slots=True)
class State:
    """A state of the window.

    Attributes:
        name: of the pictures.
        begin: brings it about.
        reached: whether it is there; asked again and again.
        panels: which panels are taken in it; none for all.
        after: takes back what was done for it.
    """

    name: str
    begin: Callable[[], object]
    reached: Callable[[], bool]
    panels: tuple[str, ...] = ()
    after: Callable[[], object] = lambda: None


class Tour(QObject):
    """Brings a window on the demonstration bench into its states and takes pictures of it.

    A state that cannot be reached ends it: a picture of another state under its name would be taken for it.

    Args:
        window: the window, its board not connected.
        folder: where the pictures go.
    """

    finished = pyqtSignal()
    """All pictures are taken, or :attr:`trouble` says why there are no more."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self.taken: list[Path] = []
        self.trouble = ""
        self._window = window
        self._folder = folder
        self._waiting = 0
        self._points = 0
        self._course = self._follow()
        self._timer = QTimer(self)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._step)

    def start(self) -> None:
        """Begin; :attr:`finished` when it is over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._window.desk.on(Points, self._count)
        self._timer.start()

    def _step(self) -> None:
        if next(self._course, True):
            self._timer.stop()
            self.finished.emit()

    def _follow(self) -> Iterator[bool]:
        """One turn of the timer after another; nothing true before the end."""
        for state in self._states():
            log.info("taking pictures of the state %s", state.name)
            state.begin()
            ends = time.monotonic() + LONGEST_S
            yield False
            while not (self.trouble or state.reached()):
                if time.monotonic() > ends:
                    self.trouble = f"it was not reached within {LONGEST_S:g} s"
                yield False
            if self.trouble:
                self.trouble = f"there are no pictures of the state {state.name} and of those after it: {self.trouble}"
                return
            yield from self._shoot(state)
            state.after()

    def _states(self) -> Iterator[State]:
        desk = self._window.desk
        yield State("empty", lambda: None, lambda: desk.bench.name != "")
        yield self._mishaps(*MISHAPS.values(), panels=(*MISHAPS, "log"))
        yield self._asking("connected", Connect(BOARD, "emulated"), "instruments", "parameters", "builder")
        yield self._mishaps(refused_value, panels=("parameters",))
        yield State("running", lambda: self._ask(RunSweeps(budget="full")), lambda: self._points > 0, ("plot",))
        panels = ("plot", "queue", "parameters")
        yield State("paused", lambda: self._ask(Steer("pause")), lambda: desk.engine.state == "paused", panels)
        yield self._asking("measured", Steer("resume"), "plot", "runs", "script")
        yield self._asking("calibrated", Calibrate(), "calibration", "runs", "log")
        yield self._asking("trained", TrainNetworks(("ordered",), size="tiny", epochs=6), "keyword")
        networks = Path(desk.bench.runs).glob("*.safetensors")
        words = SourceChoice(kind="words", text="yes no stop go left right")
        spot = SpotWords(tuple(str(path) for path in sorted(networks)), words)
        yield self._asking("spotted", spot, "keyword", "studies")

    def _asking(self, name: str, request: Request, *panels: str) -> State:
        """A state that is there when everything that was asked has been answered."""
        return State(name, lambda: self._ask(request), _and_shown(lambda: self._waiting == 0), panels)

    def _mishaps(self, *mishaps: Mishap, panels: tuple[str, ...]) -> State:
        """A state that is there when all of them have happened, and been shown."""
        going = [mishap(self._window) for mishap in mishaps]

        def happened() -> bool:
            going[:] = [mishap for mishap in going if next(mishap, True) is None]
            return not going

        return State("error", lambda: None, _and_shown(happened), panels, lambda: tidy(self._window))

    def _ask(self, request: Request) -> None:
        self._waiting += 1
        self._window.desk.ask(request, self._answered, self._refused)

    def _answered(self, _reply: object) -> None:
        self._waiting -= 1

    def _refused(self, trouble: Trouble) -> None:
        self.trouble = trouble.sentence

    def _count(self, _points: Points) -> None:
        self._points += 1

    def _shoot(self, state: State) -> Iterator[bool]:
        window = self._window
        for width, height in SIZES:
            window.resize(width, height)
            window.docks.arrange()
            for colours in COLOURS:
                window.recolour(colours)
                for place in PLACES:
                    if state.panels and place.name not in state.panels:
                        continue
                    window.docks.show(place.name)
                    yield False  # let it draw
                    path = self._folder / f"{state.name}-{place.name}-{colours}-{width}x{height}.png"
                    window.grab().save(str(path))
                    self.taken.append(path)


def _and_shown(happened: Callable[[], bool]) -> Callable[[], bool]:
    """Whether something has happened, and panels have had the time to show it."""
    turns = iter(range(SHOWN_AFTER))
    return lambda: happened() and next(turns, None) is None
