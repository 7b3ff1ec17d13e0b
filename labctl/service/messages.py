"""What a bench service tells its clients: plain values, light enough for a window that imports nothing heavy."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from numpy.typing import NDArray

from data.instrument import Quantity, Reading

Kind = Literal["input", "link", "stopped", "failed", "mistake"]
Light = Literal["off", "busy", "ok", "warning", "fault"]
TaskState = Literal["waiting", "running", "done", "stopped", "failed"]

MEAN_OUTPUT: Final = "mean output"
"""Quantity of a run: mean ADC code over columns, repeats and vectors of a point."""
TRIAL_NOISE: Final = "trial noise"
"""Quantity of a run: standard deviation over the repeats of a point, mean over the columns."""
TIME: Final = "time"
"""Quantity of a run: seconds since it began."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something did not work.

    Attributes:
        kind: wrong input, a failed link, stopped by somebody, failed otherwise, or a mistake of ours.
        sentence: what went wrong, where, and what to do.
        problems: all reasons, where there are several.
    """

    kind: Kind
    sentence: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.sentence


class Message:
    """What every message has: how it may be thinned out when its reader is slow."""

    droppable: ClassVar[bool] = False
    """Whether the oldest of these may be dropped when too many wait."""

    def replaces(self) -> Hashable | None:
        """Messages with the same key replace one another while they wait; None keeps them all."""
        return None


@dataclass(frozen=True, slots=True)
class Answered(Message):
    """A request has been carried out."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """A request has not been carried out."""

    number: int
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class TaskProgress(Message):
    """How far a request is.

    Attributes:
        number: of the request.
        title: what it does.
        state: where it is.
        fraction: from 0 to 1.
        message: what is being done.
    """

    number: int
    title: str
    state: TaskState
    fraction: float = 0.0
    message: str = ""

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return ("task", self.number)


@dataclass(frozen=True, slots=True)
class Device:
    """The board or an instrument as a list shows it.

    Attributes:
        name: on the bench; the board is ``board``.
        driver: who speaks to it.
        address: where it is.
        light: how it is, for a colour and a shape.
        word: how it is, in a word or two.
        identity: who it is, empty while it is not connected.
        firmware: of it, empty where there is none.
        simulated: whether it is emulated or simulated; None while nobody knows.
        reason: why the last attempt failed, empty when it did not.
    """

    name: str
    driver: str
    address: str
    light: Light = "off"
    word: str = "not connected"
    identity: str = ""
    firmware: str = ""
    simulated: bool | None = None
    reason: str = ""

    @property
    def connected(self) -> bool:
        """Whether it can be used."""
        return self.light in ("ok", "warning")


@dataclass(frozen=True, slots=True)
class BenchStatus(Message):
    """The bench: its file and who is connected.

    Attributes:
        name: of the bench.
        file: its bench file, empty where there is none.
        runs: folder of the run files.
        devices: the board first.
        in_use: devices that a run has now.
    """

    name: str
    file: str
    runs: str
    devices: tuple[Device, ...]
    in_use: frozenset[str] = frozenset()

    @property
    def simulated(self) -> bool:
        """Whether anything connected is not hardware."""
        return any(device.connected and device.simulated for device in self.devices)

    def device(self, name: str) -> Device | None:
        """One of the devices."""
        return next((item for item in self.devices if item.name == name), None)

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return "bench"


@dataclass(frozen=True, slots=True)
class Quantities(Message):
    """What a device can be asked for and set to; after it was connected."""

    device: str
    quantities: Mapping[str, Quantity]

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return ("quantities", self.device)


@dataclass(frozen=True, slots=True)
class Readings(Message):
    """What the quantities of a device were last read as."""

    device: str
    readings: tuple[Reading, ...]

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return ("readings", self.device)


@dataclass(frozen=True, slots=True)
class EngineStatus(Message):
    """The run engine.

    Attributes:
        state: idle, running, pausing, paused, stopping, aborting or failed.
        reason: why.
        title: of the run.
        done: steps that are saved.
        total: steps in all.
        elapsed_s: seconds since it began.
        left_s: seconds that are left, None where nobody knows.
        message: what is being done.
        waiting: what is waited for, and how long it may take, empty when nothing is.
        file: the run file, empty before it is made.
        disk_free: bytes free where the runs go.
    """

    state: str = "idle"
    reason: str = ""
    title: str = ""
    done: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    left_s: float | None = None
    message: str = ""
    waiting: str = ""
    file: str = ""
    disk_free: int = 0

    @property
    def active(self) -> bool:
        """Whether a run is going on."""
        return self.state not in ("idle", "failed")

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return "engine"


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies over the points of a run.

    Attributes:
        values: one for each point, empty where they are known only when measured.
        unit: as in UDUNITS.
        label: in words.
    """

    values: NDArray[Any]
    unit: str
    label: str


@dataclass(frozen=True, slots=True)
class RunBegan(Message):
    """A run begins, and what its points will be.

    Attributes:
        run_id: its id.
        title: for people.
        kind: of sweep or scan.
        file: the run file.
        total: points in all.
        simulated: whether its data are not from hardware.
        axes: by name.
        quantities: unit of each quantity that will come, by name.
        shape: steps of each dimension of the scan; one number for anything that is no grid.
        labels: what each quantity is, in words, by name.
        board: who it is measured on, empty where nobody knows.
        started: when, ISO 8601, empty where nobody knows.
    """

    run_id: str
    title: str
    kind: str
    file: str
    total: int
    simulated: bool
    axes: Mapping[str, Axis] = field(default_factory=dict)
    quantities: Mapping[str, str] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    board: str = ""
    started: str = ""


@dataclass(frozen=True, slots=True)
class Points(Message):
    """Points that have just been saved.

    Attributes:
        run_id: of the run.
        first: index of the first of them.
        values: one number for each point, by quantity, shape (points,).
        rows: the columns' outputs, mean over repeats, shape (chosen points, columns); None where there are none.
        every: the chosen points are those whose index is a multiple of it.
    """

    run_id: str
    first: int
    values: Mapping[str, NDArray[Any]]
    rows: NDArray[Any] | None = None
    every: int = 1
    droppable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RunEnded(Message):
    """A run is over."""

    run_id: str
    title: str
    status: str
    message: str
    file: str


@dataclass(frozen=True, slots=True)
class FolderChanged(Message):
    """Run files, the queue or studies have changed on disk; look again."""

    what: Literal["runs", "queue", "studies"]

    def replaces(self) -> Hashable | None:
        """Once is enough."""
        return ("folder", self.what)


@dataclass(frozen=True, slots=True)
class LogLine(Message):
    """A line of the log.

    Attributes:
        time: seconds since the epoch.
        level: as in :mod:`logging`.
        source: the logger's name.
        text: the line, with a traceback where there is one.
    """

    time: float
    level: int
    source: str
    text: str
    droppable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ServiceGone(Message):
    """The service's process is gone; nothing can be asked any more.

    Attributes:
        reason: why, in a sentence.
    """

    reason: str


@dataclass(frozen=True)
class RunData:
    """A run from its file, as a live one would have told it.

    Attributes:
        began: what it is and what its points are.
        points: all points that were measured; none for a run of another kind.
        status: how it ended.
        message: why it ended so.
        facts: what the file says of it, a label and a value each.
        plan: the scan plan as JSON text, empty for anything that is no scan.
    """

    began: RunBegan
    points: Points
    status: str
    message: str
    facts: tuple[tuple[str, str], ...] = ()
    plan: str = ""
