"""What a live session says of each utterance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.values import Activations
from labctl.comparison import BOARD
from labctl.live.sources import Clip
from models.network import IntegerNetwork, NetworkTrace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Latency:
    """Times that one utterance took, in seconds.

    Attributes:
        array_s: reset, events and settling of the array itself, by the schedule.
        board_s: until the board had answered everything, its link included.
        total_s: from the waveform to all decisions, those of the counterparts included.
    """

    array_s: float
    board_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a target decided.

    Attributes:
        word: name of the class with the largest score.
        scores: of all classes, softmax of the logits, shape (classes,).
        margin: logit of the decided class less that of the next.
        right: whether it is the true class; None where nobody knows that.
    """

    word: str
    scores: NDArray[np.float32]
    margin: float
    right: bool | None


@dataclass(frozen=True)
class Answer:
    """What one network said to one utterance, on the board and on its counterparts.

    Attributes:
        name: file name of the network.
        arm: what it was trained on.
        network: the network itself.
        truth: index of the true class, -1 where nobody knows.
        sent: activations of each layer as the board got them, shape (inputs,).
        traces: every layer, logits and decision of each target, the board first; arrays of one utterance.
        expected: mean block outputs that each model predicts for what the board was sent, a mapping by model for each
            layer, shape (blocks, outputs); what earlier layers did to a model does not add up here.
        run: the run file that keeps it, None where the session is not recorded.
    """

    name: str
    arm: str
    network: IntegerNetwork
    truth: int
    sent: tuple[Activations, ...]
    traces: Mapping[str, NetworkTrace]
    expected: tuple[Mapping[str, Floats], ...]
    run: Path | None = None

    def decision(self, target: str = BOARD) -> Decision:
        """What a target decided: the board, or one of the models."""
        logits = self.traces[target].logits[0].astype(np.float64)
        index = int(self.traces[target].decisions[0])
        powers = np.exp(logits - logits.max())
        second, first = np.sort(logits)[-2:]
        right = None if self.truth < 0 else index == self.truth
        scores = (powers / powers.sum()).astype(np.float32)
        return Decision(self.network.labels[index], scores, float(first - second), right)

    @property
    def decisions(self) -> dict[str, Decision]:
        """What every target decided."""
        return {target: self.decision(target) for target in self.traces}


@dataclass(frozen=True)
class Spotted:
    """One utterance, and what every network said to it.

    Attributes:
        number: counted from 1.
        clip: the utterance.
        features: shape (frames, coefficients).
        answers: one for each network.
        latency: how long it took.
    """

    number: int
    clip: Clip
    features: NDArray[np.float32]
    answers: tuple[Answer, ...]
    latency: Latency

    def __str__(self) -> str:
        said = self.clip.truth or "?"
        found = []
        for answer in self.answers:
            words = ", ".join(f"{target} {item.word}" for target, item in answer.decisions.items())
            found.append(f"[{answer.arm}] {words}")
        times = f"board {1e3 * self.latency.board_s:.0f} ms, all {1e3 * self.latency.total_s:.0f} ms"
        return f"{self.number}: {said} -> {'; '.join(found)} ({times})"
