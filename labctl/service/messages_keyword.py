"""What the service tells of live keyword spotting and of networks in training: small arrays, ready to be drawn."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from labctl.service.messages import Message
from labctl.statistics import Proportion


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A network file as a list shows it.

    Attributes:
        path: the file.
        name: of the file.
        arm: what it was trained on.
        accuracy: on the validation voices.
        seed: of the training.
        board: on whose calibration it was trained, as its file says.
        time: when it was written, seconds since the epoch.
    """

    path: str
    name: str
    arm: str
    accuracy: float
    seed: int
    board: str
    time: float


@dataclass(frozen=True, slots=True)
class SpottingBegan(Message):
    """A live session begins.

    Attributes:
        networks: file name and arm of each network.
        targets: what computes, the board first.
        source: where the utterances come from.
        total: how many there are, 0 where nobody knows.
        simulated: whether the board is emulated.
    """

    networks: tuple[tuple[str, str], ...]
    targets: tuple[str, ...]
    source: str
    total: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What a target decided.

    Attributes:
        word: name of the class.
        margin: logit of the decided class less that of the next.
        right: whether it is the true class; None where nobody knows.
        scores: of all classes, shape (classes,).
    """

    word: str
    margin: float
    right: bool | None
    scores: NDArray[Any]


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer of one network: the board against each model, for the activations that the board computed.

    Attributes:
        measured: ADC codes of the board, shape (points,).
        expected: mean code of each model, by name, shape (points,).
        rows: rows in the order in which they sent, all blocks one after another, shape (events,).
        sent: their activations, shape (events,).
        starts: index of the first event of each block.
        schedule: how the vectors were sent, in words.
    """

    measured: NDArray[Any]
    expected: Mapping[str, NDArray[Any]]
    rows: NDArray[Any]
    sent: NDArray[Any]
    starts: tuple[int, ...]
    schedule: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What one network said on every target.

    Attributes:
        network: file name.
        arm: what it was trained on.
        labels: names of the classes.
        decisions: by target, the board first.
        layers: one each.
    """

    network: str
    arm: str
    labels: tuple[str, ...]
    decisions: Mapping[str, DecisionView]
    layers: tuple[LayerView, ...]


@dataclass(frozen=True, slots=True)
class UtteranceSpotted(Message):
    """One utterance has been put through everything.

    Attributes:
        number: counted from 1.
        said: the word, empty where nobody knows.
        truth: name of the true class, empty where nobody knows.
        name: where it comes from.
        low: smallest sample of each piece of the waveform, shape (pieces,), -1..1.
        high: largest sample of each piece, shape (pieces,), -1..1.
        features: shape (frames, coefficients).
        answers: one for each network.
        array_s: time of the array by the schedule, in seconds.
        board_s: until the board had answered, its link included.
        total_s: from the waveform to all decisions.
    """

    number: int
    said: str
    truth: str
    name: str
    low: NDArray[Any]
    high: NDArray[Any]
    features: NDArray[Any]
    answers: tuple[AnswerView, ...]
    array_s: float
    board_s: float
    total_s: float
    droppable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class CountView:
    """One network on one target so far.

    Attributes:
        accuracy: against the true class, with its 95 % interval.
        agreement: with the board, with its 95 % interval.
        confusion: counts, shape (true class, decided class).
    """

    accuracy: Proportion
    agreement: Proportion
    confusion: NDArray[Any]


@dataclass(frozen=True, slots=True)
class TallyTold(Message):
    """The running count of a live session.

    Attributes:
        utterances: so far.
        total: how many there are, 0 where nobody knows.
        labels: names of the classes, by network.
        counts: by network and target.
        array_s: median time of the array, in seconds.
        board_s: median time until the board had answered.
        total_s: median time from the waveform to all decisions.
        files: run files that keep the session.
    """

    utterances: int
    total: int
    labels: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, Mapping[str, CountView]]
    array_s: float
    board_s: float
    total_s: float
    files: tuple[str, ...] = ()

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return "keyword tally"


@dataclass(frozen=True, slots=True)
class Loudness(Message):
    """How loud the microphone is.

    Attributes:
        level_db: in decibel of full scale.
    """

    level_db: float

    def replaces(self) -> Hashable | None:
        """Only the newest counts."""
        return "loudness"


@dataclass(frozen=True, slots=True)
class EpochTold(Message):
    """One epoch of a training is over.

    Attributes:
        arm: what is trained.
        epoch: counted from 1.
        loss: mean cross-entropy over the batches.
        accuracy: share of the training utterances decided right meanwhile.
    """

    arm: str
    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class TrainedRow:
    """A network that has been trained."""

    arm: str
    accuracy: float
    path: str


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A network that has been compared with its counterparts on a whole test set.

    Attributes:
        network: file name.
        arm: what it was trained on.
        utterances: how many.
        accuracy: by target, with its 95 % interval.
        agreement: with the board, by target, with its 95 % interval.
        file: the comparison run.
    """

    network: str
    arm: str
    utterances: int
    accuracy: Mapping[str, Proportion]
    agreement: Mapping[str, Proportion]
    file: str
