"""What a run works with: the instruments it names, the board, the working schedule, and the interlocks over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from data.errors import LabctlError, Problems
from data.instrument import Instrument, Quantity
from data.processor import AnalogProcessor
from data.scan import SCHEDULE, SWEEP_MEAN, ScanPlan
from data.values import Geometry, Identity, Schedule
from labctl.interlock import Interlock

if TYPE_CHECKING:
    from labctl.bench import Bench
    from labctl.engine.interlocks import Watch

BOARD: Final = "board"
"""The name of the board among the instruments."""


@dataclass(frozen=True)
class Rig:
    """The hardware of one run.

    Attributes:
        instruments: those that it sets, reads or watches, by name.
        processor: the board, or a model in its place; None where there is none.
        schedule: how the board is used, where the plan does not say otherwise.
        missing: why instruments that are needed cannot be used, a sentence each.
    """

    instruments: Mapping[str, Instrument]
    processor: AnalogProcessor | None = None
    schedule: Schedule = field(default_factory=Schedule)
    missing: tuple[str, ...] = ()

    @property
    def quantities(self) -> dict[str, Quantity]:
        """Everything that can be read or set, by ``INSTRUMENT.QUANTITY``."""
        return {
            f"{name}.{key}": quantity
            for name, instrument in self.instruments.items()
            for key, quantity in instrument.quantities.items()
        }

    @property
    def geometry(self) -> Geometry | None:
        """Of the board."""
        return None if self.processor is None else self.processor.geometry

    @property
    def identity(self) -> Identity | None:
        """Of the board."""
        return None if self.processor is None else self.processor.identity


def needed_by(plan: ScanPlan) -> set[str]:
    """The instruments that a plan sets or reads."""
    goals = () if plan.adaptive is None else (plan.adaptive.goal,)
    names = {*plan.targets, *plan.read, *goals} - {SWEEP_MEAN}
    return {name.partition(".")[0] for name in names} - {SCHEDULE}


def rig_of(bench: Bench, names: Iterable[str]) -> Rig:
    """The board of a bench and some of its instruments, connected; one that cannot be is ``missing``."""
    found: dict[str, Instrument] = {}
    missing = []
    others = bench.instruments
    for name in sorted(names):
        if name == BOARD:
            if isinstance(bench.board, Instrument):
                found[name] = bench.board
        elif name in others:
            try:
                found[name] = others[name]
            except LabctlError as error:
                missing.append(f"instrument {name} cannot be used: {error}")
    return Rig(found, bench.board, bench.schedule, tuple(missing))


def interlocks_of(bench: Bench) -> tuple[Interlock, ...]:
    """The interlocks of a bench file."""
    return tuple(item.value(name) for name, item in bench.config.interlocks.items())


def watched_by(interlocks: Iterable[Interlock]) -> set[str]:
    """The instruments that interlocks read."""
    return {lock.quantity.partition(".")[0] for lock in interlocks}


def watch_of(bench: Bench) -> Watch:
    """The interlocks of a bench over its instruments, for one run.

    Raises:
        Problems: an instrument that is watched is not there, or has no such quantity.
    """
    from labctl.engine.interlocks import Watch

    locks = interlocks_of(bench)
    rig = rig_of(bench, watched_by(locks))
    problems = [*rig.missing, *(problem for lock in locks for problem in lock.missing(rig.instruments))]
    if problems:
        raise Problems(f"bench {bench.config.name}", problems)
    return Watch.over(locks, rig.instruments)
