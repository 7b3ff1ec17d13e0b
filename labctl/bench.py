"""The bench: which board, at which address, with which working schedule, and where runs are kept.

A bench is described in ``bench.toml``; without one it is an emulated board in a process of its own.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError

from data.errors import BadInput, Problems
from data.values import Geometry, Identity, Schedule
from labctl.instruments import InstrumentConfig, InstrumentName, Instruments, Section
from labctl.progress import Stop, never
from labctl.running import EngineConfig, InterlockConfig

if TYPE_CHECKING:
    from drivers.board import AnalogBoard
    from labctl.engine import BorrowersFile, Engine, LentBoard

log = logging.getLogger(__name__)

LONGEST = 40
"""Characters of a wrong setting that a message repeats."""

BENCH_FILE = Path("bench.toml")
"""The bench file of the current folder."""

EMULATED = "emulated"
"""The address that stands for a board emulated in a process of its own, started and stopped with the bench."""


class ScheduleConfig(Section):
    """``[schedule]``: how vectors are sent, unless a command says otherwise."""

    spacing_ns: Annotated[int, Field(ge=1, le=100_000)] = 40
    sends: Annotated[int, Field(ge=1, le=64)] = 2
    skip_zeros: bool = True
    settle_ns: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    reset_ns: Annotated[int, Field(ge=0, le=1_000_000)] = 5000

    def value(self) -> Schedule:
        """The schedule, rows in ascending order."""
        return Schedule(**self.model_dump())


class EmulatorConfig(Section):
    """``[board.emulator]``: the board that is emulated when the address is ``emulated``."""

    seed: Annotated[int, Field(ge=0, le=999_999)] = 1
    link: Literal["serial", "tcp"] | None = None
    physics: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class BoardConfig(Section):
    """``[board]``: where the board is and which one it must be."""

    address: Annotated[str, Field(min_length=1)] = EMULATED
    serial_number: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    emulator: EmulatorConfig = EmulatorConfig()


class BenchConfig(Section):
    """Everything ``bench.toml`` may say; each setting has a default."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = "bench"
    runs: Path = Path("runs")
    discover: tuple[str, ...] = ()
    board: BoardConfig = BoardConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    instruments: dict[InstrumentName, InstrumentConfig] = Field(default_factory=dict)
    interlocks: dict[str, InterlockConfig] = Field(default_factory=dict)
    engine: EngineConfig = EngineConfig()

    @classmethod
    def read(cls, path: Path) -> BenchConfig:
        """Read a bench file; relative folders in it are relative to the file.

        Raises:
            BadInput: the file cannot be read or is not TOML.
            Problems: settings that do not fit, all of them at once.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"cannot read the bench file {path}: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"the bench file {path} is not valid TOML: {error}") from error
        try:
            config = cls.model_validate(content)
        except ValidationError as error:
            raise Problems(f"the bench file {path}", [_sentence(item) for item in error.errors()]) from error
        instruments = {name: item.relative_to(path.parent) for name, item in config.instruments.items()}
        return config.model_copy(update={"runs": path.parent / config.runs, "instruments": instruments})

    def at(self, address: str) -> BenchConfig:
        """The same bench with its board elsewhere, where the file's serial number says nothing."""
        if address == self.board.address:
            return self
        board = self.board.model_copy(update={"address": address, "serial_number": None})
        return self.model_copy(update={"board": board})


def _sentence(item: object) -> str:
    assert isinstance(item, dict)
    where = ".".join(str(part) for part in item["loc"]) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{where} is not a setting labctl knows"
    message = str(item["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
    message = message.replace("String should", "it should")
    given = repr(item["input"])
    return f"{where}: {message} (it is {given if len(given) <= LONGEST else given[:LONGEST] + '...'})"


@dataclass
class Bench:
    """An open bench; leave it with ``with`` or :meth:`close`, and the board is in its safe state.

    Attributes:
        config: what the bench file said.
        board: the connected board.
        runs: folder of the run files.
        schedule: the working schedule.
        instruments: the other instruments by name; each is connected when it is first asked for.
        engine: what carries out every run on this bench, one at a time, and by which it is steered and watched.
    """

    config: BenchConfig
    board: AnalogBoard
    runs: Path
    schedule: Schedule
    instruments: Instruments
    engine: Engine
    _resources: ExitStack

    def close(self) -> None:
        """Abort what runs, board and instruments to their safe states, links closed, emulated board stopped.

        May be called again.
        """
        self._resources.close()

    def lend(
        self,
        title: str,
        *,
        total: int = 1,
        file: BorrowersFile | None = None,
        kind: str = "network",
        stop: Stop = never,
        say: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[LentBoard]:
        """The board as an analog processor for work that is not a plan, such as a network's; leave it with ``with``.

        It is a run of :attr:`engine` like any other: it can be paused, stopped, aborted and watched, a lost link is a
        pause, the interlocks of the bench file hold, and the board is in its safe state afterwards. See
        :func:`labctl.engine.lend`.

        Args:
            title: what it is for, in words.
            total: steps in all, for :meth:`LentBoard.progress`.
            file: the run file that the caller writes meanwhile; it says how the loan ended if that was too early.
            kind: what is done, where there is no file that says so.
            stop: asked at every checkpoint; true ends it.
            say: hears why it is held up, and warnings; without it the log does.

        Raises:
            Problems: an instrument that an interlock watches is not there.
        """
        from labctl.engine import Loan, lend
        from labctl.engine.engine import warn
        from labctl.rig import watch_of

        return lend(self.engine, self.board, Loan(title, kind, total, file, watch_of(self), (), stop, say or warn))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def describe(self) -> dict[str, object]:
        """What is connected, as plain values."""
        return {
            "name": self.config.name,
            "address": self.board.address,
            "identity": asdict(self.board.identity),
            "geometry": asdict(self.board.geometry),
            "runs": str(self.runs),
        }


def read_config(path: Path | str | None = None) -> BenchConfig:
    """The bench file at ``path``; without one, ``bench.toml`` in the current folder; without that, the default."""
    if path is not None:
        return BenchConfig.read(Path(path))
    return BenchConfig.read(BENCH_FILE) if BENCH_FILE.exists() else BenchConfig()


def open_bench(config: BenchConfig | Path | str | None = None, instruments: Instruments | None = None) -> Bench:
    """Connect the board of a bench.

    Args:
        config: a bench file, its content, or None for ``bench.toml`` in the current folder or else the emulated board.
        instruments: those of this bench where they are in use already; they are not closed with it.

    Raises:
        BadInput: the bench file is wrong, or the board is not there, is no board, or is another one.
        LinkError: the link failed while connecting.
    """
    if not isinstance(config, BenchConfig):
        config = read_config(config)
    from drivers.board import open_board
    from labctl.engine import Engine

    try:
        config.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {config.runs} for runs: {error.strerror}; choose another") from error
    resources = ExitStack()
    try:
        address = config.board.address
        if address == EMULATED:
            address = _start_emulator(config.board.emulator, resources)
        board = resources.enter_context(
            open_board(address, serial_number=config.board.serial_number, timeout_s=config.board.timeout_s)
        )
        schedule = config.schedule.value()
        schedule.check(board.geometry)
        if instruments is None:
            instruments = resources.enter_context(Instruments(config.instruments))
        engine = Engine(config.engine.value())
        # Entered last: whatever still runs has ended before board and instruments are let go of.
        resources.callback(engine.close)
        return Bench(config, board, config.runs, schedule, instruments, engine, resources)
    except BaseException:
        resources.close()
        raise


def look_at_board(config: BenchConfig) -> tuple[Identity, Geometry]:
    """Who is at the end of the link, and its array: only asked, neither taken control of nor switched on.

    Raises:
        BadInput: there is no board, or it is another one.
    """
    from drivers.discovery import discover

    resources = ExitStack()
    try:
        address = config.board.address
        if address == EMULATED:
            address = _start_emulator(config.board.emulator, resources)
        (found,) = discover((address,), serial_ports=False, timeout_s=config.board.timeout_s)
    finally:
        resources.close()
    if found.identity is None or found.geometry is None:
        raise BadInput(found.reason)
    wanted = config.board.serial_number
    if wanted is not None and found.identity.serial_number != wanted:
        raise BadInput(f"the board at {address} is {found.identity.serial_number}, not {wanted}; check the cable")
    return found.identity, found.geometry


def _start_emulator(config: EmulatorConfig, resources: ExitStack) -> str:
    from drivers import emulator
    from drivers.emulator.options import has_terminals

    serial = config.link == "serial" or (config.link is None and has_terminals())
    options = emulator.Options(
        seed=config.seed,
        serial=serial,
        tcp=None if serial else "127.0.0.1:0",
        physics=config.physics,
        faults=config.faults,
        until_stdin_closes=True,
    )
    process = resources.enter_context(emulator.start(options))
    address = process.serial if serial else f"socket://{process.tcp}"
    log.info("emulated board %s at %s", process.serial_number, address)
    return str(address)
