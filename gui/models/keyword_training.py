"""Trainings and comparisons as the window keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field

from labctl.service.messages_keyword import ComparedRow, EpochTold, TrainedRow

ARMS = ("ideal", "unordered", "ordered", "board")


@dataclass
class Curve:
    """The epochs of one arm."""

    epochs: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


@dataclass
class Trainings:
    """Curves of the training that goes on or was the last, and what came of it."""

    curves: dict[str, Curve] = field(default_factory=dict)
    trained: tuple[TrainedRow, ...] = ()
    compared: tuple[ComparedRow, ...] = ()

    def begin(self) -> None:
        """Another training: its curves replace those of the last."""
        self.curves.clear()
        self.trained = ()

    def add(self, told: EpochTold) -> None:
        """One more epoch."""
        curve = self.curves.setdefault(told.arm, Curve())
        curve.epochs.append(told.epoch)
        curve.loss.append(told.loss)
        curve.accuracy.append(100 * told.accuracy)
