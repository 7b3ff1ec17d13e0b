"""The process that is killed: it measures sweep after sweep and says what was acknowledged.

Run as ``python -m labctl.selftest.acquiring FOLDER ADDRESS SEED``. Every line on its standard output is JSON: first
``{"ready": true}``, then, after every checkpoint, the run, how many points it has acknowledged, and the CRC-32 of what
the board answered for them, taken before it went into any file.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from data.metadata import RunMetadata
from data.sweep import SweepPlan
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from drivers.board import AnalogBoard, open_board
from labctl.engine import run_plan

PROGRAMMES: Final = 24
POINTS_EACH: Final = 3
REPEATS: Final = 2


class Witness:
    """A board whose answers are remembered by their checksum."""

    def __init__(self, board: AnalogBoard) -> None:
        self._board = board
        self._vectors = 0
        self._checksum = 0
        self.checksums = {0: 0}

    @property
    def geometry(self) -> Geometry:
        """The board's."""
        return self._board.geometry

    @property
    def identity(self) -> Identity:
        """The board's."""
        return self._board.identity

    def program(self, weights: Weights) -> None:
        """As the board."""
        self._board.program(weights)

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """As the board; the checksum of all answers so far is kept by their number."""
        outputs = self._board.multiply(activations, schedule)
        self._vectors += len(outputs)
        self._checksum = zlib.crc32(np.ascontiguousarray(outputs, "<i2").tobytes(), self._checksum)
        self.checksums[self._vectors] = self._checksum
        return outputs

    def safe(self) -> None:
        """As the board."""
        self._board.safe()


def short_sweep(geometry: Geometry, seed: int) -> SweepPlan:
    """Random vectors with many different weights, so that there are many checkpoints."""
    chance = np.random.default_rng(seed)
    points = PROGRAMMES * POINTS_EACH
    shape = (PROGRAMMES, geometry.rows, geometry.columns)
    return SweepPlan(
        kind="kills",
        weights=chance.integers(-geometry.weight_max, geometry.weight_max + 1, shape).astype(np.int8),
        schedules=(Schedule(),),
        activations=chance.integers(0, geometry.activation_max + 1, (points, geometry.rows)).astype(np.uint8),
        program=np.repeat(np.arange(PROGRAMMES), POINTS_EACH),
        schedule=np.zeros(points, np.intp),
        repeats=REPEATS,
    )


def acquire(folder: Path, address: str, seed: int) -> None:
    """Measure for ever; whoever started this process ends it."""
    with open_board(address) as board:
        _say({"ready": True})
        while True:
            witness = Witness(board)
            plan = short_sweep(board.geometry, seed)
            metadata = RunMetadata.new(plan.kind, simulated=True, identity=board.identity, geometry=board.geometry)

            def tell(share: float, _: str, witness: Witness = witness, run: RunMetadata = metadata) -> None:
                points = round(share * PROGRAMMES * POINTS_EACH)
                _say({"file": run.filename, "points": points, "checksum": witness.checksums[points * REPEATS]})

            run_plan(plan, witness, folder, metadata, listener=tell)
            seed += 1


def _say(what: dict[str, object]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    acquire(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
