"""What the keyword panel keeps, without Qt."""

from __future__ import annotations

import numpy as np
import pytest

from gui.models.keyword import MOST_DETAILS, LiveSession, levelled, limits, mark, share, state_line
from gui.models.keyword_setup import Setup
from gui.models.keyword_training import Trainings
from labctl.service.messages_keyword import EpochTold, NetworkRow
from labctl.service.requests.keyword import SourceChoice, SpotWords
from labctl.statistics import proportion
from tests.gui.keywords import began, tally, utterance


def test_the_newest_is_looked_at_until_another_is_chosen() -> None:
    session = LiveSession()
    session.begin(began())
    for number in (1, 2, 3):
        session.add(utterance(number))
    assert session.shown is not None
    assert session.shown.number == 3
    session.choose(1)
    session.add(utterance(4))
    assert (session.shown.number, session.follows) == (1, False)
    session.choose(4)
    session.add(utterance(5))
    assert (session.shown.number, session.follows) == (5, True)


def test_layers_of_old_utterances_are_let_go_of_and_rows_stay() -> None:
    session = LiveSession()
    session.begin(began())
    for number in range(1, MOST_DETAILS + 11):
        session.add(utterance(number))
    session.choose(5)
    assert session.shown is None
    assert len(session.rows) == MOST_DETAILS + 10
    session.begin(began())
    assert session.rows == ()
    assert session.shown is None


def test_the_network_that_is_looked_at_gives_the_answer() -> None:
    session = LiveSession()
    session.begin(began("a", "b"))
    session.add(utterance(1, "a", "b"))
    session.network = "b"
    assert session.answer is not None
    assert session.answer.network == "b"
    session.begin(began("c"))
    assert session.network == "c"


def test_the_line_says_simulated_first() -> None:
    session = LiveSession()
    session.begin(began())
    session.tally = tally(7)
    assert state_line(session).startswith("SIMULATED · 7 of 40 · board 15 ms")


def test_shares_and_marks_can_be_read_without_colours() -> None:
    assert share(proportion(1, 2)) == " 50.0 [9.5, 90.5]"
    assert share(proportion(0, 0)) == "–"
    assert [mark(right) for right in (True, False, None)] == ["✓", "✗", ""]


def test_every_coefficient_is_levelled_to_its_own_spread() -> None:
    features = np.stack([np.arange(10.0) * 100, np.full(10, 3.0)], axis=1)
    found = levelled(features)
    assert found[:, 0].std() == pytest.approx(1)
    assert not found[:, 1].any()
    assert limits(np.zeros(3)) == (-0.5, 0.5)
    assert limits() == (0.0, 1.0)


def row(name: str, accuracy: float) -> NetworkRow:
    return NetworkRow(f"runs/{name}", name, "ordered", accuracy, 0, "", 0.0)


def test_the_best_network_is_ticked_and_ticks_stay() -> None:
    setup = Setup()
    assert "No network" in setup.problems()[0]
    setup.take((row("new", 0.5), row("good", 0.9)))
    assert setup.networks == ("runs/good",)
    setup.ticked = {"runs/new"}
    setup.take((row("newer", 0.95), row("new", 0.5), row("good", 0.9)))
    assert setup.networks == ("runs/new",)
    setup.models.discard("ideal")
    assert setup.request() == SpotWords(("runs/new",), SourceChoice(), ("ordered", "unordered"))
    setup.source = SourceChoice("words", text=" ")
    assert "No words" in setup.problems()[0]
    setup.source = SourceChoice("files")
    assert "No WAV files" in setup.problems()[0]


def test_curves_of_another_training_replace_the_last() -> None:
    known = Trainings()
    for epoch in (1, 2):
        known.add(EpochTold("ideal", epoch, 2.0 / epoch, 0.25 * epoch))
    assert known.curves["ideal"].accuracy == [25.0, 50.0]
    known.begin()
    assert not known.curves


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SourceChoice("test", size="tiny", limit=5), "labctl.TestWords(size='tiny', limit=5, seed=0)"),
        (SourceChoice("files", paths=("a.wav",)), "labctl.WavFiles(('a.wav',))"),
        (SourceChoice("words", text="yes no"), "labctl.TypedWords('yes no', times=1, seed=0)"),
        (SourceChoice("microphone", device="desk"), "labctl.Microphone(device='desk', threshold_db=-35.0)"),
    ],
)
def test_what_is_asked_can_be_done_by_a_script(source: SourceChoice, words: str) -> None:
    script = SpotWords(("n.safetensors",), source, record=True, real_time=True).script()
    compile(script, "script", "exec")
    assert f"labctl.spot(bench, ['n.safetensors'], {words}, record=True, every_s=1.0)" in script
