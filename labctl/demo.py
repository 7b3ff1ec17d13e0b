"""The whole job on an emulated board: measure, calibrate, train four ways, compare, report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from calibration.record import CalibrationRecord
from data.speech import Size
from labctl.bench import Bench, BenchConfig, BoardConfig, EmulatorConfig, open_bench
from labctl.comparison import Comparison
from labctl.comparison_file import summary
from labctl.evaluating import compare
from labctl.learning import (
    SpeechTask,
    TestUtterances,
    Trained,
    prepare_speech,
    train_arms,
    train_float_network,
    usable_columns,
)
from labctl.measuring import calibrate
from labctl.plain import plain
from labctl.progress import Listener, part, silent
from labctl.report import write_report
from labctl.report.demo_page import demo_page
from labctl.statistics import Proportion, accuracy
from models.arms import Arm
from models.floatnet import FloatNetwork
from models.samples import Samples

T = TypeVar("T")

STEPS = {
    "board": 0.01,
    "speech": 0.17,
    "calibrate": 0.10,
    "float": 0.12,
    "train": 0.45,
    "compare": 0.12,
    "report": 0.03,
}
"""Shares of the whole, for the progress bar."""


@dataclass(frozen=True)
class FloatResult:
    """Accuracy of the float network, the one that no board could compute.

    Attributes:
        validation: on the validation voices.
        test: on voices never heard.
        other_synthesizer: on another synthesizer's voices, None where there is none.
    """

    validation: Proportion
    test: Proportion
    other_synthesizer: Proportion | None


@dataclass(frozen=True)
class DemoResult:
    """What the demo found.

    Attributes:
        seed: what everything was drawn from.
        record: the calibration.
        floats: the float network.
        comparisons: one for each arm.
        seconds: time that each step took.
        files: everything that was written, by kind.
    """

    seed: int
    record: CalibrationRecord
    floats: FloatResult
    comparisons: tuple[Comparison, ...]
    seconds: dict[str, float]
    files: dict[str, list[Path]]

    def document(self) -> dict[str, object]:
        """Everything as plain values; only ``seconds`` and ``files`` differ between two runs with the same seed."""
        record = self.record
        return {
            "seed": self.seed,
            "simulated": record.identity.simulated,
            "board": record.identity,
            "float": self.floats,
            "accuracy": {
                item.arm: {target: found.accuracy.value for target, found in item.evaluations.items()}
                for item in self.comparisons
            },
            "residual_over_noise": {
                "ordered": record.ordered_score.median,
                "unordered": record.unordered_score.median,
            },
            "residual_over_noise_all_schedules": {
                "ordered": record.ordered_score.median_all_schedules,
                "unordered": record.unordered_score.median_all_schedules,
            },
            "order_effect_seen": record.order_effect_seen,
            "terms": sorted(record.ordered.terms),
            "columns_that_pass": int(record.passes.sum()),
            "comparisons": [_without_files(summary(item)) for item in self.comparisons],
            "seconds": {**self.seconds, "total": sum(self.seconds.values())},
            "files": self.files,
        }

    def findings(self) -> list[str]:
        """What is said below the table."""
        ordered, unordered = self.record.ordered_score.median, self.record.unordered_score.median
        seen = (
            f"Order effects seen: {', '.join(sorted(self.record.ordered.terms))}."
            if self.record.order_effect_seen
            else "No order effect was seen on this board: the ordered and the unordered model agree."
        )
        return [
            f"Float network on unseen voices: {self.floats.test}.",
            f"Held-out residual over trial noise: ordered model {ordered:.2f}, unordered model {unordered:.2f}.",
            seen,
            "SIMULATED: the board is an emulated one; its strengths are plausible, not measured on a chip.",
        ]


def run_demo(
    out: Path,
    *,
    seed: int = 1,
    link: Literal["serial", "tcp"] | None = None,
    physics: tuple[str, ...] = (),
    size: Size = "full",
    listener: Listener = silent,
) -> DemoResult:
    """Do everything; the files go to a folder of their own below ``out``.

    Args:
        out: where the folder is made.
        seed: of the emulated chip, the sweeps and the training; the corpus is the same for every seed.
        link: how the emulated board is reached; None for a serial line where the system has pseudo-terminals.
        physics: settings of the emulated board's physics.
        size: how many utterances.
        listener: hears of progress.

    Raises:
        BadInput: an option of the physics that does not exist, or too few columns that pass.
    """
    folder = out / f"demo-seed-{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    emulator = EmulatorConfig(seed=seed, link=link, physics=physics)
    config = BenchConfig(name=f"demo {seed}", runs=folder, board=BoardConfig(emulator=emulator))
    clock = _Clock(listener)
    listener(0.0, "starting the emulated board (the very first start compiles its physics)")
    with open_bench(config) as bench:
        clock.lap("board")
        record = clock.step("calibrate", lambda heard: calibrate(bench, seed=seed, listener=heard))
        usable_columns(record)
        speech = clock.step("speech", lambda heard: prepare_speech(size=size, listener=heard))
        start = clock.step("float", lambda heard: train_float_network(speech, seed=seed, listener=heard))
        trained = clock.step("train", lambda heard: _train(bench, speech, record, start, seed, heard))
        comparisons = clock.step("compare", lambda heard: _compare(bench, speech, record, trained, seed, heard))
    result = DemoResult(seed, record, _judge(start, speech), comparisons, clock.seconds, {})
    result = clock.step("report", lambda _: _write(result, folder, trained))
    text = json.dumps(plain(result.document()), indent=2, allow_nan=False)
    result.files["result"][0].write_text(text + "\n", encoding="utf-8")
    return result


class _Clock:
    """Times the steps and places each on the progress bar."""

    def __init__(self, listener: Listener) -> None:
        self.seconds: dict[str, float] = {}
        self._listener = listener
        self._done = 0.0
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now
        self._done += STEPS[name]

    def step(self, name: str, work: Callable[[Listener], T]) -> T:
        result = work(part(self._listener, self._done, self._done + STEPS[name]))
        self.lap(name)
        return result


def _train(
    bench: Bench, speech: SpeechTask, record: CalibrationRecord, start: FloatNetwork, seed: int, listener: Listener
) -> tuple[Trained, ...]:
    with bench.lend("train networks", total=100 * len(Arm), kind="training") as board:
        heard = board.heard_by(listener)
        return train_arms(Arm, speech, record, folder=bench.runs, board=board, start=start, seed=seed, listener=heard)


def _compare(
    bench: Bench,
    speech: SpeechTask,
    record: CalibrationRecord,
    trained: tuple[Trained, ...],
    seed: int,
    listener: Listener,
) -> tuple[Comparison, ...]:
    share = 1 / len(trained)
    return tuple(
        compare(
            bench,
            item.path,
            calibration=record,
            test=speech.test,
            seed=seed,
            listener=part(listener, index * share, (index + 1) * share),
        )
        for index, item in enumerate(trained)
    )


def _judge(start: FloatNetwork, speech: SpeechTask) -> FloatResult:
    def judge(samples: Samples) -> Proportion:
        return accuracy(start.sums(samples.activations)[-1].argmax(axis=1), samples.labels)

    def encoded(utterances: TestUtterances) -> Samples:
        return Samples(speech.encoding.encode(utterances.features), utterances.labels)

    other = speech.other_synthesizer
    return FloatResult(
        validation=judge(speech.task.validation),
        test=judge(encoded(speech.test)),
        other_synthesizer=None if other is None else judge(encoded(other)),
    )


def _write(result: DemoResult, folder: Path, trained: tuple[Trained, ...]) -> DemoResult:
    calibration = folder / f"{result.record.calibration_id}-calibration.h5"
    comparisons = [item.path for item in result.comparisons if item.path is not None]
    pages = [write_report(path) for path in (calibration, *comparisons)]
    names = ["the calibration", *(f"the network of the {item.arm} arm" for item in result.comparisons)]
    links = {name: page.name for name, page in zip(names, pages, strict=True)}
    report = folder / "report.html"
    report.write_text(demo_page(result, links).html(), encoding="utf-8")
    sweeps = sorted(path for path in folder.glob("*.h5") if path not in (calibration, *comparisons))
    files = {
        "report": [report],
        "calibration": [calibration],
        "networks": [item.path for item in trained],
        "comparisons": comparisons,
        "sweeps": sweeps,
        "pages": pages,
        "result": [folder / "result.json"],
    }
    return replace(result, files=files)


def _without_files(figures: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in figures.items() if name not in ("run", "network", "file")}
