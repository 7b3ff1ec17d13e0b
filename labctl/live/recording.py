"""A live session as comparison runs, one for each network, saved utterance by utterance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from data.clock import TIME
from data.features import COEFFICIENTS, FRAMES
from data.metadata import RunMetadata, Status
from data.runfile import RunWriter, Variable
from data.speech.corpus import CLIP_SAMPLES, SAMPLE_RATE
from data.sweepfile import NOT_MEASURED
from labctl.comparison import BOARD
from labctl.comparison_file import KIND
from labctl.live.results import Answer, Spotted
from labctl.measuring import bench_metadata
from models.network import IntegerNetwork, Layer

if TYPE_CHECKING:
    from calibration.record import CalibrationRecord
    from labctl.bench import Bench
    from labctl.live.sources import Clips
    from labctl.live.spotter import LoadedNetwork


class Recording:
    """The comparison run of one network, made by :meth:`begin`."""

    def __init__(self, writer: RunWriter, targets: tuple[str, ...], keep_wave: bool) -> None:
        self.writer = writer
        self._targets = targets
        self._keep_wave = keep_wave
        self._names: list[tuple[str, str]] = []

    @classmethod
    def begin(
        cls,
        bench: Bench,
        record: CalibrationRecord,
        loaded: LoadedNetwork,
        models: tuple[str, ...],
        clips: Clips,
        seed: int,
    ) -> Self:
        """Begin a file in the folder of the runs.

        Raises:
            BadInput: the folder cannot be written.
            DiskFull: there is no room.
        """
        targets = (BOARD, *models)
        metadata = bench_metadata(
            bench,
            KIND,
            title=f"live: {loaded.trained.arm} arm on {clips.description}"[:200],
            calibration_id=record.calibration_id,
            calibration_hash=record.content_hash,
            plan=_describe(loaded, targets, clips),
            seed=seed,
        )
        writer = RunWriter.create(bench.runs, metadata)
        made = cls(writer, targets, not clips.lasting)
        try:
            made._declare(loaded.network, models)
        except BaseException as error:
            writer.__exit__(type(error), error, error.__traceback__)
            raise
        return made

    def add(self, spotted: Spotted, answer: Answer) -> None:
        """Save one utterance; from here on a kill cannot lose it."""
        writer = self.writer
        rows: dict[str, object] = {
            TIME: writer.clock.now(),
            "truth": answer.truth,
            "decision": [int(answer.traces[target].decisions[0]) for target in self._targets],
            "logit": np.stack([answer.traces[target].logits[0] for target in self._targets]),
            "features": spotted.features,
            **asdict(spotted.latency),
        }
        for number in range(len(answer.network.layers)):
            traces = [answer.traces[target].layers[number].block_outputs[0] for target in self._targets]
            rows[f"layer{number + 1}_outputs"] = np.stack(traces)
            if answer.expected[number]:
                expected = [answer.expected[number][target] for target in self._targets[1:]]
                rows[f"layer{number + 1}_expected"] = np.stack(expected).astype(np.float32)
        if self._keep_wave:
            rows["wave"] = spotted.clip.wave
        for name, values in rows.items():
            writer.append(name, np.asarray(values)[np.newaxis])
        writer.checkpoint()
        self._names.append((spotted.clip.said, spotted.clip.name))

    def finish(self, status: Status, message: str) -> None:
        """Add what was said, as text, and end the file; raises as :meth:`data.runfile.RunWriter.finish`."""
        if self._names:
            said, names = np.array(self._names).T
            self.writer.add("said", Variable(("clip",), said, "1", "word that was said, one entry an utterance"))
            self.writer.add("clip_name", Variable(("clip",), names, "1", "where the utterance comes from"))
        self.writer.finish(status, message)

    def _declare(self, network: IntegerNetwork, models: tuple[str, ...]) -> None:
        writer, targets, classes = self.writer, len(self._targets), len(network.labels)
        writer.add("target", Variable(("target",), np.array(self._targets), "1", "what computed", coordinate=True))
        writer.add("class_name", Variable(("class_name",), np.array(network.labels), "1", "class", coordinate=True))
        if models:
            writer.add("model", Variable(("model",), np.array(models), "1", "chip model", coordinate=True))
        utterance = ("utterance",)
        writer.stream_time("utterance", None, "when the utterance had been answered")
        writer.stream("truth", utterance, (None,), np.int64, "1", "true class; -1 where nobody knows")
        shape = (None, targets)
        writer.stream("decision", ("utterance", "target"), shape, np.int64, "1", "decided class", -1)
        scores = ("utterance", "target", "class_name")
        writer.stream("logit", scores, (*shape, classes), np.float32, "1", "logit", float("nan"))
        frames = ("utterance", "frame", "coefficient")
        writer.stream("features", frames, (None, FRAMES, COEFFICIENTS), np.float32, "1", "MFCC of the utterance")
        for name, words in _TIMES.items():
            writer.stream(name, utterance, (None,), np.float64, "s", words)
        for number, layer in enumerate(network.layers, 1):
            self._declare_layer(number, layer, len(models))
        if self._keep_wave:
            words = f"waveform, {SAMPLE_RATE} samples a second"
            writer.stream("wave", ("utterance", "sample"), (None, CLIP_SAMPLES), np.int16, "1", words)

    def _declare_layer(self, number: int, layer: Layer, models: int) -> None:
        places = (f"layer{number}_block", f"layer{number}_output")
        sizes = (layer.blocks, layer.outputs)
        self.writer.stream(
            f"layer{number}_outputs",
            ("utterance", "target", *places),
            (None, len(self._targets), *sizes),
            np.int16,
            "1",
            f"ADC codes of layer {number}",
            NOT_MEASURED,
        )
        if models:
            self.writer.stream(
                f"layer{number}_expected",
                ("utterance", "model", *places),
                (None, models, *sizes),
                np.float32,
                "1",
                f"mean ADC codes of layer {number} that a model expects for what the board was sent",
            )


_TIMES = {
    "array_s": "time of the array itself, by the schedule",
    "board_s": "time until the board had answered, its link included",
    "total_s": "time from the waveform to all decisions",
}


class Recordings:
    """The files of one session, ended together; a :class:`labctl.engine.BorrowersFile`.

    Use it as a context manager: what ends early says why, as with :class:`data.runfile.RunWriter`.
    """

    def __init__(self) -> None:
        self._recordings: list[Recording] = []
        self._open = ExitStack()

    @classmethod
    def begin(
        cls,
        bench: Bench,
        record: CalibrationRecord,
        networks: Sequence[LoadedNetwork],
        models: tuple[str, ...],
        clips: Clips,
        seed: int,
    ) -> Self:
        """Begin a file for each network; raises as :meth:`Recording.begin`, and none is left open then."""
        made = cls()
        with ExitStack() as begun:
            for loaded in networks:
                recording = Recording.begin(bench, record, loaded, models, clips, seed)
                begun.enter_context(recording.writer)
                made._recordings.append(recording)
            made._open = begun.pop_all()
        return made

    @property
    def path(self) -> Path:
        """The first file."""
        return self._recordings[0].writer.path

    @property
    def metadata(self) -> RunMetadata:
        """What the first file says of its run."""
        return self._recordings[0].writer.metadata

    def add(self, spotted: Spotted) -> Spotted:
        """Save an utterance in the file of each network; the same, with the files."""
        answers = []
        for recording, answer in zip(self._recordings, spotted.answers, strict=True):
            recording.add(spotted, answer)
            answers.append(replace(answer, run=recording.writer.path))
        return replace(spotted, answers=tuple(answers))

    def finish(self, status: Status, message: str) -> None:
        """End all files; raises as :meth:`data.runfile.RunWriter.finish`."""
        for recording in self._recordings:
            recording.finish(status, message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


def _describe(loaded: LoadedNetwork, targets: tuple[str, ...], clips: Clips) -> str:
    """What is compared, as the JSON text that goes into the run's plan."""
    return json.dumps(
        {
            "network": loaded.path.name,
            "arm": str(loaded.trained.arm),
            "targets": list(targets),
            "utterances": clips.description,
            "count": clips.total,
            "live": True,
            "schedules": [asdict(layer.schedule) for layer in loaded.network.layers],
        }
    )
