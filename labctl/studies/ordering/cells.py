"""Judge a cell of the study: the networks of one board and training seed, in every event order, on the board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.record import CalibrationRecord
from data.processor import AnalogProcessor
from labctl.residuals import ProbeSize, measure_residuals
from labctl.statistics import Proportion
from labctl.studies.ordering.benches import JUDGING, draw_noise_afresh, open_study_bench
from labctl.studies.ordering.judging import Candidate, judge_by_turns
from labctl.studies.ordering.names import ASCENDING, DESCENDING, MODELS, OPTIMISED, SEARCHED_ARMS
from labctl.studies.ordering.orders import RULES, decide, ruled_orders
from labctl.studies.ordering.search import Found, search_orders
from labctl.studies.ordering.storage import Speech, load_calibration, load_speech
from labctl.studies.points import Row
from models.chip import ChipModel
from models.network import IntegerNetwork, run
from models.networkfile import load_network
from models.samples import Samples

PROBED_FROM = 256
"""Test utterances of which some are sent again and again for the non-associativity."""


def judge_cell(settings: Mapping[str, Any], place: Path, needs: Mapping[str, Path]) -> Iterable[Row]:
    """Rows of a judging point: accuracies in every order, what models and search said, non-associativity.

    Raises:
        LinkError: the link to the emulated board failed.
    """
    speech = load_speech(needs[settings["speech"]])
    record = load_calibration(needs[settings["calibration"]])
    folder = needs[settings["training"]]
    networks = {arm: load_network(folder / f"{arm}.safetensors").network for arm in settings["arms"]}
    few = speech.training.spread(settings["searched"])
    found = {
        arm: search_orders(networks[arm], record.ordered, few, tries=settings["tries"], seed=settings["seed"])
        for arm in SEARCHED_ARMS
    }
    candidates = list(_candidates(networks, found))
    names = {**board_names(settings), "seed": settings["seed"]}
    with open_study_bench(settings, place) as bench, bench.lend("judge networks in every order") as board:
        draw_noise_afresh(board, bench.schedule, settings["seed"], JUDGING)
        right = judge_by_turns(candidates, board, speech.test)
        rows = [*_accuracies(candidates, right, settings["condition"]["order"]), *_losses(found)]
        for arm, network in networks.items():
            rows += [{"arm": arm, **row} for row in _probe(network, board, speech, settings)]
    rows += _predictions(candidates, record, speech.test, settings["seed"])
    return [{**names, **row} for row in rows]


def board_names(settings: Mapping[str, Any]) -> dict[str, str | int]:
    """The columns that say which board a row is about."""
    return {"condition": settings["condition"]["name"], "board": settings["board"]}


def _candidates(networks: Mapping[str, IntegerNetwork], found: Mapping[str, Found]) -> Iterator[Candidate]:
    """Every network in both fixed orders, those of some arms in all others too."""
    for arm, network in networks.items():
        rules = RULES if arm in found else (ASCENDING, DESCENDING)
        for rule in rules:
            yield Candidate(arm, rule, network, ruled_orders(network, rule))
        if arm in found:
            yield Candidate(arm, OPTIMISED, network, found[arm].orders)


def _accuracies(candidates: Sequence[Candidate], right: Sequence[Proportion], trained: str) -> Iterator[Row]:
    """Accuracy on the board in every order; that in the order trained in is an arm's accuracy."""
    for candidate, found in zip(candidates, right, strict=True):
        row: Row = {"arm": candidate.arm, "order": candidate.order, "value": found.value, "count": found.count}
        if candidate.order == trained:
            yield {**row, "quantity": "accuracy"}
        yield {**row, "quantity": "accuracy in order"}


def _losses(found: Mapping[str, Found]) -> Iterator[Row]:
    """What the search saw."""
    for arm, search in found.items():
        for order, loss in {**search.ruled, OPTIMISED: search.loss}.items():
            yield {"arm": arm, "order": order, "quantity": "training loss on the ordered model", "value": loss}


def _predictions(candidates: Sequence[Candidate], record: CalibrationRecord, test: Samples, seed: int) -> Iterator[Row]:
    """Accuracy in every order as the board's chip models have it."""
    for name, parameters in zip(MODELS, (record.ordered, record.unordered), strict=True):
        for item in candidates:
            if item.arm in SEARCHED_ARMS:
                decisions = decide(item.network, ChipModel(parameters, seed=seed), test.activations, item.orders)
                value = float(np.mean(decisions == test.labels))
                row: Row = {"arm": item.arm, "order": item.order, "quantity": f"accuracy in order, {name} model"}
                yield {**row, "value": value, "count": len(test)}


def _probe(
    network: IntegerNetwork, board: AnalogProcessor, speech: Speech, settings: Mapping[str, Any]
) -> Iterator[Row]:
    """Non-associativity of each layer."""
    some = speech.test.spread(PROBED_FROM).activations
    trace = run(network, board, some)
    size = ProbeSize(utterances=settings["probed"])
    for layer in measure_residuals(network, board, {}, some, trace, size, settings["seed"]):
        yield {"quantity": "non-associativity", "layer": layer.layer, "value": layer.non_associativity}
