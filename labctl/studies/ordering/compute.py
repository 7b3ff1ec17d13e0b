"""Compute a point of the ordering study."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from labctl.statistics import accuracy
from labctl.studies.ordering.orders import RULES, decide, ruled_orders
from labctl.studies.ordering.search import search_orders
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
from models.arms import TrainedNetwork
from models.floatnet import FloatOptions, train_float
from models.network import run
from models.networkfile import save_network
from models.parameters import ChipParameters
from models.samples import Samples

SEARCHED_ARMS = ("unordered", "ordered")
"""Arms whose networks are run in other event orders: one that knows nothing of order, one that was trained in one."""

OPTIMISED = "optimised"

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
        "cell": _cell,
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


def _cell(settings: Mapping[str, Any], place: Path, needs: Needs) -> Iterable[Row]:
    speech, start = load_speech(needs[settings["speech"]]), load_float(needs[settings["float"]])
    record = load_calibration(needs[settings["calibration"]])
    amount = Amount(settings["seed"], settings["epochs"], settings["board_epochs"], settings["board_utterances"])
    names: Row = {**_names(settings), "seed": settings["seed"]}
    rows: list[Row] = []
    with _bench(settings, place) as bench:
        networks = Trainer(start, speech.task(), record, bench.board, amount).arms(settings["arms"])
        for arm, trained in networks.items():
            kept = replace(trained, network=replace(trained.network, encoding=speech.encoding.arrays()))
            save_network(kept, place / f"{arm}.safetensors")
            rows += [{**names, "arm": arm, **row} for row in _judge(trained, bench, speech, settings)]
        for arm in SEARCHED_ARMS:
            found = _orders(networks[arm], bench, record.ordered, speech, settings)
            rows += [{**names, "arm": arm, **row} for row in found]
    return rows


def _judge(trained: TrainedNetwork, bench: Bench, speech: Speech, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Accuracy on the board, what training believed, and the non-associativity of each layer."""
    test = speech.test
    trace = run(trained.network, bench.board, test.activations)
    found = accuracy(trace.decisions, test.labels)
    yield {"quantity": "accuracy", "value": found.value, "count": found.count}
    yield {"quantity": "validation accuracy in training", "value": trained.validation_accuracy}
    size = ProbeSize(utterances=settings["probed"])
    layers = measure_residuals(trained.network, bench.board, {}, test.activations, trace, size, settings["seed"])
    for layer in layers:
        yield {"quantity": "non-associativity", "layer": layer.layer, "value": layer.non_associativity}


def _orders(
    trained: TrainedNetwork, bench: Bench, ordered: ChipParameters, speech: Speech, settings: Mapping[str, Any]
) -> Iterator[Row]:
    """Accuracy on the board in other event orders; the search sees training utterances only."""
    network = trained.network
    few = speech.training.first(settings["searched"])
    found = search_orders(network, ordered, few, tries=settings["tries"], seed=settings["seed"])
    tried = {rule: ruled_orders(network, rule) for rule in RULES} | {OPTIMISED: found.orders}
    losses = {**found.ruled, OPTIMISED: found.loss}
    for name, orders in tried.items():
        judged = accuracy(decide(network, bench.board, speech.test.activations, orders), speech.test.labels)
        yield {"order": name, "quantity": "accuracy in order", "value": judged.value, "count": judged.count}
        yield {"order": name, "quantity": "training loss on the ordered model", "value": losses[name]}


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
        if condition["shuffled"]:
            order = np.random.default_rng(settings["board"]).permutation(bench.board.geometry.rows)
            bench.schedule = bench.schedule.with_order(order)
        yield bench
