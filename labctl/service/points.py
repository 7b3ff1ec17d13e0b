"""Rows of a run as numbers to draw: few enough to be sent at the full rate of a board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.service.messages import MEAN_OUTPUT, TRIAL_NOISE, Points

if TYPE_CHECKING:
    from labctl.engine import Rows

OUTPUT: Final = "output"
MOST_IMAGE_ROWS: Final = 2048
"""Points of a run of which all columns are sent; of a longer run it is every second, third, ... point."""


def every_of(total: int) -> int:
    """Of how many points one is sent with all its columns."""
    return max(1, -(-total // MOST_IMAGE_ROWS))


def points_of(
    run_id: str,
    first: int,
    values: Mapping[str, NDArray[Any]],
    *,
    every: int = 1,
    names: Mapping[str, str] | None = None,
) -> Points:
    """Rows of a run as numbers to draw.

    A variable with one number a row is drawn as it is. Outputs, shape (rows, ..., repeats, columns), are drawn as their
    mean, as their trial noise (standard deviation over the repeats, mean over the rest) where there are repeats, and
    as an image of the columns' means.

    Args:
        run_id: of the run.
        first: index of the first row.
        values: the rows by variable.
        every: of how many points one is sent with all its columns.
        names: which variables are drawn and what they are called; all of them by their own names without it.
    """
    drawn: dict[str, NDArray[Any]] = {}
    rows: NDArray[Any] | None = None
    for name, array in values.items():
        if array.ndim == 1:
            shown = names.get(name, "") if names else name
            if shown and array.dtype.kind in "biuf":
                drawn[shown] = array
        elif name == OUTPUT and len(array):
            # One number each, in the narrowest type that keeps it: means of whole codes need no more.
            drawn[MEAN_OUTPUT] = array.mean(axis=tuple(range(1, array.ndim)), dtype=np.float64).astype(np.float32)
            if array.shape[-2] > 1:
                noise = array.std(axis=-2, ddof=1, dtype=np.float32)
                drawn[TRIAL_NOISE] = noise.mean(axis=tuple(range(1, noise.ndim)))
            chosen = array[-first % every :: every]
            rows = chosen.reshape(len(chosen), -1, array.shape[-1]).mean(axis=1, dtype=np.float32)
    return Points(run_id, first, drawn, rows, every)


def joined(parts: Iterable[Rows]) -> tuple[tuple[int, dict[str, NDArray[Any]]], ...]:
    """Rows that follow on from one another in one piece: a message for each setting would be too many."""
    pieces: list[tuple[int, list[Mapping[str, NDArray[Any]]]]] = []
    after = -1
    for part in parts:
        if not part.values:
            continue
        same = bool(pieces) and part.first == after and part.values.keys() == pieces[-1][1][0].keys()
        if same:
            pieces[-1][1].append(part.values)
        else:
            pieces.append((part.first, [part.values]))
        after = part.first + len(next(iter(part.values.values())))
    return tuple(
        (first, {name: np.concatenate([values[name] for values in many]) for name in many[0]}) for first, many in pieces
    )
