"""The arms of the study, trained from one float network.

======================  ==================================================  ==========================
arm                     forward pass while training                         gradients
======================  ==================================================  ==========================
``ideal``               the integer product with the board's median gain    of the same
``unordered``           the order-blind model of the board                  of the same
``ordered``             the ordered model of the board                      of the same
``ordered+board``       the network of ``ordered``, a few epochs more on    of the ordered model
                        the board
``board``               the board, from the beginning                       of the unordered model
======================  ==================================================  ==========================

The last is hardware in the loop as people have it who own a board and no ordered model of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from calibration.record import CalibrationRecord
from data.errors import BadInput
from data.processor import AnalogProcessor
from data.values import Schedule
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.chip import ideal_counterpart
from models.floatnet import FloatNetwork
from models.network import IntegerNetwork, place
from models.parameters import ChipParameters
from models.training import Task, start_network, train

BATCH = 64
"""Utterances in a training step. On a strong board the ordered and the order-blind arm end higher on validation voices
with 64 than with 128 or 256 at the same number of utterances: noise and rails leave gradients that want many steps."""
FINE_RATE = 0.6
"""Peak learning rate of the epochs on the board that follow on those on a model, in weight codes a step."""


@dataclass(frozen=True)
class Amount:
    """How much is trained.

    Attributes:
        seed: of batches, augmentation and noise.
        epochs: of every arm.
        utterances: of each of those; 0 for all.
        board_epochs: that ``ordered+board`` goes on for.
        board_utterances: training utterances of each of those.
    """

    seed: int
    epochs: int
    utterances: int
    board_epochs: int
    board_utterances: int


@dataclass(frozen=True)
class Trainer:
    """Trains arms for one board; every arm that starts from the float network starts from the same one.

    Attributes:
        start: the float network.
        task: what to learn.
        record: the board's calibration.
        schedule: how every layer is sent, in training and later.
        board: the board.
        amount: how much to train.
    """

    start: FloatNetwork
    task: Task
    record: CalibrationRecord
    schedule: Schedule
    board: AnalogProcessor
    amount: Amount

    def arms(self, names: Iterable[str]) -> dict[str, TrainedNetwork]:
        """The networks of these arms, in their order; ``ordered+board`` needs ``ordered`` before it.

        Raises:
            BadInput: an unknown arm, one without that before it, or too few columns that pass.
        """
        done: dict[str, TrainedNetwork] = {}
        for name in names:
            done[name] = self._train(name, done)
        return done

    def _train(self, name: str, done: Mapping[str, TrainedNetwork]) -> TrainedNetwork:
        options = self._options()
        ordered, unordered = self.record.ordered, self.record.unordered
        models = {"ideal": ideal_counterpart(unordered), "unordered": unordered, "ordered": ordered}
        if name in models:
            return train(Arm(name), self._begin(models[name]), self.task, models[name], options)
        if name == "ordered+board":
            if "ordered" not in done:
                raise BadInput("the arm ordered+board goes on from the ordered one, which must come before it")
            return train(Arm.BOARD, done["ordered"].network, self.task, ordered, options, processor=self.board)
        if name == "board":
            all_along = replace(
                options,
                board_epochs=options.epochs,
                board_utterances=options.utterances or len(self.task.training),
                board_learning_rate=options.learning_rate,
            )
            return train(Arm.BOARD, self._begin(unordered), self.task, unordered, all_along, processor=self.board)
        raise BadInput(f"there is no arm {name}")

    def _options(self) -> TrainingOptions:
        amount = self.amount
        return TrainingOptions(
            seed=amount.seed,
            epochs=amount.epochs,
            utterances=amount.utterances,
            batch=BATCH,
            board_epochs=amount.board_epochs,
            board_utterances=amount.board_utterances,
            board_batch=BATCH,
            board_learning_rate=FINE_RATE,
        )

    def _begin(self, model: ChipParameters) -> IntegerNetwork:
        widest = max(weights.shape[1] for weights in self.start.weights)
        columns = place(np.asarray(self.record.passes), widest)
        return start_network(self.start, self.task, model, self.schedule, columns)
