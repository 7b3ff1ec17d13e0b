"""Trains a network for as long as it is let: the load beside which a window must stay quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labctl.service.request import Lane, Task

if TYPE_CHECKING:
    from labctl.service.session import Session

INPUTS: Final = 490
CLASSES: Final = 12
UTTERANCES: Final = 4096


@dataclass(frozen=True, slots=True)
class TrainMeanwhile:
    """A request: train a network of the size of the keyword network on random patterns, until it is cancelled."""

    seed: int = 1

    @property
    def lane(self) -> Lane:
        """Computes."""
        return Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return "train a network"

    def script(self) -> str:
        """Nothing that anybody would repeat."""
        return ""

    def do(self, session: Session, task: Task) -> int:
        """Carry it out; the answer is how many trainings were finished before it was cancelled."""
        import numpy as np

        from data.errors import Cancelled
        from data.values import Geometry, Schedule
        from models.arms import Arm, TrainingOptions
        from models.floatnet import FloatOptions, train_float
        from models.parameters import ChipParameters
        from models.samples import Samples
        from models.training import Task as Lesson
        from models.training import start_network, train

        rng = np.random.default_rng(self.seed)
        patterns = rng.integers(0, 32, (CLASSES, INPUTS))

        def samples(count: int) -> Samples:
            labels = rng.integers(0, CLASSES, count)
            level = patterns[labels] + rng.normal(0, 8, (count, INPUTS))
            return Samples(np.clip(np.rint(level), 0, 31).astype(np.uint8), labels.astype(np.int64))

        lesson = Lesson(samples(UTTERANCES), samples(UTTERANCES // 4), tuple(f"word {k}" for k in range(CLASSES)))
        chip = ChipParameters.ideal(Geometry(), 0.0005)
        finished = 0
        try:
            while True:
                options = FloatOptions(epochs=3, seed=finished)
                start = train_float(lesson.training, CLASSES, options, should_stop=task.stop)
                network = start_network(start, lesson, chip, Schedule(), np.arange(256))
                train(Arm.IDEAL, network, lesson, chip, TrainingOptions(epochs=3, seed=finished), should_stop=task.stop)
                finished += 1
                task.progress(0.0, f"{finished} trained")
        except Cancelled:
            return finished
