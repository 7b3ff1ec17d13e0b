"""Live keyword spotting: the board beside its counterparts, utterance by utterance, and what is kept of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data.encoding import Encoding
from data.errors import BadInput, Cancelled, Problems
from data.export import export
from data.features import mfcc
from data.runfile import read_run
from drivers import emulator
from labctl import open_bench
from labctl.bench import Bench, BenchConfig
from labctl.comparison_file import accuracy_of, agreement_of, confusion_of, read_comparison
from labctl.engine import State
from labctl.live import spot
from labctl.live.networks import list_networks
from labctl.live.spotter import Spotter, array_seconds, load_networks
from labctl.live.tally import Tally
from labctl.report import write_report
from models.chip import ChipModel
from models.network import run
from tests.labctl.keywords import GEOMETRY, PHYSICS, chip, clips, network, network_file, record


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    options = emulator.Options(seed=7, tcp="127.0.0.1:0", physics=(PHYSICS,), until_stdin_closes=True)
    with emulator.start(options) as process:
        yield f"socket://{process.tcp}"


@pytest.fixture
def bench(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    config = BenchConfig.model_validate({"runs": tmp_path / "runs", "board": {"address": address}})
    monkeypatch.setattr("labctl.live.spotting.calibration_for", lambda *_: record())
    with open_bench(config) as opened:
        yield opened


def test_what_the_targets_say_is_what_they_say_to_all_utterances_at_once(tmp_path: Path) -> None:
    """Against the network run as a whole; the board is a chip model without noise here."""
    loaded = load_networks((network_file(tmp_path),), GEOMETRY)
    spotter = Spotter(ChipModel(chip()), record(), loaded, ("ordered", "ideal"))
    given = list(clips(6).clips)
    codes = Encoding.from_arrays(network().encoding).encode(mfcc(np.stack([clip.wave for clip in given])))
    whole = run(network(), ChipModel(chip()), codes)
    for index, clip in enumerate(given):
        (answer,) = spotter.spot(index + 1, clip).answers
        assert list(answer.traces) == ["board", "ordered", "ideal"]
        for trace in answer.traces.values():
            assert np.array_equal(trace.logits[0], whole.logits[index])
        assert answer.decision().right == (network().labels[whole.decisions[index]] == clip.truth)
        assert answer.decision().scores.sum() == pytest.approx(1)
        assert np.array_equal(answer.sent[1], whole.layers[0].activations[index])
        for layer, expected in zip(whole.layers, answer.expected, strict=True):
            # Rounding down takes half a code on average, so that the mean is off by half a code at most.
            assert np.abs(layer.block_outputs[index] - expected["ordered"]).max() <= 0.5


def test_the_time_of_the_array_follows_from_its_events() -> None:
    vectors = np.zeros((2, 128), np.uint8)
    vectors[0, :5] = 1
    schedule = network().layers[0].schedule
    alone = 2 * schedule.reset_ns * 1e-9
    assert array_seconds(vectors, schedule) == pytest.approx(alone + 5 * 40e-9)


def test_a_session_on_a_board_is_recorded_and_read_again(bench: Bench, tmp_path: Path) -> None:
    paths = (network_file(tmp_path, 3), network_file(tmp_path, 4))
    tally = Tally()
    told = []
    for spotted in spot(bench, paths, clips(5), record=True, models=("ideal", "ordered")):
        tally.add(spotted)
        told.append(spotted)
        assert spotted.latency.array_s < spotted.latency.board_s < spotted.latency.total_s
    assert bench.engine.state is State.IDLE
    assert bench.board.get("supply") is False
    run_file = told[0].answers[0].run
    assert run_file is not None
    for place, path in enumerate(paths):
        answer = told[-1].answers[place]
        assert answer.run is not None
        saved = read_comparison(answer.run)
        assert (saved.metadata.status, saved.metadata.message) == ("complete", "5 utterances")
        assert json.loads(saved.metadata.plan)["network"] == path.name
        assert saved.values("said").tolist() == ["yes", "no", "silence", "unknown", "yes"]
        assert "wave" not in saved.variables
        assert (np.diff(saved.values("time")) > 0).all()
        counts = tally.counts()[path.name]
        assert list(counts) == ["board", "ordered", "ideal"]
        for target, count in counts.items():
            assert accuracy_of(saved)[target] == (count.accuracy.value, count.accuracy.low, count.accuracy.high)
            assert agreement_of(saved)[target][0] == count.agreement.value
            assert np.array_equal(confusion_of(saved)[target], count.confusion)
        outputs = saved.values("layer1_outputs")
        for index, spotted in enumerate(told):
            kept = spotted.answers[place].traces["board"].layers[0].block_outputs[0]
            assert np.array_equal(outputs[index, 0], kept)
    page = write_report(run_file).read_text(encoding="utf-8")
    assert "board (single outputs) against each model" in page
    assert export(run_file, tmp_path / "session.nc")[0].exists()


def test_what_cannot_be_had_again_is_kept_as_a_waveform(bench: Bench, tmp_path: Path) -> None:
    given = clips(2, lasting=False, known=False)
    (first, last) = spot(bench, network_file(tmp_path), given, record=True, models=())
    assert first.answers[0].decision().right is None
    path = last.answers[0].run
    assert path is not None
    saved = read_run(path)
    assert np.array_equal(saved.values("wave")[0], first.clip.wave)
    assert list(saved.values("truth")) == [-1, -1]
    assert "accuracy" not in write_report(path).read_text(encoding="utf-8").lower()


def test_whoever_asks_for_no_more_ends_the_session_and_keeps_it(bench: Bench, tmp_path: Path) -> None:
    session = spot(bench, network_file(tmp_path), clips(50), record=True)
    path = next(iter(session)).answers[0].run
    assert path is not None
    session.close()
    assert bench.engine.state is State.IDLE
    saved = read_run(path)
    assert (saved.metadata.status, saved.rows_done) == ("stopped", 1)


def test_stopping_ends_it_between_two_utterances(bench: Bench, tmp_path: Path) -> None:
    heard: list[float] = []
    given = spot(
        bench,
        network_file(tmp_path),
        clips(50),
        record=True,
        stop=lambda: len(heard) > 3,
        listener=lambda share, _: heard.append(share),
    )
    told = list(given)
    assert len(told) == 3
    saved = read_run(told[0].answers[0].run)
    assert (saved.metadata.status, saved.rows_done) == ("stopped", 3)


def test_an_abort_at_the_engine_is_said_and_what_was_recorded_stays(bench: Bench, tmp_path: Path) -> None:
    session = spot(bench, network_file(tmp_path), clips(50), record=True)
    path = next(iter(session)).answers[0].run
    bench.engine.abort()
    with pytest.raises(Cancelled):
        list(session)
    saved = read_run(path)
    assert (saved.metadata.status, saved.rows_done) == ("aborted", 1)


def test_real_time_lets_an_utterance_last(bench: Bench, tmp_path: Path) -> None:
    began = time.monotonic()
    assert len(list(spot(bench, network_file(tmp_path), clips(9), every_s=0.4, limit=3))) == 3
    assert time.monotonic() - began >= 0.8


def test_everything_wrong_is_said_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"nothing")
    with pytest.raises(Problems, match="2 problems"):
        list(spot(bench, (other, tmp_path / "missing.safetensors"), clips(1)))
    with pytest.raises(BadInput, match="at least one network"):
        list(spot(bench, (), clips(1)))
    with pytest.raises(BadInput, match="no model better"):
        list(spot(bench, network_file(tmp_path), clips(1), models=("better",)))
    assert bench.engine.status().began is None


def test_networks_are_listed_with_what_they_say_of_themselves(tmp_path: Path) -> None:
    inner = network_file(tmp_path / "demo", 5)
    other = network_file(tmp_path, 4)
    (tmp_path / "broken.safetensors").write_bytes(b"no network")
    found = list_networks(tmp_path)
    assert {item.path for item in found} == {inner, other}
    assert {item.arm for item in found} == {"ordered"}
    assert {item.validation_accuracy for item in found} == {0.54, 0.55}
