"""Live keyword spotting as it is asked of a real bench service with a small emulated board."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from labctl.comparison_file import accuracy_of, read_comparison
from labctl.service.messages import Answered, EngineStatus, RunEnded
from labctl.service.messages_keyword import EpochTold, NetworkRow, SpottingBegan, TallyTold, UtteranceSpotted
from labctl.service.requests.bench import BOARD, Connect, UseBench
from labctl.service.requests.engine import Steer
from labctl.service.requests.keyword import ListNetworks, PushToTalk, SourceChoice, SpotWords
from labctl.service.requests.training import CompareNetworks, TrainNetworks
from tests.labctl.keywords import PHYSICS, WORDS, network_file, record
from tests.labctl.serving import Told

BENCH = f"""
[board.emulator]
seed = 7
link = "tcp"
physics = ["{PHYSICS}"]
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    file = tmp_path / "bench.toml"
    file.write_text(BENCH)
    for place in ("labctl.live.spotting", "labctl.evaluating"):
        monkeypatch.setattr(f"{place}.calibration_for", lambda *_: record())
    made = Told()
    made.service.start()
    try:
        assert isinstance(made.replied(UseBench(str(file))), Answered)
        assert isinstance(made.replied(Connect(BOARD)), Answered)
        yield made
    finally:
        made.service.close()


@pytest.fixture
def recordings(tmp_path: Path) -> SourceChoice:
    rng = np.random.default_rng(2)
    folder = tmp_path / "words"
    for index in range(40):
        path = folder / WORDS[index % 4] / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(path, 16000, (rng.normal(0, 1, 16000) * np.hanning(16000) * 6000).astype(np.int16))
    return SourceChoice("files", paths=(str(folder),))


def test_a_session_tells_utterances_and_a_count_and_leaves_a_run(
    told: Told, recordings: SourceChoice, tmp_path: Path
) -> None:
    path = network_file(tmp_path / "runs")
    listed = told.replied(ListNetworks())
    assert [(row.path, row.arm) for row in listed.value] == [(str(path), "ordered")]
    assert isinstance(listed.value[0], NetworkRow)
    reply = told.replied(SpotWords((str(path),), recordings, ("ordered",), record=True))
    assert isinstance(reply, Answered), reply
    (began,) = told.all(SpottingBegan)
    assert (began.targets, began.total, began.simulated) == (("board", "ordered"), 40, True)
    spotted = told.all(UtteranceSpotted)
    assert [item.number for item in spotted] == list(range(1, 41))
    layer = spotted[0].answers[0].layers[0]
    assert layer.measured.shape == layer.expected["ordered"].shape
    assert layer.measured.size <= 2000
    assert layer.rows[: layer.starts[1]].tolist() == sorted(layer.rows[: layer.starts[1]].tolist(), reverse=True)
    assert layer.sent.min() > 0, "zeros take no slot"
    last = told.all(TallyTold)[-1]
    saved = read_comparison(Path(reply.value[0]))
    shares = accuracy_of(saved)
    for target, count in last.counts[path.name].items():
        assert shares[target][0] == count.accuracy.value
    ended = told.until(lambda: told.all(RunEnded))
    assert (ended[0].title, ended[0].status) == ("keyword spotting", "complete")


def test_a_session_is_paused_resumed_and_stopped_by_the_engine(
    told: Told, recordings: SourceChoice, tmp_path: Path
) -> None:
    path = network_file(tmp_path / "runs")
    number = told.ask(SpotWords((str(path),), recordings, ("ordered",), record=True, real_time=True))
    told.until(lambda: told.all(UtteranceSpotted))
    assert isinstance(told.replied(Steer("pause")), Answered)
    told.until(lambda: told.all(EngineStatus)[-1].state == "paused")
    count = len(told.all(UtteranceSpotted))
    time.sleep(0.3)
    assert len(told.all(UtteranceSpotted)) <= count + 1
    assert isinstance(told.replied(Steer("resume")), Answered)
    told.until(lambda: len(told.all(UtteranceSpotted)) > count + 1)
    assert isinstance(told.replied(Steer("stop")), Answered)
    reply = told.replied(number)
    assert isinstance(reply, Answered), "what was spotted is kept, and stopping is no failure"
    assert read_comparison(Path(reply.value[0])).metadata.status == "stopped"


def test_a_held_button_is_known_to_the_session(told: Told) -> None:
    told.replied(PushToTalk(True))
    assert told.service.session.talking.is_set()
    told.replied(PushToTalk(False))
    assert not told.service.session.talking.is_set()


def test_what_cannot_be_started_is_said(told: Told, recordings: SourceChoice, tmp_path: Path) -> None:
    reply = told.replied(SpotWords((str(tmp_path / "gone.safetensors"),), recordings))
    assert reply.trouble.kind == "input"
    assert "gone.safetensors" in reply.trouble.sentence
    reply = told.replied(CompareNetworks(()))
    assert "no network" in reply.trouble.sentence


@pytest.mark.parametrize(
    "request_",
    [
        TrainNetworks(("ideal",), epochs=2),
        TrainNetworks(("board", "ordered"), speech="folder"),
        CompareNetworks(("a.safetensors", "b.safetensors"), limit=5),
    ],
)
def test_trainings_and_comparisons_have_their_lines_of_python(request_: TrainNetworks | CompareNetworks) -> None:
    compile(request_.script(), "script", "exec")


def test_a_training_tells_every_epoch(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.arms import Epoch

    def train_arms(arms: list[str], *_: object, **options: Any) -> tuple[()]:
        for arm in arms:
            options["told"](str(arm), Epoch(1, 2.0, 0.5, 1.0))
        return ()

    monkeypatch.setattr("labctl.evaluating.calibration_record", lambda *_: record())
    monkeypatch.setattr("labctl.learning.usable_columns", lambda *_: None)
    monkeypatch.setattr("labctl.learning.prepare_speech", lambda *_, **__: None)
    monkeypatch.setattr("labctl.learning.train_arms", train_arms)
    assert isinstance(told.replied(TrainNetworks(("unordered", "ideal"))), Answered)
    assert told.all(EpochTold) == [EpochTold("ideal", 1, 2.0, 0.5), EpochTold("unordered", 1, 2.0, 0.5)]
