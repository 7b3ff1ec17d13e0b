"""Who chooses the settings of an adaptive scan: anything that can be asked for a point and told what was found.

The protocol is that of the learners of the ``adaptive`` package (Nijholt et al., doi:10.5281/zenodo.1182437), reduced
to one point at a time. Other strategies register a factory under the entry point group ``labctl.strategies``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from data.errors import BadInput, LabctlError

GROUP: Final = "labctl.strategies"
LEARNER: Final = "learner"

Range = tuple[float, float]


class Strategy(Protocol):
    """Chooses points and learns from what was measured there."""

    def ask(self) -> tuple[float, ...]:
        """The next point, one value for each axis."""
        ...

    def tell(self, point: tuple[float, ...], value: float) -> None:
        """What was measured at a point."""
        ...

    def loss(self) -> float:
        """How much is still unknown; the scan ends when it is small enough. Infinite before anything is known."""
        ...


class Learner:
    """A learner of the ``adaptive`` package as a strategy.

    Args:
        learner: a ``Learner1D``, ``Learner2D``, ``LearnerND`` or one with their methods; its function is not called.
        dimensions: how many axes it has.
    """

    def __init__(self, learner: Any, dimensions: int) -> None:
        self._learner = learner
        self._dimensions = dimensions

    def ask(self) -> tuple[float, ...]:
        """The next point."""
        (point,), _ = self._learner.ask(1)
        values: Iterable[float] = (point,) if self._dimensions == 1 else point
        return tuple(float(value) for value in values)

    def tell(self, point: tuple[float, ...], value: float) -> None:
        """What was measured at a point.

        Raises:
            LabctlError: it is not a finite number, from which nothing can be learnt.
        """
        if not abs(value) < float("inf"):
            raise LabctlError(f"the adaptive scan read {value} at {point} and cannot choose a next setting from that")
        self._learner.tell(point[0] if self._dimensions == 1 else point, value)

    def loss(self) -> float:
        """Largest loss of an interval, triangle or simplex, as the learner defines it."""
        return float(self._learner.loss())


def make_learner(ranges: Sequence[Range]) -> Strategy:
    """The learner of the ``adaptive`` package for this number of axes.

    Raises:
        BadInput: the package is not installed.
    """
    try:
        import adaptive
    except ImportError as error:
        raise BadInput("an adaptive scan needs the package adaptive: pip install labctl[adaptive]") from error
    if len(ranges) == 1:
        return Learner(adaptive.Learner1D(_not_called, ranges[0]), 1)
    made = adaptive.Learner2D if len(ranges) == 2 else adaptive.LearnerND
    return Learner(made(_not_called, list(ranges)), len(ranges))


def strategy_names() -> tuple[str, ...]:
    """The strategies that a plan can name: our own, then those of plug-ins."""
    return (LEARNER, *sorted({item.name for item in entry_points(group=GROUP)} - {LEARNER}))


def find_strategy(name: str) -> Callable[[Sequence[Range]], Strategy]:
    """The factory of a strategy by its name in a plan.

    Raises:
        BadInput: there is none of this name; the sentence lists those there are.
    """
    if name == LEARNER:
        return make_learner
    found = {item.name: item for item in entry_points(group=GROUP)}
    if name not in found:
        raise BadInput(f"there is no strategy {name!r}; there is {', '.join(strategy_names())}")
    factory: Callable[[Sequence[Range]], Strategy] = found[name].load()
    return factory


def _not_called(point: object) -> float:
    raise NotImplementedError("the scan measures; the learner only chooses")
