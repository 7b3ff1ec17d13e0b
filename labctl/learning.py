"""Keyword spotting: utterances made ready, the float network, and the four arms trained from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.encoding import Encoding
from data.errors import BadInput
from data.features import mfcc
from data.metadata import new_run_id
from data.speech import LABELS, Size, SpeechSet, SpeechSplit, load_speech
from data.speech.augment import ActivationAugment, augmented_features
from data.values import Schedule
from labctl.progress import Listener, Stop, never, part, silent
from models.arms import Arm, Epoch, TrainedNetwork, TrainingOptions
from models.chip import ideal_counterpart
from models.floatnet import FloatNetwork, FloatOptions, train_float
from models.network import IntegerNetwork, place
from models.networkfile import save_network
from models.samples import Samples
from models.training import Task, start_network, train

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from data.processor import AnalogProcessor
    from models.parameters import ChipParameters

COPIES = 1
"""Changed copies of every training clip, beside the clip itself."""


Told = Callable[[str, Epoch], None]
"""Called with the arm and one epoch of its training."""


def untold(arm: str, epoch: Epoch) -> None:
    """Hear of an epoch and do nothing."""


@dataclass(frozen=True)
class TestUtterances:
    """Utterances of voices that no network was trained on.

    Attributes:
        features: shape (utterances, frames, coefficients).
        labels: true classes, shape (utterances,).
        source: where they come from, in words.
    """

    __test__ = False

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    source: str

    def encoded_for(self, network: IntegerNetwork) -> Samples:
        """The utterances as this network's own encoding has them.

        Raises:
            BadInput: the network carries no encoding, or one of other features.
        """
        if not network.encoding:
            raise BadInput("the network file carries no encoding of features, so it cannot be given utterances")
        return Samples(Encoding.from_arrays(network.encoding).encode(self.features), self.labels)


@dataclass(frozen=True)
class SpeechTask:
    """A corpus made ready for training.

    Attributes:
        encoding: features to activations, fitted on the training voices.
        task: training and validation utterances.
        test: utterances of unseen voices.
        other_synthesizer: utterances from a synthesizer that made nothing else here; None where there is none.
        source: where the utterances come from, in words.
        digest: names the content of the corpus.
    """

    encoding: Encoding
    task: Task
    test: TestUtterances
    other_synthesizer: TestUtterances | None
    source: str
    digest: str


@dataclass(frozen=True)
class Trained:
    """A trained network and its file."""

    path: Path
    trained: TrainedNetwork

    @property
    def arm(self) -> str:
        """What it was trained on."""
        return str(self.trained.arm)


def prepare_speech(
    source: Path | None = None, *, size: Size = "full", seed: int = 0, listener: Listener = silent
) -> SpeechTask:
    """Load or synthesise a corpus and turn it into activations.

    Args:
        source: Speech Commands folder; None for synthetic words.
        size: how many utterances.
        seed: of the corpus and of the changed copies.
        listener: hears of progress.

    Raises:
        BadInput: the folder cannot be used.
    """
    corpus = load_speech(source, size=size, seed=seed, progress=part(listener, 0.0, 0.6, "speech: "))
    heard = part(listener, 0.6, 0.95)
    features, labels = augmented_features(
        corpus.train,
        corpus.backgrounds,
        copies=COPIES,
        seed=seed,
        progress=lambda share: heard(share, "features"),
    )
    encoding = Encoding.fit(features)
    task = Task(
        training=Samples(encoding.encode(features), labels),
        validation=_samples(corpus.validation, encoding),
        labels=LABELS,
        augment=ActivationAugment(encoding),
    )
    return SpeechTask(
        encoding=encoding,
        task=task,
        test=_utterances(corpus.test, corpus),
        other_synthesizer=None if corpus.other_synthesizer is None else _utterances(corpus.other_synthesizer, corpus),
        source=corpus.source,
        digest=corpus.digest,
    )


def prepare_test(
    source: Path | None = None, *, size: Size = "full", seed: int = 0, listener: Listener = silent
) -> TestUtterances:
    """Only the test voices of a corpus, for networks that are trained already."""
    corpus = load_speech(source, size=size, seed=seed, progress=part(listener, 0.0, 1.0, "speech: "))
    return _utterances(corpus.test, corpus)


def train_float_network(speech: SpeechTask, *, seed: int = 0, listener: Listener = silent) -> FloatNetwork:
    """The float network from which every arm starts."""
    options = FloatOptions(seed=seed)
    return train_float(speech.task.training, len(LABELS), options, augment=speech.task.augment, progress=listener)


def choose_arms(names: Iterable[str] | None = None) -> list[Arm]:
    """The arms of these names in the order of training, all without any; the board arm brings the ordered one along.

    Raises:
        BadInput: an unknown name.
    """
    known = [str(arm) for arm in Arm]
    wanted = list(names or known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BadInput(f"there is no arm {', '.join(unknown)}; the arms are {', '.join(known)}")
    if Arm.BOARD in wanted:
        wanted.append(Arm.ORDERED)
    return [arm for arm in Arm if arm in wanted]


def usable_columns(record: CalibrationRecord, outputs: int = max(FloatOptions().hidden)) -> NDArray[np.intp]:
    """The columns that carry a network whose widest layer has ``outputs`` outputs.

    Raises:
        BadInput: too few columns pass.
    """
    return place(record.passes, outputs)


def train_arms(
    arms: Iterable[str],
    speech: SpeechTask,
    record: CalibrationRecord,
    *,
    folder: Path,
    board: AnalogProcessor | None = None,
    start: FloatNetwork | None = None,
    schedule: Schedule | None = None,
    seed: int = 0,
    epochs: int | None = None,
    listener: Listener = silent,
    stop: Stop = never,
    told: Told = untold,
) -> tuple[Trained, ...]:
    """Train a network in several arms and write a file for each.

    Args:
        arms: ``ideal``, ``unordered``, ``ordered``, ``board``; the board arm starts from the ordered one, which is
            trained (and returned) too.
        speech: the utterances.
        record: calibration of the board: chip models and the columns that pass.
        folder: where the files go.
        board: the board; needed for the board arm.
        start: the float network; None trains it first.
        schedule: how vectors are sent; None for the calibration's working schedule.
        seed: of batches, augmentation and noise.
        epochs: passes over the training utterances; None for the default.
        listener: hears of progress.
        stop: asked between steps.
        told: gets every epoch of an arm when it is over, and the arm.

    Raises:
        BadInput: an unknown arm, no board for the board arm, or too few columns that pass.
        Cancelled: ``stop`` said so; the arms that were finished are kept.
    """
    wanted = choose_arms(arms)
    if Arm.BOARD in wanted:
        if board is None:
            raise BadInput("the board arm trains on a board; open a bench and give its board")
        record.check_identity(board.identity)
    options = replace(TrainingOptions(seed=seed), **({} if epochs is None else {"epochs": epochs}))
    steps = len(wanted) + (start is None)
    if start is None:
        usable_columns(record)
        start = train_float_network(speech, seed=seed, listener=part(listener, 0.0, 1 / steps))
    finished: dict[Arm, Trained] = {}
    for index, arm in enumerate(wanted, start=steps - len(wanted)):
        parameters = _chip(arm, record)
        if arm is Arm.BOARD:
            begin = finished[Arm.ORDERED].trained.network
        else:
            columns = usable_columns(record, max(weights.shape[1] for weights in start.weights))
            begin = start_network(start, speech.task, parameters, schedule or record.schedule, columns)
        trained = train(
            arm,
            begin,
            speech.task,
            parameters,
            options,
            processor=board if arm is Arm.BOARD else None,
            provenance=_provenance(speech, record, start),
            progress=part(listener, index / steps, (index + 1) / steps),
            should_stop=stop,
            told=partial(told, str(arm)),
        )
        finished[arm] = _keep(trained, speech, folder)
    return tuple(finished.values())


def _keep(trained: TrainedNetwork, speech: SpeechTask, folder: Path) -> Trained:
    """Write a network with the encoding of its inputs."""
    kept = replace(trained, network=replace(trained.network, encoding=speech.encoding.arrays()))
    return Trained(save_network(kept, folder / f"{new_run_id()}-{kept.arm}.safetensors"), kept)


def _chip(arm: Arm, record: CalibrationRecord) -> ChipParameters:
    if arm is Arm.IDEAL:
        return ideal_counterpart(record.unordered)
    return record.unordered if arm is Arm.UNORDERED else record.ordered


def _provenance(speech: SpeechTask, record: CalibrationRecord, start: FloatNetwork) -> dict[str, str]:
    return {
        "calibration_id": record.calibration_id,
        "calibration_hash": record.content_hash,
        "board": str(record.identity),
        "speech": speech.source,
        "speech_digest": speech.digest,
        "float_validation_accuracy": f"{start.accuracy(speech.task.validation):.4f}",
    }


def _samples(split: SpeechSplit, encoding: Encoding) -> Samples:
    return Samples(encoding.encode(mfcc(split.waves)), split.labels)


def _utterances(split: SpeechSplit, corpus: SpeechSet) -> TestUtterances:
    return TestUtterances(mfcc(split.waves), split.labels, corpus.source)
