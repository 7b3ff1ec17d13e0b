"""What a bench service says of a plan that is being edited: problems, cost, and a path to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sort = Literal["steps", "plane", "ranges"]


@dataclass(frozen=True, slots=True)
class DrawnAxis:
    """One quantity of a drawn path.

    Attributes:
        name: the quantity.
        unit: as in UDUNITS.
        values: what it is set to at each drawn setting, shape (settings,); of ranges the two ends. A text or a switch
            is drawn as its place in ``words``.
        log: whether equal ratios should look equal.
        words: what stands at 0, 1, ... where values are no numbers.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    log: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanPath:
    """A path to draw.

    Attributes:
        sort: ``steps`` of one quantity over the settings, the way in the ``plane`` of two, or ``ranges`` in which an
            adaptive scan chooses.
        axes: one or two.
        index: place of each drawn setting in the run, shape (settings,); empty for ranges.
        complete: whether every setting is drawn.
        more: quantities that are not drawn.
    """

    sort: Sort
    axes: tuple[DrawnAxis, ...]
    index: NDArray[np.int64]
    complete: bool = True
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """What a scan plan would do on this bench.

    Attributes:
        problems: why it cannot start, a sentence each.
        notes: what could not be checked, and what else is worth knowing.
        settings: how many; of an adaptive scan at most. None while the axes make no sense.
        seconds: for all of them, None as before.
        bytes: of the run file, None as before.
        path: to draw, None as before.
        strategies: names of those that could choose the settings; none unless the scan is adaptive.
    """

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    path: PlanPath | None = None
    strategies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepCost:
    """A standard sweep of the board.

    Attributes:
        kind: its name.
        points: how many.
        vectors: how many are sent, repeats included.
        seconds: about how long it takes.
        bytes: of its file.
    """

    kind: str
    points: int
    vectors: int
    seconds: float
    bytes: int
