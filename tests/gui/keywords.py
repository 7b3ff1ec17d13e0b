"""Messages of a live session, for tests that draw them."""

from __future__ import annotations

import numpy as np

from labctl.service.messages_keyword import (
    AnswerView,
    CountView,
    DecisionView,
    LayerView,
    SpottingBegan,
    TallyTold,
    UtteranceSpotted,
)
from labctl.statistics import proportion

LABELS = ("yes", "no", "unknown", "silence")
TARGETS = ("board", "ordered", "unordered", "ideal")
NETWORK = "one.safetensors"


def began(*networks: str) -> SpottingBegan:
    """A session of some networks on all targets."""
    names = networks or (NETWORK,)
    return SpottingBegan(tuple((name, "ordered") for name in names), TARGETS, "noises", 40, True)


def utterance(number: int, *networks: str) -> UtteranceSpotted:
    """The board and the ordered model are right, the others wrong."""
    wave = np.sin(np.linspace(0, 40, 400)).astype(np.float32)
    features = np.random.default_rng(number).normal(0, 1, (49, 10)).astype(np.float32)
    answers = tuple(_answer(number, name) for name in networks or (NETWORK,))
    return UtteranceSpotted(
        number, "yes", "yes", f"voice {number}", -abs(wave), abs(wave), features, answers, 2e-4, 0.015, 0.03
    )


def tally(count: int) -> TallyTold:
    """As many utterances, all right on the board."""
    matrix = np.diag([count, 0, 0, 0])
    counts = {name: CountView(proportion(count, count), proportion(count, count), matrix) for name in TARGETS}
    return TallyTold(count, 40, {NETWORK: LABELS}, {NETWORK: counts}, 2e-4, 0.015, 0.03)


def _answer(number: int, network: str) -> AnswerView:
    rng = np.random.default_rng(number)
    scores = {name: rng.dirichlet(np.ones(4)).astype(np.float32) for name in TARGETS}
    decisions = {
        name: DecisionView("yes" if index < 2 else "no", 1.5, index < 2, scores[name])
        for index, name in enumerate(TARGETS)
    }
    measured = rng.integers(-60, 60, 300).astype(np.int16)
    expected = {name: (measured + rng.normal(0, 1, 300)).astype(np.float32) for name in TARGETS[1:]}
    layer = LayerView(
        measured, expected, np.arange(9, dtype=np.uint16), np.arange(1, 10, dtype=np.uint8), (0, 4), "rows ascending"
    )
    return AnswerView(network, "ordered", LABELS, decisions, (layer, layer))
