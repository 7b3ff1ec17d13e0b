"""Compute a point of the ordering study."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput
from data.speech import LABELS
from labctl.learning import prepare_speech
from labctl.measuring import calibrate
from labctl.statistics import accuracy
from labctl.studies.ordering.benches import TRAINING, draw_noise_afresh, open_study_bench
from labctl.studies.ordering.cells import board_names, judge_cell
from labctl.studies.ordering.orders import FIXED
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
from models.networkfile import save_network
from models.samples import Samples

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
        "judging": judge_cell,
    }
    kind = point.settings["kind"]
    if kind not in known:
        raise BadInput(f"the ordering study has no points of kind {kind}")
    return known[kind](point.settings, place, needs)


def _speech(settings: Mapping[str, Any], place: Path, _: Needs) -> Iterable[Row]:
    speech = prepare_speech(size=settings["size"])
    test = Samples(speech.encoding.encode(speech.test.features), speech.test.labels)
    save_speech(Speech(speech.encoding, speech.task.training, speech.task.validation, test), place)
    sizes = {"training": len(speech.task.training), "validation": len(speech.task.validation), "test": len(test)}
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
    with open_study_bench(settings, sweeps) as bench:
        record = calibrate(bench, folder=place, seed=settings["seed"])
    shutil.rmtree(sweeps)
    found = {
        "ordered residual over noise": record.ordered_score.median,
        "unordered residual over noise": record.unordered_score.median,
        "columns that pass": float(record.passes.sum()),
        "order terms": float(len(record.ordered.terms)),
        "row gains of the ordered model, last over first": _slope(record.ordered.row_gain),
        "row gains of the unordered model, last over first": _slope(record.unordered.row_gain),
    }
    return [{**board_names(settings), "quantity": name, "value": value} for name, value in found.items()]


def _slope(row_gain: NDArray[np.float64]) -> float:
    """The gain of the last row over that of the first, on the line through the logarithms of all."""
    rows = np.arange(len(row_gain))
    per_row = np.polyfit(rows, np.log(np.maximum(row_gain, 1e-3)), 1)[0]
    return float(np.exp(per_row * rows[-1]))


def _training(settings: Mapping[str, Any], place: Path, needs: Needs) -> Iterable[Row]:
    speech, start = load_speech(needs[settings["speech"]]), load_float(needs[settings["float"]])
    record = load_calibration(needs[settings["calibration"]])
    seed, order = settings["seed"], settings["condition"]["order"]
    epochs, utterances = settings["epochs"], settings["utterances"]
    amount = Amount(seed, epochs, utterances, settings["board_epochs"], settings["board_utterances"])
    with open_study_bench(settings, place) as bench:
        schedule = record.schedule.with_order(FIXED[order](bench.board.geometry.rows))
        with bench.lend(f"train with rows {order}", kind="training") as board:
            draw_noise_afresh(board, bench.schedule, seed, TRAINING)
            networks = Trainer(start, speech.task(), record, schedule, board, amount).arms(settings["arms"])
    for arm, trained in networks.items():
        kept = replace(trained, network=replace(trained.network, encoding=speech.encoding.arrays()))
        save_network(kept, place / f"{arm}.safetensors")
    names = {**board_names(settings), "seed": seed, "quantity": "validation accuracy in training"}
    return [{**names, "arm": arm, "value": trained.validation_accuracy} for arm, trained in networks.items()]
