"""Requests that train networks, and that compare them on a whole test set."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.service.messages import FolderChanged
from labctl.service.messages_keyword import ComparedRow, EpochTold, TrainedRow
from labctl.service.request import Lane, Task
from labctl.service.requests.keyword import Size

if TYPE_CHECKING:
    from labctl.progress import Listener
    from labctl.service.session import Session
    from models.arms import Epoch

BOARD = "board"


@dataclass(frozen=True, slots=True)
class TrainNetworks:
    """Train a keyword network in some arms.

    Attributes:
        arms: ideal, unordered, ordered, board; the board arm brings the ordered one along.
        speech: Speech Commands folder, empty for synthetic words.
        size: how many utterances.
        epochs: passes over the training utterances, the board arm's excepted; 0 for the default.
        seed: of corpus, batches, augmentation and noise.
        calibration: run id, file or ``latest``.
    """

    arms: tuple[str, ...]
    speech: str = ""
    size: Size = "small"
    epochs: int = 0
    seed: int = 0
    calibration: str = "latest"

    @property
    def lane(self) -> Lane:
        """Of the board only where the board is in the loop."""
        return Lane.BOARD if BOARD in self.arms else Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return f"train {', '.join(self.arms)}"

    def script(self) -> str:
        """The same in Python."""
        speech = f"Path({self.speech!r}), " if self.speech else ""
        lines = ["from pathlib import Path"] if self.speech else []
        epochs = f", epochs={self.epochs}" if self.epochs else ""
        on_board = BOARD in self.arms
        board = ", board=board" if on_board else ""
        train = f"labctl.train({list(self.arms)!r}, speech, record, folder=bench.runs{board}, seed={self.seed}{epochs})"
        lines += [
            "from labctl.evaluating import calibration_record",
            f"record = calibration_record({self.calibration!r}, bench.runs)",
            f"speech = labctl.prepare_speech({speech}size={self.size!r})",
        ]
        lines += [f"with bench.lend({self.title!r}) as board:", f"    {train}"] if on_board else [train]
        return "\n".join(lines)

    def do(self, session: Session, task: Task) -> tuple[TrainedRow, ...]:
        """Carry it out; arms that are finished are kept when it is stopped."""
        from labctl.evaluating import calibration_for, calibration_record
        from labctl.learning import choose_arms, prepare_speech, train_arms, usable_columns
        from labctl.progress import part

        def told(arm: str, epoch: Epoch) -> None:
            task.tell(EpochTold(arm, epoch.epoch, epoch.loss, epoch.training_accuracy))

        wanted = choose_arms(self.arms)
        on_board = BOARD in wanted
        if on_board:
            record = calibration_for(self.calibration, session.bench)
        else:
            record = calibration_record(self.calibration, session.runs)
        usable_columns(record)
        speech = prepare_speech(
            Path(self.speech) if self.speech else None, size=self.size, listener=part(_heard(task), 0.0, 0.2)
        )
        try:
            with ExitStack() as lent:
                board, heard = None, part(_heard(task), 0.2, 1.0)
                if on_board:
                    board = lent.enter_context(
                        session.bench.lend(self.title, total=100 * len(wanted), kind="training", stop=task.stop)
                    )
                    heard = board.heard_by(heard)
                trained = train_arms(
                    wanted,
                    speech,
                    record,
                    folder=session.runs,
                    board=board,
                    seed=self.seed,
                    epochs=self.epochs or None,
                    listener=heard,
                    stop=task.stop,
                    told=told,
                )
        finally:
            session.tell(FolderChanged("runs"))
        return tuple(TrainedRow(item.arm, item.trained.validation_accuracy, str(item.path)) for item in trained)


@dataclass(frozen=True, slots=True)
class CompareNetworks:
    """Compare networks with their counterparts on a whole test set.

    Attributes:
        networks: their files.
        speech: Speech Commands folder, empty for synthetic words.
        size: of the corpus.
        limit: only that many utterances, 0 for all.
        seed: of the models' trial noise.
        calibration: run id, file or ``latest``.
    """

    networks: tuple[str, ...]
    speech: str = ""
    size: Size = "small"
    limit: int = 0
    seed: int = 0
    calibration: str = "latest"

    @property
    def lane(self) -> Lane:
        """Computes on the board."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return "compare networks"

    def script(self) -> str:
        """The same in Python."""
        speech = f"Path({self.speech!r}), " if self.speech else ""
        lines = ["from pathlib import Path"] if self.speech else []
        lines.append("from labctl.learning import prepare_test")
        lines.append(f"test = prepare_test({speech}size={self.size!r})")
        limit = f", limit={self.limit}" if self.limit else ""
        calibration = f", calibration={self.calibration!r}" if self.calibration != "latest" else ""
        lines += [
            f"labctl.compare(bench, {network!r}, test=test{limit}{calibration}, seed={self.seed})"
            for network in self.networks
        ]
        return "\n".join(lines)

    def do(self, session: Session, task: Task) -> tuple[ComparedRow, ...]:
        """Carry it out; what has been finished is kept when it is stopped."""
        from data.errors import BadInput
        from labctl.evaluating import calibration_for, compare
        from labctl.learning import prepare_test
        from labctl.progress import part

        if not self.networks:
            raise BadInput("no network is chosen; choose at least one network file")
        record = calibration_for(self.calibration, session.bench)
        heard = _heard(task)
        test = prepare_test(Path(self.speech) if self.speech else None, size=self.size, listener=part(heard, 0.0, 0.2))
        found = []
        step = 0.8 / len(self.networks)
        try:
            for index, network in enumerate(self.networks):
                listener = part(heard, 0.2 + index * step, 0.2 + (index + 1) * step)
                item = compare(
                    session.bench,
                    network,
                    calibration=record,
                    test=test,
                    limit=self.limit or None,
                    seed=self.seed,
                    listener=listener,
                )
                accuracy = {name: known.accuracy for name, known in item.evaluations.items()}
                agreement = {name: known.agreement for name, known in item.evaluations.items()}
                found.append(ComparedRow(item.network, item.arm, len(item.truth), accuracy, agreement, str(item.path)))
        finally:
            session.tell(FolderChanged("runs"))
        return tuple(found)


def _heard(task: Task) -> Listener:
    """Progress of a request, which ends it when somebody wants that."""
    from data.errors import Cancelled

    def inner(fraction: float, message: str) -> None:
        if task.stop():
            raise Cancelled("stopped; what was finished is kept")
        task.progress(fraction, message)

    return inner
