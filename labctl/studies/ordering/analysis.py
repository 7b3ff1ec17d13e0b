"""Means, spreads and paired differences over boards and training seeds, with intervals that hold for both.

Boards and training seeds are crossed: every seed's networks start from one float network, whichever board they are
for. A mean over cells is therefore surer than a single cell, but not as sure as if all cells were independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Cells = Mapping[tuple[int, int], float]
"""A value for each (board, training seed)."""

LEVEL = 0.95
"""Of intervals, and of the family of comparisons that answer one question."""


@dataclass(frozen=True)
class Spread:
    """A mean over cells and what it varies with.

    Attributes:
        mean: over all cells; NaN without any.
        seeds: standard deviation over the training seeds of one board, averaged over boards; NaN with one seed.
        boards: standard deviation of the boards' means; NaN with one board.
        count: cells.
    """

    mean: float
    seeds: float
    boards: float
    count: int


@dataclass(frozen=True)
class Difference:
    """One thing less another, cell by cell, so that board and training seed are the same on both sides.

    Attributes:
        spread: of the differences.
        above: cells in which the difference is above 0.
        error: standard error of the mean difference for other boards and other seeds; NaN where it cannot be told.
        freedom: degrees of freedom of that error.
    """

    spread: Spread
    above: int
    error: float
    freedom: float

    @property
    def half_width(self) -> float:
        """Half the :data:`LEVEL` interval of the mean difference (Student's t); NaN where it cannot be told."""
        return float(t.ppf(0.5 + LEVEL / 2, self.freedom)) * self.error

    @property
    def chance(self) -> float:
        """Probability of a mean difference at least this large where there is none; 1 where it cannot be told."""
        mean = self.spread.mean
        if not np.isfinite(self.error) or mean == 0:
            return 1.0
        return float(2 * t.sf(abs(mean) / self.error, self.freedom)) if self.error > 0 else 0.0


def spread(values: Cells) -> Spread:
    """Mean and spreads of a value."""
    boards: dict[int, list[float]] = {}
    for (board, _), value in values.items():
        boards.setdefault(board, []).append(value)
    if not boards:
        return Spread(float("nan"), float("nan"), float("nan"), 0)
    several = [np.var(own, ddof=1) for own in boards.values() if len(own) > 1]
    means = [float(np.mean(own)) for own in boards.values()]
    return Spread(
        mean=float(np.mean(list(values.values()))),
        seeds=sqrt(float(np.mean(several))) if several else float("nan"),
        boards=float(np.std(means, ddof=1)) if len(means) > 1 else float("nan"),
        count=len(values),
    )


def difference(these: Cells, those: Cells) -> Difference:
    """``these`` less ``those`` in the cells that both have."""
    pairs = {cell: value - those[cell] for cell, value in these.items() if cell in those}
    error, freedom = crossed_error(_grid(pairs))
    return Difference(spread(pairs), sum(value > 0 for value in pairs.values()), error, freedom)


def crossed_error(grid: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error of the mean of a grid, shape (boards, seeds), and its degrees of freedom.

    Boards and seeds are both drawn at random, and neither contains the other: two-way analysis of variance without
    repeats, whose variance of the mean is (MS_boards + MS_seeds - MS_rest) / cells, at least that of independent
    cells; degrees of freedom by F. E. Satterthwaite, Biometrics Bulletin 2, 110-114 (1946), at least those of the
    fewer of boards and seeds. Both are NaN for a grid of a single board or seed, which says nothing about others.
    """
    boards, seeds = grid.shape
    if boards < 2 or seeds < 2:
        return float("nan"), float("nan")
    mean, rows, columns = grid.mean(), grid.mean(axis=1), grid.mean(axis=0)
    of_boards = seeds * float(np.sum((rows - mean) ** 2)) / (boards - 1)
    of_seeds = boards * float(np.sum((columns - mean) ** 2)) / (seeds - 1)
    rest_freedom = (boards - 1) * (seeds - 1)
    rest = float(np.sum((grid - rows[:, None] - columns + mean) ** 2)) / rest_freedom
    if (joint := of_boards + of_seeds - rest) <= rest:
        return sqrt(rest / grid.size), float(rest_freedom)
    parts = of_boards**2 / (boards - 1) + of_seeds**2 / (seeds - 1) + rest**2 / rest_freedom
    return sqrt(joint / grid.size), max(joint**2 / parts, min(boards, seeds) - 1.0)


def verdicts(family: Sequence[Difference]) -> list[str]:
    """``better``, ``worse`` or ``not told apart`` for each comparison of a family that answers one question.

    The chance of a single wrong one in the family is at most 1 - :data:`LEVEL` (S. Holm, Scand. J. Stat. 6, 65-70,
    1979).
    """
    found = ["not told apart"] * len(family)
    for rank, index in enumerate(sorted(range(len(family)), key=lambda i: family[i].chance)):
        item = family[index]
        if item.chance > (1 - LEVEL) / (len(family) - rank):
            break
        found[index] = "better" if item.spread.mean > 0 else "worse"
    return found


def _grid(cells: Cells) -> NDArray[np.float64]:
    """The cells of those seeds that every board has, shape (boards, seeds)."""
    boards = sorted({board for board, _ in cells})
    seeds = [seed for seed in sorted({seed for _, seed in cells}) if all((board, seed) in cells for board in boards)]
    return np.array([[cells[board, seed] for seed in seeds] for board in boards]).reshape(len(boards), len(seeds))
