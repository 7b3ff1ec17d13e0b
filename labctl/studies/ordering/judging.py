"""Judge networks and event orders on a board by turns, so that its slow drift favours none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.processor import AnalogProcessor
from labctl.statistics import Proportion, proportion
from labctl.studies.ordering.orders import BlockOrders, decide
from models.network import IntegerNetwork
from models.samples import Samples

TURNS = 8


@dataclass(frozen=True)
class Candidate:
    """A network in event orders.

    Attributes:
        arm: what it was trained on.
        order: name of the orders.
        network: the network.
        orders: one for each block.
    """

    arm: str
    order: str
    network: IntegerNetwork
    orders: BlockOrders


def judge_by_turns(candidates: Sequence[Candidate], board: AnalogProcessor, test: Samples) -> list[Proportion]:
    """Accuracy of every candidate on all utterances of ``test``.

    The utterances are dealt into :data:`TURNS` parts. Every part is sent with each candidate before the next part
    comes, and each part begins with another candidate: a board that drifts over the measurement, or that is still
    settling at its beginning, does the same to all. (Measured one after another, two equal networks differed by half
    a point on all boards.)
    """
    right = np.zeros(len(candidates), np.int64)
    for turn in range(TURNS):
        part = slice(turn, None, TURNS)
        first = turn * len(candidates) // TURNS
        for index in (*range(first, len(candidates)), *range(first)):
            item = candidates[index]
            decisions = decide(item.network, board, test.activations[part], item.orders)
            right[index] += int(np.sum(decisions == test.labels[part]))
    return [proportion(int(count), len(test)) for count in right]
