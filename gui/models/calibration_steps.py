"""A calibration under way: which sweep it is at, and how far."""

from __future__ import annotations

from typing import Final

from labctl.service.messages import Light, RunBegan, RunEnded, TaskProgress

SWEEPS: Final = ("baseline", "single-row", "position", "permutations", "timing", "random", "held-out")
FIT: Final = "fit"


class Steps:
    """The steps of one calibration; empty while none is under way."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.fraction = 0.0
        self.message = ""
        self._lights: dict[str, Light] = {}

    @property
    def active(self) -> bool:
        """Whether one is under way."""
        return self.number is not None

    def begin(self, number: int, measures: bool) -> None:
        """A calibration was asked for."""
        self.number, self.fraction, self.message = number, 0.0, "waits for its turn"
        names = (*SWEEPS, FIT) if measures else (FIT,)
        self._lights = dict.fromkeys(names, "off")

    def end(self) -> None:
        """It is over, however."""
        self.number = None
        self._lights = {}

    def hear_task(self, task: TaskProgress) -> bool:
        """How far it is; says whether it was about this one."""
        if task.number != self.number:
            return False
        self.fraction = task.fraction
        self.message = task.message or task.state
        if task.message.startswith(f"{FIT}: "):
            self._lights = {name: "busy" if name == FIT else "ok" for name in self._lights}
        return True

    def hear_run(self, run: RunBegan) -> bool:
        """A run begins; says whether it is one of this calibration's."""
        if not self.active or FIT not in self._lights or len(self._lights) == 1:
            return False
        lights: dict[str, Light] = {name: "ok" if light == "busy" else light for name, light in self._lights.items()}
        # A sweep that a design has chosen comes in among the standard ones.
        before_fit = {name: light for name, light in lights.items() if name != FIT}
        self._lights = {**before_fit, run.kind: "busy", FIT: "off"}
        return True

    def hear_end(self, run: RunEnded) -> None:
        """A run is over."""
        if self.active and run.status != "complete":
            self._lights = {name: "fault" if light == "busy" else light for name, light in self._lights.items()}

    def rows(self) -> list[tuple[str, Light]]:
        """The steps in their order, with a light each."""
        return list(self._lights.items())
