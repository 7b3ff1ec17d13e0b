"""The running count of a live session: accuracy, agreement, confusion, times."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labctl.comparison import BOARD
from labctl.live.results import Answer, Latency, Spotted
from labctl.statistics import Proportion, proportion

LATEST: Final = 500
"""Utterances whose times count for the medians."""


@dataclass(frozen=True)
class Count:
    """One network on one target so far.

    Attributes:
        accuracy: share of right decisions among the utterances whose class is known, with its 95 % interval.
        agreement: share of decisions that equal the board's, with its 95 % interval.
        confusion: counts, shape (true class, decided class).
    """

    accuracy: Proportion
    agreement: Proportion
    confusion: NDArray[np.int64]


@dataclass
class _Counting:
    classes: int
    same: int = 0
    seen: int = 0
    confusion: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.confusion = np.zeros((self.classes, self.classes), np.int64)

    def count(self) -> Count:
        known, right = int(self.confusion.sum()), int(np.trace(self.confusion))
        return Count(proportion(right, known), proportion(self.same, self.seen), self.confusion.copy())


class Tally:
    """Counts utterances as they come."""

    def __init__(self) -> None:
        self.utterances = 0
        self._counts: dict[str, dict[str, _Counting]] = {}
        self._times: deque[Latency] = deque(maxlen=LATEST)

    def add(self, spotted: Spotted) -> None:
        """One more utterance."""
        self.utterances += 1
        self._times.append(spotted.latency)
        for answer in spotted.answers:
            self._add(answer)

    def counts(self) -> Mapping[str, Mapping[str, Count]]:
        """What has been counted, by network and target."""
        return {
            name: {target: item.count() for target, item in targets.items()} for name, targets in self._counts.items()
        }

    def latency(self) -> Latency:
        """Medians over the latest utterances; zeros before the first."""
        if not self._times:
            return Latency(0.0, 0.0, 0.0)
        array, board, total = np.median([[t.array_s, t.board_s, t.total_s] for t in self._times], axis=0)
        return Latency(float(array), float(board), float(total))

    def _add(self, answer: Answer) -> None:
        targets = self._counts.setdefault(answer.name, {})
        board = int(answer.traces[BOARD].decisions[0])
        for target, trace in answer.traces.items():
            counting = targets.setdefault(target, _Counting(len(answer.network.labels)))
            decided = int(trace.decisions[0])
            counting.seen += 1
            counting.same += decided == board
            if answer.truth >= 0:
                counting.confusion[answer.truth, decided] += 1
