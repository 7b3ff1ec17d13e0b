"""Compute a point of the ordering study."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from data.speech import LABELS
from labctl.bench import Bench, BenchConfig, BoardConfig, EmulatorConfig, ScheduleConfig, open_bench
from labctl.learning import prepare_speech
from labctl.measuring import calibrate
from labctl.residuals import ProbeSize, measure_residuals
from labctl.statistics import Proportion, accuracy
from labctl.studies.ordering.judging import Candidate, judge_by_turns
from labctl.studies.ordering.orders import ASCENDING, RULES, ruled_orders
from labctl.studies.ordering.search import Found, search_orders
from labctl.studies.ordering.storage import (
    Speech,
    load_calibration,
    load_float,
    load_speech,
    save_float,
    save_speech,
)
from labctl.studies.ordering.training import Amount, Trainer
from labctl.studies.points import Point, Row
from models.floatnet import FloatOptions, train_float
from models.network import IntegerNetwork, run
from models.networkfile import load_network, save_network
from models.samples import Samples

SEARCHED_ARMS = ("unordered", "ordered")
"""Arms whose networks are run in other event orders: one that knows nothing of order, one that was trained in one."""

OPTIMISED = "optimised"

PROBED_FROM = 256
"""Test utterances of which some are sent again and again for the non-associativity."""

Needs = Mapping[str, Path]


def compute(point: Point, place: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one point; see :class:`labctl.studies.points.Compute`.

    Raises:
        BadInput: a kind of point that this study does not have, or what the point's work raises.
        LinkError: the link to the emulated board failed.
    """
    known: dict[str, Callable[[Mapping[str, Any], Path, Needs], Iterable[Row]]] = {
        "speech": _speech,
        "float": _float,
        "calibration": _calibration,
        "training": _training,
        "judging": _judging,
    }
    kind = point.settings["kind"]
    if kind not in known:
        raise BadInput(f"the ordering study has no points of kind {kind}")
    return known[kind](point.settings, place, needs)


def _speech(settings: Mapping[str, Any], place: Path, _: Needs) -> Iterable[Row]:
    speech = prepare_speech(size=settings["size"])
    training, wanted = speech.task.training, settings["utterances"]
    if 0 < wanted < len(training):
        pick = np.random.default_rng(0).permutation(len(training))[:wanted]
        training = Samples(training.activations[pick], training.labels[pick])
    test = Samples(speech.encoding.encode(speech.test.features), speech.test.labels)
    save_speech(Speech(speech.encoding, training, speech.task.validation, test), place)
    sizes = {"training": len(training), "validation": len(speech.task.validation), "test": len(test)}
    return [{"quantity": f"{name} utterances", "value": float(count)} for name, count in sizes.items()]


def _float(settings: Mapping[str, Any], place: Path, needs: Needs) -> Iterable[Row]:
    speech = load_speech(needs[settings["speech"]])
    options = FloatOptions(seed=settings["seed"], epochs=settings["epochs"])
    network = train_float(speech.training, len(LABELS), options, augment=speech.task().augment)
    save_float(network, place)
    found = accuracy(network.sums(speech.test.activations)[-1].argmax(axis=1), speech.test.labels)
    row = {"seed": settings["seed"], "arm": "float", "quantity": "accuracy"}
    return [{**row, "value": found.value, "count": found.count}]


def _calibration(settings: Mapping[str, Any], place: Path, _: Needs) -> Iterable[Row]:
    sweeps = place / "sweeps"
    with _bench(settings, sweeps) as bench:
        record = calibrate(bench, folder=place, seed=settings["seed"])
    shutil.rmtree(sweeps)
    found = {
        "ordered residual over noise": record.ordered_score.median,
        "unordered residual over noise": record.unordered_score.median,
        "columns that pass": float(record.passes.sum()),
        "order terms": float(len(record.ordered.terms)),
    }
    return [{**_names(settings), "quantity": name, "value": value} for name, value in found.items()]


def _training(settings: Mapping[str, Any], place: Path, needs: Needs) -> Iterable[Row]:
    speech, start = load_speech(needs[settings["speech"]]), load_float(needs[settings["float"]])
    record = load_calibration(needs[settings["calibration"]])
    amount = Amount(settings["seed"], settings["epochs"], settings["board_epochs"], settings["board_utterances"])
    with _bench(settings, place) as bench:
        networks = Trainer(start, speech.task(), record, bench.board, amount).arms(settings["arms"])
    for arm, trained in networks.items():
        kept = replace(trained, network=replace(trained.network, encoding=speech.encoding.arrays()))
        save_network(kept, place / f"{arm}.safetensors")
    names = {**_names(settings), "seed": settings["seed"], "quantity": "validation accuracy in training"}
    return [{**names, "arm": arm, "value": trained.validation_accuracy} for arm, trained in networks.items()]


def _judging(settings: Mapping[str, Any], place: Path, needs: Needs) -> Iterable[Row]:
    speech = load_speech(needs[settings["speech"]])
    ordered = load_calibration(needs[settings["calibration"]]).ordered
    folder = needs[settings["training"]]
    networks = {arm: load_network(folder / f"{arm}.safetensors").network for arm in settings["arms"]}
    few = speech.training.spread(settings["searched"])
    found = {
        arm: search_orders(networks[arm], ordered, few, tries=settings["tries"], seed=settings["seed"])
        for arm in SEARCHED_ARMS
    }
    candidates = [Candidate(arm, ASCENDING, net, ruled_orders(net, ASCENDING)) for arm, net in networks.items()]
    for arm, search in found.items():
        rules = [rule for rule in RULES if rule != ASCENDING]
        candidates += [Candidate(arm, rule, networks[arm], ruled_orders(networks[arm], rule)) for rule in rules]
        candidates.append(Candidate(arm, OPTIMISED, networks[arm], search.orders))
    names = {**_names(settings), "seed": settings["seed"]}
    with _bench(settings, place) as bench:
        right = judge_by_turns(candidates, bench.board, speech.test)
        rows = [*_accuracies(candidates, right), *_losses(found)]
        for arm, network in networks.items():
            rows += [{"arm": arm, **row} for row in _probe(network, bench, speech, settings)]
    return [{**names, **row} for row in rows]


def _accuracies(candidates: Sequence[Candidate], right: Sequence[Proportion]) -> Iterator[Row]:
    """Accuracy on the board in every order; that in the order trained in is an arm's accuracy."""
    for candidate, found in zip(candidates, right, strict=True):
        row: Row = {"arm": candidate.arm, "value": found.value, "count": found.count}
        if candidate.order == ASCENDING:
            yield {**row, "quantity": "accuracy"}
        if candidate.arm in SEARCHED_ARMS:
            yield {**row, "order": candidate.order, "quantity": "accuracy in order"}


def _losses(found: Mapping[str, Found]) -> Iterator[Row]:
    """What the search saw."""
    for arm, search in found.items():
        for order, loss in {**search.ruled, OPTIMISED: search.loss}.items():
            yield {"arm": arm, "order": order, "quantity": "training loss on the ordered model", "value": loss}


def _probe(network: IntegerNetwork, bench: Bench, speech: Speech, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Non-associativity of each layer."""
    some = speech.test.spread(PROBED_FROM).activations
    trace = run(network, bench.board, some)
    size = ProbeSize(utterances=settings["probed"])
    for layer in measure_residuals(network, bench.board, {}, some, trace, size, settings["seed"]):
        yield {"quantity": "non-associativity", "layer": layer.layer, "value": layer.non_associativity}


def _names(settings: Mapping[str, Any]) -> dict[str, str | int]:
    return {"condition": settings["condition"]["name"], "board": settings["board"]}


@contextmanager
def _bench(settings: Mapping[str, Any], runs: Path) -> Iterator[Bench]:
    """A bench with an emulated board of its own, at the end of a TCP connection."""
    condition = settings["condition"]
    physics = (f"geometry={settings['geometry']}", *condition["physics"])
    config = BenchConfig(
        name=condition["name"],
        runs=runs,
        board=BoardConfig(emulator=EmulatorConfig(seed=settings["board"], link="tcp", physics=physics)),
        schedule=ScheduleConfig(spacing_ns=condition["spacing_ns"], sends=condition["sends"]),
    )
    with open_bench(config) as bench:
        yield bench
