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
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.chip import ideal_counterpart
from models.floatnet import FloatNetwork
from models.network import IntegerNetwork, place
from models.parameters import ChipParameters
from models.training import Task, start_network, train

ON_BOARD_RATE = 0.9
"""Peak learning rate of the arm that is trained on the board from the beginning, in weight codes a step: as near to the
other arms' as the options allow."""


@dataclass(frozen=True)
class Amount:
    """How much is trained.

    Attributes:
        seed: of batches, augmentation and noise.
        epochs: of every arm.
        board_epochs: that ``ordered+board`` goes on for.
        board_utterances: training utterances of each of those.
    """

    seed: int
    epochs: int
    board_epochs: int
    board_utterances: int


@dataclass(frozen=True)
class Trainer:
    """Trains arms for one board; every arm that starts from the float network starts from the same one."""

    start: FloatNetwork
    task: Task
    record: CalibrationRecord
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
        options = TrainingOptions(seed=self.amount.seed, epochs=self.amount.epochs)
        ordered, unordered = self.record.ordered, self.record.unordered
        models = {"ideal": ideal_counterpart(unordered), "unordered": unordered, "ordered": ordered}
        if name in models:
            return train(Arm(name), self._begin(models[name]), self.task, models[name], options)
        if name == "ordered+board":
            if "ordered" not in done:
                raise BadInput("the arm ordered+board goes on from the ordered one, which must come before it")
            few = replace(options, board_epochs=self.amount.board_epochs, board_utterances=self.amount.board_utterances)
            return train(Arm.BOARD, done["ordered"].network, self.task, ordered, few, processor=self.board)
        if name == "board":
            all_along = replace(
                options,
                board_epochs=options.epochs,
                board_utterances=len(self.task.training),
                board_batch=options.batch,
                board_learning_rate=ON_BOARD_RATE,
            )
            return train(Arm.BOARD, self._begin(unordered), self.task, unordered, all_along, processor=self.board)
        raise BadInput(f"there is no arm {name}")

    def _begin(self, model: ChipParameters) -> IntegerNetwork:
        widest = max(weights.shape[1] for weights in self.start.weights)
        columns = place(np.asarray(self.record.passes), widest)
        return start_network(self.start, self.task, model, self.record.schedule, columns)
