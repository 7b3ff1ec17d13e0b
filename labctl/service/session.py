"""What a bench service holds between requests: the bench file, the instruments, the board, and who is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import BadInput, LabctlError
from data.instrument import Instrument
from data.values import Identity
from labctl.bench import EMULATED, Bench, BenchConfig, open_bench
from labctl.engine.states import ACTIVE, NotNow
from labctl.instruments import Instruments
from labctl.queue import Estimates
from labctl.rig import BOARD
from labctl.service.applied import Applied
from labctl.service.feed import EngineFeed
from labctl.service.library import RunLibrary
from labctl.service.messages import BenchStatus, Device, FolderChanged, Light, Message, Quantities, Readings
from labctl.service.request import Lane
from labctl.service.tasks import Tasks
from labctl.service.watch import FolderWatch

if TYPE_CHECKING:
    from labctl.engine import Engine

log = logging.getLogger(__name__)


class Session:
    """One bench, open or not; its methods may be called from any lane.

    Args:
        tell: takes messages to the client.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self.tell = tell
        self.config = BenchConfig()
        self.file: Path | None = None
        self.instruments = Instruments({})
        self.feed = EngineFeed(tell, self.tell_bench)
        self.tasks = Tasks()
        self.library = RunLibrary()
        self.estimates = Estimates()
        self.watch = FolderWatch(tell)
        self.applied = Applied(tell)
        self.talking = threading.Event()
        """Whether the button of the microphone is held."""
        self._bench: Bench | None = None
        self._connected: dict[str, Identity] = {}
        self._busy: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._lock = threading.RLock()

    @property
    def runs(self) -> Path:
        """Folder of the run files."""
        return self.config.runs

    @property
    def calibration(self) -> str:
        """Id of the calibration that live runs and comparisons use; ``latest`` while none was applied."""
        return self.applied.calibration

    @property
    def bench(self) -> Bench:
        """The bench with its board connected.

        Raises:
            BadInput: no board is connected.
        """
        bench = self._bench
        if bench is None:
            raise BadInput("no board is connected; connect one, or choose Simulate, in the panel Instruments")
        return bench

    @property
    def opened(self) -> Bench | None:
        """The bench, None while no board is connected."""
        return self._bench

    def use(self, config: BenchConfig, file: Path | None) -> None:
        """Take another bench; what was connected is made safe and let go of.

        Args:
            config: the bench.
            file: where it was read, None where there is no file.
        """
        self.release()
        with self._lock:
            self.config = config
            self.file = file
            self.instruments = Instruments(config.instruments)
            self._connected.clear()
            self._reasons.clear()
        self.watch.follow(config.runs)
        self.tell_bench()
        self.tell(FolderChanged("runs"))
        self.tell(FolderChanged("queue"))

    def connect_board(self, address: str | None = None) -> None:
        """Connect the board, or connect it anew.

        Args:
            address: where; None for the address of the bench file, ``emulated`` for an emulated board in its place.

        Raises:
            BadInput: it is not there, or is another one.
            LinkError: the link failed.
        """
        self.disconnect(BOARD)
        config = self.config if address is None else self.config.at(address)
        with self._attempt(BOARD, "connecting"):
            bench = open_bench(config, instruments=self.instruments)
            with self._lock:
                self._bench = bench
                self._connected[BOARD] = bench.board.identity
            self.applied.forget_others(bench.board.identity.serial_number)
            self.feed.follow(bench)
        self._tell_quantities(BOARD, bench.board)
        self.applied.recall(bench)

    def connect_instrument(self, name: str) -> None:
        """Connect an instrument of the bench file, or connect it anew.

        Raises:
            BadInput: there is none of this name, it is not there, or is another one.
            LinkError: the link failed.
        """
        self.disconnect(name)
        with self._attempt(name, "connecting"):
            instrument = self.instruments.find(name)
            with self._lock:
                self._connected[name] = instrument.identity
        self._tell_quantities(name, instrument)

    def disconnect(self, name: str) -> None:
        """Make a device safe and let go of it; nothing happens when it is not connected.

        Raises:
            BadInput: a run has it.
            LabctlError: its safe state could not be confirmed; it is let go of all the same.
        """
        self.check_free(name)
        try:
            if name == BOARD:
                with self._lock:
                    bench, self._bench = self._bench, None
                if bench is not None:
                    self.feed.leave()
                    bench.close()
            else:
                self.instruments.disconnect(name)
        finally:
            with self._lock:
                self._connected.pop(name, None)
                self._reasons.pop(name, None)
            self.tell_bench()

    def instrument(self, name: str) -> Instrument:
        """A connected device.

        Raises:
            BadInput: it is not connected.
        """
        if name == BOARD:
            return self.bench.board
        if name not in self._connected:
            raise BadInput(f"{name} is not connected; connect it in the panel Instruments")
        return self.instruments.find(name)

    def read(self, name: str, max_age_s: float = 0.0) -> Readings:
        """Read every quantity of a connected device, and tell it."""
        found = Readings(name, self.instrument(name).snapshot(max_age_s))
        self.tell(found)
        lost = bool(found.readings) and all(reading.error for reading in found.readings)
        self._note(name, found.readings[0].error if lost else "")
        return found

    def check_free(self, name: str) -> None:
        """Raise :class:`BadInput` if a run has a device now."""
        if name in self.feed.in_use:
            raise BadInput(f"{name} is used by the run that is going on; it can be set when that is over")

    def steer(self, verb: str) -> None:
        """Pause, resume, stop or abort what runs, or leave ``failed``; returns at once.

        Stop and abort also end what the board's lane does around runs, e.g. a fit. With nothing running, abort makes
        everything that is connected safe.

        Raises:
            BadInput: there is nothing to do it to.
        """
        if verb in ("stop", "abort"):
            self.feed.pause_next = False
            busy = self.tasks.any_in(Lane.BOARD)
            self.tasks.cancel_all(Lane.BOARD)
            if self._bench is not None and self._bench.engine.state in ACTIVE:
                getattr(self._bench.engine, verb)()
            elif verb == "abort":
                threading.Thread(target=self._safe_now, name="labctl-service-safe", daemon=True).start()
            elif not busy:
                raise BadInput("nothing runs; there is nothing to stop")
        elif verb == "pause":
            self._pause(self.bench.engine)
        else:
            self.feed.pause_next = False
            getattr(self.bench.engine, verb)()

    def _pause(self, engine: Engine) -> None:
        """Pause what runs, or what runs next: a request may be between two runs, or at the end of one."""
        self.feed.pause_next = self.tasks.any_in(Lane.BOARD)
        try:
            engine.pause()
        except NotNow:
            if not self.feed.pause_next:
                raise

    def _safe_now(self) -> None:
        try:
            self.make_safe()
        except LabctlError as error:
            log.error("the safe state could not be confirmed: %s; check the hardware by hand", error)
        else:
            log.warning("everything that is connected is in its safe state")
        self.tell_bench()

    def tell_bench(self) -> None:
        """Tell who is connected."""
        self.tell(self.status())

    def status(self) -> BenchStatus:
        """Who is connected."""
        with self._lock:
            config = self.config
            names = [BOARD, *config.instruments]
            devices = tuple(self._device(name) for name in names)
        file = "" if self.file is None else str(self.file)
        return BenchStatus(config.name, file, str(config.runs), devices, self.feed.in_use)

    def make_safe(self) -> None:
        """Everything connected to its safe state, also after one that failed; for the way out of an accident."""
        bench = self._bench
        with ExitStack() as all_of_it:
            all_of_it.callback(self.instruments.safe)
            if bench is not None:
                all_of_it.callback(bench.board.safe)
                all_of_it.callback(bench.engine.close)

    def release(self) -> None:
        """Abort what runs, make everything safe and let go of it."""
        with self._lock:
            bench, self._bench = self._bench, None
        with ExitStack() as all_of_it:
            all_of_it.callback(self.watch.leave)
            all_of_it.callback(self.instruments.close)
            if bench is not None:
                all_of_it.callback(bench.close)
                all_of_it.callback(self.feed.leave)
                all_of_it.callback(bench.engine.close)

    def _device(self, name: str) -> Device:
        if name == BOARD:
            bench = self._bench
            config = self.config.board
            driver, address = "analog board", bench.board.address if bench else config.address
            emulated = (bench.config.board.address if bench else config.address) == EMULATED
        else:
            item = self.config.instruments[name]
            driver, address, emulated = item.driver, item.address, False
        device = Device(name, driver, address, simulated=True if emulated else None)
        identity = self._connected.get(name)
        reason = self._reasons.get(name, "")
        if name in self._busy:
            return replace(device, light="busy", word=self._busy[name])
        if identity is None:
            return replace(device, light="fault", word="failed", reason=reason) if reason else device
        light: Light = "warning" if reason else "ok"
        return replace(
            device,
            light=light,
            word="not answering" if reason else "connected",
            identity=" ".join(part for part in (identity.manufacturer, identity.model, identity.serial_number) if part),
            firmware=identity.firmware,
            simulated=identity.simulated,
            reason=reason,
        )

    def _attempt(self, name: str, word: str) -> _Attempt:
        return _Attempt(self, name, word)

    def _begin(self, name: str, word: str) -> None:
        with self._lock:
            self._busy[name] = word
            self._reasons.pop(name, None)
        self.tell_bench()

    def _end(self, name: str, reason: str) -> None:
        with self._lock:
            self._busy.pop(name, None)
            if reason:
                self._reasons[name] = reason
        self.tell_bench()

    def _note(self, name: str, reason: str) -> None:
        with self._lock:
            if self._reasons.get(name, "") == reason:
                return
            self._reasons[name] = reason
        self.tell_bench()

    def _tell_quantities(self, name: str, instrument: object) -> None:
        if isinstance(instrument, Instrument):
            self.tell(Quantities(name, dict(instrument.quantities)))
            self.read(name)


class _Attempt:
    """Shows a device as busy while something is tried, and says why it failed."""

    def __init__(self, session: Session, name: str, word: str) -> None:
        self._session = session
        self._name = name
        self._word = word

    def __enter__(self) -> None:
        self._session._begin(self._name, self._word)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, LabctlError):
            log.error("%s: %s", self._name, error)
        self._session._end(self._name, "" if error is None else str(error) or type(error).__name__)
