"""Calibrations as a window asks for them, on a real service with a small emulated board."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from calibration.record import load_record
from labctl import measuring
from labctl.bench import Bench
from labctl.calibrations.values import (
    CalibrationDifference,
    CalibrationEntry,
    CalibrationHistory,
    CalibrationView,
    OrderCurves,
    Probed,
)
from labctl.service.applied import Applied
from labctl.service.messages import Message
from labctl.service.messages_calibration import CalibrationInUse
from labctl.service.remembered import RememberedCalibrations
from labctl.service.requests.bench import BOARD, Connect, Disconnect, UseBench
from labctl.service.requests.calibration import (
    ApplyCalibration,
    Calibrate,
    CompareCalibrations,
    ListCalibrations,
    ListSweeps,
    OpenCalibration,
    OpenCalibrationHistory,
    OpenOrderCurves,
    RevertCalibration,
)
from tests.calibration.chips import small_plans
from tests.labctl.test_service import Told

BENCH = """
runs = "runs"
[board.emulator]
seed = 5
link = "tcp"
physics = ["geometry=32x12", "gain=0.008"]
"""


def test_a_board_is_calibrated_looked_at_compared_and_the_calibration_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bench.toml").write_text(BENCH, encoding="utf-8")
    monkeypatch.setattr(measuring, "standard_plans", lambda array, schedule, **_: small_plans(array, schedule))
    told = Told()
    told.service.start()
    try:
        told.answer(UseBench(file=str(tmp_path / "bench.toml")))
        told.answer(Connect(BOARD))
        entry = told.answer(Calibrate())
        assert isinstance(entry, CalibrationEntry)
        assert entry.simulated
        assert load_record(entry.file).calibration_id == entry.calibration_id
        sweeps = told.answer(ListSweeps())
        assert isinstance(sweeps, tuple)
        assert sorted(item.kind for item in sweeps if item.suggested) == sorted(
            ("baseline", "single-row", "position", "permutations", "timing", "random", "held-out")
        )
        again = told.answer(Calibrate(runs=tuple(item.file for item in reversed(sweeps))))
        assert isinstance(again, CalibrationEntry)
        listed = told.answer(ListCalibrations())
        assert isinstance(listed, tuple)
        assert [item.calibration_id for item in listed] == [again.calibration_id, entry.calibration_id]
        view = told.answer(OpenCalibration(entry.file))
        assert isinstance(view, CalibrationView)
        assert len(view.runs) == 7
        curves = told.answer(OpenOrderCurves(entry.file))
        assert isinstance(curves, OrderCurves)
        assert not curves.missing
        difference = told.answer(CompareCalibrations(again.file, entry.file))
        assert isinstance(difference, CalibrationDifference)
        assert all(item.beyond == 0 for item in difference.parameters), "the same sweeps give the same calibration"
        history = told.answer(OpenCalibrationHistory(entry.board))
        assert isinstance(history, CalibrationHistory)
        assert len(history.points) == 2
        _apply_and_revert(told, entry, again)
        assert told.refusal(OpenCalibration(sweeps[0].file)).trouble.kind == "input"
        told.answer(Disconnect(BOARD))
        assert "no board is connected" in told.refusal(ApplyCalibration(entry.file)).trouble.sentence
    finally:
        told.service.close()
    _ask_again_of_other_services(tmp_path, entry, caplog)


def _apply_and_revert(told: Told, entry: CalibrationEntry, again: CalibrationEntry) -> None:
    session = told.service.session
    assert session.calibration == "latest"
    elsewhere = session.runs.parent / Path(entry.file).name
    elsewhere.write_bytes(Path(entry.file).read_bytes())
    assert "is not among the runs in" in told.refusal(ApplyCalibration(str(elsewhere))).trouble.sentence
    assert session.calibration == "latest"
    found = told.answer(ApplyCalibration(entry.file))
    assert isinstance(found, Probed)
    assert found.verdict in ("fresh", "drifted")
    assert session.calibration == entry.calibration_id
    told.answer(ApplyCalibration(again.file))
    assert session.calibration == again.calibration_id
    assert told.all(CalibrationInUse)[-1].before == entry.calibration_id
    memory = RememberedCalibrations(session.runs)
    assert memory.of(entry.board) == again.calibration_id
    assert told.answer(RevertCalibration()) == entry.calibration_id
    assert memory.of(entry.board) == entry.calibration_id
    assert told.answer(RevertCalibration()) == "latest"
    assert memory.of(entry.board) == ""
    assert "none" not in told.all(CalibrationInUse)[-1].words
    assert "no calibration has been applied" in told.refusal(RevertCalibration()).trouble.sentence


def _ask_again_of_other_services(folder: Path, entry: CalibrationEntry, caplog: pytest.LogCaptureFixture) -> None:
    """Each with the board of the bench file: what was in use is in use again once the board has said that it holds."""
    caplog.set_level("INFO")
    assert _in_use_after_connecting(folder, BENCH) == "latest"
    RememberedCalibrations(folder / "runs").keep(entry.board, entry.calibration_id)
    assert _in_use_after_connecting(folder, BENCH) == entry.calibration_id
    assert f"calibration {entry.calibration_id} is in use on {entry.board} again" in caplog.text
    assert _in_use_after_connecting(folder, BENCH.replace("seed = 5", "seed = 6")) == "latest", "another board"
    moved = BENCH.replace("gain=0.008", "gain=0.016")
    assert _in_use_after_connecting(folder, moved) == "latest", "the same board, which has moved"
    assert "calibrate again" in caplog.text
    assert _in_use_after_connecting(folder, BENCH) == "latest", "what did not hold is forgotten"


def _in_use_after_connecting(folder: Path, bench: str) -> str:
    (folder / "bench.toml").write_text(bench, encoding="utf-8")
    told = Told()
    told.service.start()
    try:
        told.answer(UseBench(file=str(folder / "bench.toml")))
        told.answer(Connect(BOARD))
        return told.service.session.calibration
    finally:
        told.service.close()


def test_a_calibration_that_is_stopped_keeps_its_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench.toml").write_text(BENCH, encoding="utf-8")
    monkeypatch.setattr(measuring, "standard_plans", lambda array, schedule, **_: small_plans(array, schedule))
    told = Told()
    told.service.start()
    try:
        told.answer(UseBench(file=str(tmp_path / "bench.toml")))
        told.answer(Connect(BOARD))
        number = told.ask(Calibrate())
        told.until(lambda: any((tmp_path / "runs").glob("*.h5")))
        told.service.cancel(number)
        reply = told.until(lambda: told.reply(number))
        assert getattr(reply, "trouble").kind == "stopped"  # noqa: B009
        assert told.answer(ListCalibrations()) == ()
        assert any((tmp_path / "runs").glob("*-baseline.h5"))
    finally:
        told.service.close()


def test_what_was_taken_back_or_is_gone_is_not_in_use_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = RememberedCalibrations(tmp_path)
    memory.keep("EMU-5", "20260101-000000-abcd")
    memory.keep("EMU-6", "20260102-000000-abcd")
    assert memory.of("EMU-5") == "20260101-000000-abcd"
    memory.keep("EMU-6", "")
    assert memory.of("EMU-6") == ""
    board = SimpleNamespace(identity=SimpleNamespace(serial_number="EMU-5"))
    told: list[Message] = []
    Applied(told.append).recall(cast(Bench, SimpleNamespace(board=board, runs=tmp_path)))
    assert "is not in use again" in caplog.text
    assert memory.of("EMU-5") == ""
    assert not told
