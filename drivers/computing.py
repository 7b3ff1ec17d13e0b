"""The board as an :class:`data.computer.AnalogComputer`: a matrix is loaded, batches of vectors are multiplied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from data.processor import AnalogProcessor
from data.values import Activations, Identity, Outputs, Schedule, Weights


@dataclass(frozen=True, slots=True)
class VectorTask:
    """A batch of vectors and how each is sent.

    Attributes:
        activations: input codes, shape (vectors, rows).
        schedule: how a vector is sent.
    """

    activations: Activations
    schedule: Schedule


class Board(AnalogProcessor, Protocol):
    """An analog processor that is hardware, or stands for some."""

    def safe(self) -> None:
        """Go to the safe state."""
        ...

    def close(self) -> None:
        """Safe state, then let go."""
        ...


class BoardComputer:
    """A board under the wider contract.

    Args:
        board: the board; it is closed with this.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    @property
    def identity(self) -> Identity:
        """Who computes."""
        return self._board.identity

    def load(self, problem: Weights) -> None:
        """Program weights, shape (rows, columns)."""
        self._board.program(problem)

    def compute(self, task: VectorTask) -> Outputs:
        """Outputs, shape (vectors, columns)."""
        return self._board.multiply(task.activations, task.schedule)

    def safe(self) -> None:
        """Supply off, weights zero."""
        self._board.safe()

    def close(self) -> None:
        """Safe state, then let go of the board."""
        self._board.close()
