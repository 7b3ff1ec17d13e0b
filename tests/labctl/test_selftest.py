"""Faults on every kind of link do no harm, and the judge of the campaigns sees harm where it is done."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadInput, LabctlError
from drivers import open_board
from labctl.cli import run
from labctl.selftest import faults, session, soak
from labctl.selftest.faults import CampaignOptions, run_campaign
from labctl.selftest.link import LinkRate, measure_links
from labctl.selftest.places import LINKS, Boards, emulated_boards
from labctl.selftest.session import Reference, Session
from labctl.selftest.soak import Sample, grown
from labctl.selftest.verdict import CampaignResult, Tally
from labctl.selftest.workload import PHYSICS, Workload, draw_workload

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")

MOST_HARMFUL = ("flip", "drop/in", "cut", "hangup", "late", "other-board")


def check(result: CampaignResult, kinds: int) -> None:
    assert result.complaints == ()
    assert result.total.clean
    assert len(result.cells) == kinds * len(LINKS)
    assert all(tally.injected >= 1 for tally in result.cells.values())
    assert 0 < result.slowest_s < result.deadline_s


def test_the_most_harmful_faults_do_no_harm_on_any_link() -> None:
    check(run_campaign(CampaignOptions(faults=1, seed=7, kinds=MOST_HARMFUL)), len(MOST_HARMFUL))


@pytest.mark.slow
def test_no_fault_does_harm_on_any_link() -> None:
    check(run_campaign(CampaignOptions(faults=240, seed=8)), 16)


@pytest.fixture(scope="module")
def workload() -> Workload:
    return draw_workload(3, points=18)


@pytest.fixture(scope="module")
def boards() -> Iterator[Boards]:
    with emulated_boards(3, PHYSICS) as both:
        yield both


@pytest.fixture(scope="module")
def reference(boards: Boards, workload: Workload) -> Reference:
    return faults._without_faults(workload, str(boards.board.tcp))


def observed(boards: Boards, workload: Workload, reference: Reference) -> session.Observed:
    with boards.proxy("tcp", 0) as proxy:
        one = Session(LINKS["tcp"](proxy), boards.board.serial_number, workload, reference)
        one.start()
        assert one.join(60)
    return one.observed


def test_without_faults_there_is_nothing_to_see(boards: Boards, workload: Workload, reference: Reference) -> None:
    seen = observed(boards, workload, reference)
    assert (seen.wrong_values, seen.lost_rows, seen.overdue, seen.failure) == (0, 0, [], "")
    assert boards.unsafe(workload.safe_digests()) == ""


def test_the_judge_sees_one_wrong_value(boards: Boards, workload: Workload, reference: Reference) -> None:
    outputs = reference.outputs.copy()
    outputs[3, 1, 4] += 1
    assert observed(boards, workload, replace(reference, outputs=outputs)).wrong_values == 1
    layers = reference.trace.layers
    spoilt = replace(layers[0], block_outputs=layers[0].block_outputs ^ 1)
    wrong = replace(reference, trace=replace(reference.trace, layers=(spoilt, *layers[1:])))
    assert observed(boards, workload, wrong).wrong_values == spoilt.block_outputs.size


def test_the_judge_sees_lost_rows(
    boards: Boards, workload: Workload, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Workload.sweep

    def boast(self: Workload, processor: object, folder: Path, acknowledge: object, engine: object) -> object:
        acknowledge(self.plan.points + 2)  # type: ignore[operator]
        return done(self, processor, folder, acknowledge, engine)  # type: ignore[arg-type]

    monkeypatch.setattr(Workload, "sweep", boast)
    assert observed(boards, workload, reference).lost_rows == 2 * workload.plan.repeats


def test_the_judge_sees_slow_calls(
    boards: Boards, workload: Workload, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CALL_S", 0.0)
    assert any("multiply took" in sentence for sentence in observed(boards, workload, reference).overdue)


def test_the_judge_sees_a_board_that_is_left_on(
    boards: Boards, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.selftest.places.SAFE_S", 0.1)
    host, port = str(boards.other.tcp).split(":")
    with socket.create_connection((host, int(port)), timeout=5) as somebody:
        somebody.sendall(b"SUPP:STAT ON;*OPC?\n")
        assert somebody.recv(10) == b"1\n"
        assert boards.unsafe(workload.safe_digests()) == "EMU-000004 still has its supply on"
    assert boards.unsafe(workload.safe_digests()) == ""
    with open_board(str(boards.board.tcp)) as board:
        board.program(np.ones((32, 16), np.int8))
        board.set("supply", value=False)
        assert boards.unsafe(workload.safe_digests()) == "EMU-000003 still holds weights"


def test_tallies_add_up() -> None:
    cells = {("tcp", "flip"): Tally(3, 1, 0, 2, 0), ("tcp", "cut"): Tally(1), ("pty", "flip"): Tally(2, 0, 5, 0, 1)}
    result = CampaignResult(cells, 1.0, 2.0, 0, 1)
    assert result.total == Tally(6, 1, 5, 2, 1)
    assert not result.total.clean
    assert result.by_kind() == {"flip": Tally(5, 1, 5, 2, 1), "cut": Tally(1)}
    assert result.by_link()["tcp"] == Tally(4, 1, 0, 2, 0)
    document = result.document()
    assert (document["injected"], document["lost_rows"]) == (6, 5)


def test_the_command_prints_the_counts_and_fails_on_harm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CampaignResult({("tcp", "flip"): Tally(injected=4)}, 1.0, 2.0, 0, 1)
    monkeypatch.setattr(faults, "run_campaign", lambda options, listener: result)
    assert run(["selftest", "faults", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [document[name] for name in ("injected", "wrong_values", "lost_rows", "hangs", "unsafe")] == [4, 0, 0, 0, 0]
    assert document["kinds"]["flip"] == document["links"]["tcp"] == document["cells"]["tcp"]["flip"]
    result = replace(result, cells={("tcp", "flip"): Tally(4, unsafe=1)}, complaints=("left on",))
    assert run(["selftest", "faults"]) == 1
    assert "left on" in capsys.readouterr().err
    monkeypatch.undo()
    assert run(["selftest", "faults", "--kind", "flop"]) == 2
    assert run(["selftest", "link", "--link", "carrier-pigeon"]) == 2
    assert "there is no link carrier-pigeon here" in capsys.readouterr().err


def test_the_rate_of_a_link_is_measured() -> None:
    """Not how fast it is: the computer that runs the tests has other things to do."""
    (rate,) = measure_links(("tcp",), batches=12, rounds=1).values()
    assert isinstance(rate, LinkRate)
    assert rate.efficiency > 0
    assert rate.vectors_per_s > 0
    assert rate.echo_vectors_per_s < 1.5 * rate.wire_bytes_per_s / 512  # a wire makes up for a little of each wait


def test_an_endurance_test_sees_what_grows() -> None:
    flat = [Sample(float(n), 100 + n % 2, 10, 2, 5 + n % 3, 60) for n in range(30)]
    assert grown(flat) == []
    for name, step in (("memory_mb", 1.0), ("files", 1), ("threads", 1), ("p99_ms", 10.0)):
        rising = [replace(s, **{name: getattr(s, name) + n * step}) for n, s in enumerate(flat)]
        (sentence,) = grown(rising)
        assert sentence.startswith(f"{name} has grown from")
    with pytest.raises(LabctlError, match="three rounds"):
        grown(flat[:2])
    with pytest.raises(BadInput, match="not a time"):
        soak.run_soak(0)


def test_a_short_endurance_test(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PIECES", 20)
    monkeypatch.setattr(soak, "SLOWER_S", 10.0)
    assert run(["selftest", "soak", "--minutes", "0.001", "--link", "tcp", "--link", "pty-pyserial", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["flat"] is True
    assert document["wrong_values"] == 0
    assert len(document["samples"]) == 3
