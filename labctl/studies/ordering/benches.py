"""The emulated boards of the study: a process each, at the end of a TCP connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data.processor import AnalogProcessor
from data.values import Schedule
from labctl.bench import Bench, BenchConfig, BoardConfig, EmulatorConfig, ScheduleConfig, open_bench

TRAINING, JUDGING = range(2)
"""What a board is used for, see :func:`draw_noise_afresh`."""

_WARM_UP = 20_000
"""Vectors that a board is sent at most before it is used: seconds of work, and no drift to speak of."""


@contextmanager
def open_study_bench(settings: Mapping[str, Any], runs: Path) -> Iterator[Bench]:
    """A bench with the board of a point, fresh from its start, whose schedule sends rows in ascending order."""
    condition = settings["condition"]
    physics = (f"geometry={settings['geometry']}", *condition["physics"])
    config = BenchConfig(
        name=condition["name"],
        runs=runs,
        board=BoardConfig(emulator=EmulatorConfig(seed=settings["board"], link="tcp", physics=physics)),
        schedule=ScheduleConfig(spacing_ns=condition["spacing_ns"], sends=condition["sends"]),
    )
    with open_bench(config) as bench:
        yield bench


def draw_noise_afresh(board: AnalogProcessor, schedule: Schedule, seed: int, use: int) -> int:
    """Send a number of empty vectors that ``seed`` and ``use`` give, and return it.

    An emulated board draws the trial noise of a vector by the number of vectors before it. Without this, every network
    judged on one chip would meet the same noise, and training seeds would look more alike than they are.
    """
    count = int(np.random.default_rng((seed, use)).integers(1, _WARM_UP))
    geometry = board.geometry
    board.program(np.zeros((geometry.rows, geometry.columns), np.int8))
    board.multiply(np.zeros((count, geometry.rows), np.uint8), schedule)
    return count
