"""Requests about live keyword spotting: which networks and microphones there are, start, push to talk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from labctl.service.messages import FolderChanged
from labctl.service.messages_keyword import Loudness, NetworkRow, SpottingBegan
from labctl.service.request import Lane, Looking, Task

if TYPE_CHECKING:
    from labctl.live import Source
    from labctl.service.session import Session

SourceKind = Literal["test", "files", "words", "microphone"]
Size = Literal["tiny", "small", "full"]
EVERY_S: Final = 1.0
"""Real time: an utterance lasts a second."""


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """Where the utterances of a live session come from.

    Attributes:
        kind: test set, WAV files, words typed in, or microphone.
        speech: Speech Commands folder of the test set, empty for synthetic words.
        size: of the test set.
        limit: only that many utterances of the test set, 0 for all.
        paths: WAV files and folders.
        text: the words.
        times: how often they are said.
        device: of the microphone, empty for the system's own choice.
        trigger: what begins a clip.
        threshold_db: how loud a sound must be, in decibel of full scale.
        seed: of order and voices.
    """

    kind: SourceKind = "test"
    speech: str = ""
    size: Size = "small"
    limit: int = 0
    paths: tuple[str, ...] = ()
    text: str = ""
    times: int = 1
    device: str = ""
    trigger: Literal["sound", "button"] = "sound"
    threshold_db: float = -35.0
    seed: int = 0

    def script(self) -> str:
        """The same in Python."""
        if self.kind == "test":
            given: dict[str, object] = {
                "speech": self.speech or None,
                "size": self.size,
                "limit": self.limit or None,
                "seed": self.seed,
            }
            return f"labctl.TestWords({_arguments(given)})"
        if self.kind == "files":
            return f"labctl.WavFiles({self.paths!r})"
        if self.kind == "words":
            return f"labctl.TypedWords({self.text!r}, times={self.times}, seed={self.seed})"
        heard: dict[str, object] = {"device": self.device or None, "threshold_db": self.threshold_db}
        return f"labctl.Microphone({_arguments(heard)})"

    def source(self, session: Session, task: Task) -> Source:
        """The source itself."""
        from labctl.live import Microphone, TestWords, TypedWords, WavFiles

        if self.kind == "test":
            return TestWords(self.speech or None, self.size, self.seed, self.limit or None)
        if self.kind == "files":
            return WavFiles(self.paths)
        if self.kind == "words":
            return TypedWords(self.text, self.times, self.seed)
        return Microphone(
            device=self.device or None,
            trigger=self.trigger,
            threshold_db=self.threshold_db,
            held=session.talking.is_set,
            level=lambda level: task.tell(Loudness(level)),
            stop=task.stop,
        )


@dataclass(frozen=True, slots=True)
class ListNetworks(Looking):
    """Look for network files in the folder of the runs, and in the folders in it.

    Attributes:
        files: others to list before them.
    """

    files: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[NetworkRow, ...]:
        """Carry it out."""
        from labctl.live.networks import list_networks

        return tuple(
            NetworkRow(
                path=str(item.path),
                name=item.path.name,
                arm=item.arm,
                accuracy=item.validation_accuracy,
                seed=item.seed,
                board=item.provenance.get("board", ""),
                time=item.path.stat().st_mtime,
            )
            for item in list_networks(session.runs, self.files)
        )


@dataclass(frozen=True, slots=True)
class ListMicrophones(Looking):
    """Ask which microphones there are."""

    @property
    def lane(self) -> Lane:
        """Loads a library."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[str, ...]:
        """Carry it out."""
        from labctl.live import microphones

        return microphones()


@dataclass(frozen=True, slots=True)
class PushToTalk(Looking):
    """The button of the microphone is held, or let go of."""

    held: bool

    @property
    def lane(self) -> Lane:
        """While the session is going on."""
        return Lane.AT_ONCE

    def do(self, session: Session, task: Task) -> None:
        """Carry it out."""
        if self.held:
            session.talking.set()
        else:
            session.talking.clear()


@dataclass(frozen=True, slots=True)
class SpotWords:
    """Spot keywords live.

    Attributes:
        networks: files of the networks.
        source: where the utterances come from.
        models: the counterparts.
        record: write comparison runs.
        real_time: one utterance a second, instead of as fast as possible.
        seed: of the models' trial noise.
        calibration: run id, file or ``latest``.
    """

    networks: tuple[str, ...]
    source: SourceChoice
    models: tuple[str, ...] = ("ordered", "unordered", "ideal")
    record: bool = False
    real_time: bool = False
    seed: int = 0
    calibration: str = "latest"

    @property
    def lane(self) -> Lane:
        """Computes on the board."""
        return Lane.BOARD

    @property
    def title(self) -> str:
        """For people."""
        return "keyword spotting"

    def script(self) -> str:
        """The same in Python."""
        given: dict[str, object] = {}
        if self.calibration != "latest":
            given["calibration"] = self.calibration
        if self.models != SpotWords.__dataclass_fields__["models"].default:
            given["models"] = self.models
        given |= {"record": True} if self.record else {}
        given |= {"every_s": EVERY_S} if self.real_time else {}
        given |= {"seed": self.seed} if self.seed else {}
        more = f", {_arguments(given)}" if given else ""
        return (
            f"for spotted in labctl.spot(bench, {list(self.networks)!r}, {self.source.script()}{more}):\n"
            "    print(spotted)"
        )

    def do(self, session: Session, task: Task) -> tuple[str, ...]:
        """Carry it out; the answer is the run files. Once there were utterances, stopping it is no failure."""
        from data.errors import Cancelled
        from labctl.live import spot
        from labctl.live.tally import Tally
        from labctl.service.keyword_views import tally_view, utterance_view

        bench = session.bench
        session.talking.clear()
        tally = Tally()
        files: tuple[str, ...] = ()
        labels: dict[str, tuple[str, ...]] = {}
        clips = self.source.source(session, task).load(task.progress)
        total = clips.total or 0
        try:
            for spotted in spot(
                bench,
                self.networks,
                clips,
                calibration=self.calibration,
                models=self.models,
                record=self.record,
                every_s=EVERY_S if self.real_time else 0.0,
                seed=self.seed,
                listener=task.progress,
                stop=task.stop,
            ):
                tally.add(spotted)
                if tally.utterances == 1:
                    labels = {answer.name: answer.network.labels for answer in spotted.answers}
                    files = tuple(str(answer.run) for answer in spotted.answers if answer.run is not None)
                    networks = tuple((answer.name, answer.arm) for answer in spotted.answers)
                    targets = tuple(spotted.answers[0].traces)
                    simulated = bench.board.identity.simulated
                    task.tell(SpottingBegan(networks, targets, clips.description, total, simulated))
                task.tell(utterance_view(spotted, bench.board.geometry))
                task.tell(tally_view(tally, total, labels, files))
        except Cancelled:
            if not tally.utterances:
                raise
        finally:
            session.talking.clear()
            if files:
                session.tell(FolderChanged("runs"))
        return files


def _arguments(given: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
