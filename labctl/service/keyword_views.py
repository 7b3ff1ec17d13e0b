"""From what a live session says to what is drawn of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.values import Geometry
from labctl.comparison import BOARD
from labctl.live.results import Answer, Spotted
from labctl.live.tally import Tally
from labctl.service.messages_keyword import (
    AnswerView,
    CountView,
    DecisionView,
    LayerView,
    TallyTold,
    UtteranceSpotted,
)
from models.network import Layer

PIECES: Final = 400
"""Pieces of a waveform that are drawn."""
POINTS: Final = 2000
"""Points of a layer that are drawn at most, spread evenly over all."""


def utterance_view(spotted: Spotted, geometry: Geometry) -> UtteranceSpotted:
    """One utterance as it is drawn."""
    clip = spotted.clip
    low, high = envelope(clip.wave, PIECES)
    latency = spotted.latency
    return UtteranceSpotted(
        number=spotted.number,
        said=clip.said,
        truth=clip.truth,
        name=clip.name,
        low=low,
        high=high,
        features=spotted.features,
        answers=tuple(_answer_view(answer, geometry) for answer in spotted.answers),
        array_s=latency.array_s,
        board_s=latency.board_s,
        total_s=latency.total_s,
    )


def tally_view(tally: Tally, total: int, labels: dict[str, tuple[str, ...]], files: tuple[str, ...]) -> TallyTold:
    """The running count as it is drawn."""
    counts = {
        network: {target: CountView(item.accuracy, item.agreement, item.confusion) for target, item in targets.items()}
        for network, targets in tally.counts().items()
    }
    latency = tally.latency()
    return TallyTold(tally.utterances, total, labels, counts, latency.array_s, latency.board_s, latency.total_s, files)


def envelope(wave: NDArray[np.int16], pieces: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Smallest and largest sample of each piece of a waveform, within -1..1, shape (pieces,) each."""
    cut = wave[: len(wave) // pieces * pieces].reshape(pieces, -1).astype(np.float32) / 32768
    return cut.min(axis=1), cut.max(axis=1)


def in_words(layer: Layer) -> str:
    """How the vectors of a layer are sent."""
    schedule = layer.schedule
    order = "rows in ascending order" if schedule.order is None else "rows in an order of their own"
    zeros = "zeros take no slot" if schedule.skip_zeros else "zeros take a slot"
    sends = "once" if schedule.sends == 1 else f"{schedule.sends} times"
    return f"{order}, {schedule.spacing_ns} ns apart, sent {sends}, {zeros}"


def _answer_view(answer: Answer, geometry: Geometry) -> AnswerView:
    decisions = {
        target: DecisionView(item.word, item.margin, item.right, item.scores)
        for target, item in answer.decisions.items()
    }
    layers = tuple(_layer_view(answer, index, geometry) for index in range(len(answer.network.layers)))
    return AnswerView(answer.name, answer.arm, answer.network.labels, decisions, layers)


def _layer_view(answer: Answer, index: int, geometry: Geometry) -> LayerView:
    layer = answer.network.layers[index]
    measured = answer.traces[BOARD].layers[index].block_outputs[0].reshape(-1)
    pick = np.unique(np.linspace(0, len(measured) - 1, POINTS).astype(int))
    rows, sent, starts = _events(layer, answer.sent[index], geometry)
    return LayerView(
        measured=measured[pick],
        expected={name: item.reshape(-1)[pick].astype(np.float32) for name, item in answer.expected[index].items()},
        rows=rows,
        sent=sent,
        starts=starts,
        schedule=in_words(layer),
    )


def _events(
    layer: Layer, codes: NDArray[np.uint8], geometry: Geometry
) -> tuple[NDArray[Any], NDArray[Any], tuple[int, ...]]:
    """Rows in the order of their events and what each sends, block after block; and where the blocks begin."""
    order = layer.schedule.order_array(geometry.rows)
    rows, sent, starts = [], [], []
    count = 0
    for block in range(layer.blocks):
        vector = layer.vectors(codes[np.newaxis], block, geometry)[0][order]
        slots = np.flatnonzero(vector) if layer.schedule.skip_zeros else np.arange(len(vector))
        rows.append(order[slots])
        sent.append(vector[slots])
        starts.append(count)
        count += len(slots)
    return np.concatenate(rows), np.concatenate(sent), tuple(starts)
