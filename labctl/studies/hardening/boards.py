"""Perceptrons for keywords hardened for emulated boards, with the noise that calibrations measured, and judged there.

======================  =============================================================================================
arm                     training on the ordered model of the board, from the same float network
======================  =============================================================================================
``converted``           none
``plain``               without trial noise
``noisy``               with the measured trial noise
``vant``                every utterance meets ``(ALPHA + THETA |z|)`` times the measured noise
``constant``            without trial noise, with steps of the hidden activations 2, 4, ... times as large as the data
                        ask for: the board's own form of a constant scale, as its activations are sums divided by a
                        power of two
======================  =============================================================================================

All of them know the board's columns, its order effects and its whole numbers; they differ in the noise alone. A learned
scale has no form of its own there: the step that the data ask for is what ``plain`` has.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from calibration.record import CalibrationRecord
from data.speech import LABELS
from drivers.emulator.strengths import parse_strengths
from labctl.learning import prepare_speech
from labctl.measuring import calibrate
from labctl.statistics import Proportion
from labctl.studies.hardening.names import (
    ALPHA,
    CONSTANT,
    CONVERTED,
    ELSEWHERE,
    NOISY,
    ON_BOARD,
    ON_MODEL,
    PLAIN,
    THETA,
    VANT,
)
from labctl.studies.ordering.benches import JUDGING, draw_noise_afresh, open_study_bench
from labctl.studies.ordering.judging import Candidate, judge_by_turns
from labctl.studies.ordering.names import ASCENDING
from labctl.studies.ordering.orders import ruled_orders
from labctl.studies.ordering.storage import (
    Speech,
    load_calibration,
    load_float,
    load_speech,
    save_float,
    save_speech,
)
from labctl.studies.points import Row
from models.arms import Arm, TrainingOptions
from models.chip import ChipModel
from models.floatnet import FloatNetwork, FloatOptions, train_float
from models.network import IntegerNetwork, place, run
from models.samples import Samples
from models.training import start_network, train

Settings = Mapping[str, Any]
Needs = Mapping[str, Path]

BATCH = 64
"""Utterances in a training step, as in the study of order."""
NOISES = {PLAIN: (0.0, 0.0), NOISY: (1.0, 0.0), VANT: (ALPHA, THETA), CONSTANT: (0.0, 0.0)}
"""Trial noise in training over the measured one, and its spread from utterance to utterance."""


def prepare(settings: Settings, folder: Path, _: Needs) -> Iterable[Row]:
    """Utterances as activations, for every board."""
    speech = prepare_speech(size=settings["size"])
    test = Samples(speech.encoding.encode(speech.test.features), speech.test.labels)
    save_speech(Speech(speech.encoding, speech.task.training, speech.task.validation, test), folder)
    return [{"quantity": "test utterances", "value": float(len(test))}]


def train_start(settings: Settings, folder: Path, needs: Needs) -> Iterable[Row]:
    """The float network where all arms of a seed start."""
    speech = load_speech(needs[settings["speech"]])
    options = FloatOptions(seed=settings["seed"], epochs=settings["epochs"], hidden=tuple(settings["hidden"]))
    network = train_float(speech.training, len(LABELS), options, augment=speech.task().augment)
    save_float(network, folder)
    value = network.accuracy(speech.test)
    return [{"quantity": "float accuracy", "seed": settings["seed"], "value": value, "count": len(speech.test)}]


def calibrate_board(settings: Settings, folder: Path, _: Needs) -> Iterable[Row]:
    """Measure a board and keep its record."""
    sweeps = folder / "sweeps"
    with open_study_bench(settings, sweeps) as bench:
        record = calibrate(bench, folder=folder, seed=settings["seed"])
    shutil.rmtree(sweeps)
    found = {
        "trial noise": float(np.median(record.ordered.noise[record.passes])),
        "ordered residual over noise": record.ordered_score.median,
        "columns that pass": float(record.passes.sum()),
    }
    return [{**_names(settings), "quantity": name, "value": value} for name, value in found.items()]


def harden(settings: Settings, folder: Path, needs: Needs) -> Iterable[Row]:
    """Rows of one board and training seed: every arm on the ordered model, on the board, and with other noise there.

    Raises:
        LinkError: the link to the emulated board failed.
    """
    speech, start = load_speech(needs[settings["speech"]]), load_float(needs[settings["float"]])
    record = load_calibration(needs[settings["calibration"]])
    hardened = list(_hardened(settings, speech, start, record))
    candidates = [
        Candidate(arm, ASCENDING, network, ruled_orders(network, ASCENDING)) for arm, _, network, _ in hardened
    ]
    for (arm, coarser, _, validation), found in zip(
        hardened, _judge(settings, folder, candidates, speech), strict=True
    ):
        names = {**_names(settings), "seed": settings["seed"], "arm": arm, "coarser": coarser}
        yield {**names, "quantity": ON_MODEL, "value": validation, "count": len(speech.validation)}
        yield {**names, "quantity": ON_BOARD, "value": found.value, "count": found.count}
    for noise in other_noises(settings):
        rights = _judge(with_noise(settings, noise), folder, candidates, speech)
        for (arm, coarser, _, _), found in zip(hardened, rights, strict=True):
            names = {**_names(settings), "seed": settings["seed"], "arm": arm, "coarser": coarser}
            yield {**names, "quantity": ELSEWHERE, "board_noise": noise, "value": found.value, "count": found.count}


def other_noises(settings: Settings) -> list[float]:
    """Noises of a point that are not the one its board was calibrated with."""
    own = parse_strengths(settings["condition"]["physics"]).noise
    return [noise for noise in settings["noises"] if noise != own]


def with_noise(settings: Settings, noise: float) -> Settings:
    """The same chip with another trial noise: nothing else of a chip depends on it."""
    condition = settings["condition"]
    return {**settings, "condition": {**condition, "physics": (*condition["physics"], f"noise={noise}")}}


def _judge(settings: Settings, folder: Path, candidates: Sequence[Candidate], speech: Speech) -> list[Proportion]:
    """Accuracy of every network on the point's board, fresh from its start."""
    with open_study_bench(settings, folder) as bench, bench.lend("judge hardened networks", kind="judging") as board:
        draw_noise_afresh(board, bench.schedule, settings["seed"], JUDGING)
        return judge_by_turns(candidates, board, speech.test)


def _hardened(
    settings: Settings, speech: Speech, start: FloatNetwork, record: CalibrationRecord
) -> Iterator[tuple[str, int, IntegerNetwork, float]]:
    """Arm, powers of 2 by which its steps are larger, network, and validation accuracy on the ordered model."""
    task, chip, seed = speech.task(), record.ordered, settings["seed"]
    columns = place(record.passes, max(weights.shape[1] for weights in start.weights))
    begin = start_network(start, task, chip, record.schedule, columns)
    converted = run(begin, ChipModel(chip, seed=seed), speech.validation.activations)
    yield CONVERTED, 0, begin, converted.accuracy(speech.validation.labels)
    usual = TrainingOptions(seed=seed, epochs=settings["epochs"], utterances=settings["utterances"], batch=BATCH)
    for arm, (noise, spread) in NOISES.items():
        for coarser in settings["coarser"] if arm == CONSTANT else (0,):
            options = replace(usual, noise=noise, noise_spread=spread)
            trained = train(Arm.ORDERED, with_coarser_steps(begin, coarser), task, chip, options)
            yield arm, coarser, trained.network, trained.validation_accuracy


def with_coarser_steps(network: IntegerNetwork, powers: int) -> IntegerNetwork:
    """The same weights, with steps of the hidden activations ``2 ** powers`` times as large."""
    *hidden, last = network.layers
    coarse = (replace(layer, shift=layer.shift + powers) for layer in hidden)
    return replace(network, layers=(*coarse, last))


def _names(settings: Settings) -> dict[str, str | int]:
    return {"condition": settings["condition"]["name"], "board": settings["board"]}
