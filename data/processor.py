"""The one contract between a network and whatever computes it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights


@runtime_checkable
class AnalogProcessor(Protocol):
    """Multiplies batches of activations with the programmed weights: a board, a chip model, or a plug-in's own.

    A setting of the schedule that the processor cannot honour is an error, never ignored.
    """

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes."""
        ...

    @property
    def identity(self) -> Identity:
        """Who computes."""
        ...

    def program(self, weights: Weights) -> None:
        """Load weights, shape (rows, columns), replacing what was there.

        Raises:
            BadInput: wrong shape or a code out of range; nothing has been changed then.
        """
        ...

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """Outputs, shape (vectors, columns), of activations, shape (vectors, rows), sent by ``schedule``.

        Raises:
            BadInput: wrong shape, a code out of range, or a schedule that cannot be honoured.
        """
        ...
