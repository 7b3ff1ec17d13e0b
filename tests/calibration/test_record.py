from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import xarray as xr

from calibration import CalibrationRecord, WrongBoard, load_record
from calibration.calibrate import calibrate
from calibration.probe import probe
from data.errors import BadInput
from tests.calibration.chips import GEOMETRY, IDENTITY, SCHEDULE, SyntheticBoard, draw_chip, measured


@pytest.fixture(scope="module")
def chip():
    return draw_chip(31)


@pytest.fixture(scope="module")
def record(chip):
    schedule = SCHEDULE.with_order(None)
    return calibrate(measured(chip, 32), IDENTITY, GEOMETRY, schedule)


def same(one, other):
    for item in fields(one):
        mine, theirs = getattr(one, item.name), getattr(other, item.name)
        if isinstance(mine, np.ndarray):
            assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), item.name
        elif hasattr(mine, "__dataclass_fields__"):
            same(mine, theirs)
        else:
            assert mine == theirs, item.name


def test_a_record_comes_back_as_it_was(record, tmp_path):
    path = record.save(tmp_path / "board.h5")
    back = load_record(path)
    assert isinstance(back, CalibrationRecord)
    same(record, back)
    assert back.content_hash == record.content_hash


def test_a_folder_gets_a_file_named_after_the_calibration(record, tmp_path):
    assert record.save(tmp_path).name == f"{record.calibration_id}-calibration.h5"


def test_others_can_read_it(record, tmp_path):
    with xr.open_dataset(record.save(tmp_path / "board.h5"), engine="h5netcdf") as data:
        assert np.array_equal(data["ordered_gain"].values, record.ordered.gain)
        assert data["ordered_tau_membrane_ns"].attrs["units"] == "ns"
        assert data["ordered_weight_curve"].dims == ("weight",)
        assert data["covariance"].dims == ("column", "parameter", "other_parameter")
        assert data.sel(weight=63)["ordered_weight_curve"].item() == record.ordered.weight_curve[-1]


def test_a_changed_record_is_refused(record, tmp_path):
    import h5py

    path = record.save(tmp_path / "board.h5")
    with h5py.File(path, "r+") as file:
        file["ordered_gain"][0] *= 1.01
    with pytest.raises(BadInput, match="ordered_gain is not what was written"):
        load_record(path)
    with h5py.File(path, "r+") as file:
        del file["ordered_gain"].attrs["checksum"]
    with pytest.raises(BadInput, match="changed after it was written"):
        load_record(path)


def test_a_record_of_an_earlier_method_is_refused(record, tmp_path):
    path = replace(record, method_version=1).save(tmp_path / "old.h5")
    with pytest.raises(BadInput, match="earlier method"):
        load_record(path)


def test_every_number_is_in_the_hash(record):
    gain = record.ordered.gain.copy()
    gain[0] *= 1 + 1e-9
    assert replace(record, ordered=replace(record.ordered, gain=gain)).content_hash != record.content_hash
    assert replace(record, temperature_c=1.0).content_hash != record.content_hash
    assert replace(record, reasons=("odd", *record.reasons[1:])).content_hash != record.content_hash


def test_half_a_file_another_file_and_no_file_are_refused(record, tmp_path):
    path = record.save(tmp_path / "board.h5")
    half = tmp_path / "half.h5"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    text = tmp_path / "text.h5"
    text.write_text("not a calibration")
    for bad in (half, text, tmp_path / "none.h5"):
        with pytest.raises(BadInput, match=bad.name):
            load_record(bad)


def test_another_board_is_refused_and_both_are_named(record):
    with pytest.raises(WrongBoard, match=r"T-000001.*T-000002"):
        record.check_identity(replace(IDENTITY, serial_number="T-000002"))
    with pytest.raises(WrongBoard, match="firmware"):
        record.check_identity(replace(IDENTITY, firmware="2.0"))
    record.check_identity(IDENTITY)


def test_a_probe_of_the_same_board_is_fresh(record, chip):
    board = SyntheticBoard(chip, 33)
    board.weights = np.ones_like(board.weights)
    result = probe(record, board)
    assert result.verdict == "fresh", str(result)
    assert abs(result.gain_ratio - 1) < 0.01
    assert not board.weights.any()


@pytest.mark.parametrize(("gain", "verdict"), [(0.95, "drifted"), (1.05, "drifted"), (0.8, "stale")])
def test_a_probe_sees_a_drift_of_the_gain(record, chip, gain, verdict):
    result = probe(record, SyntheticBoard(chip, 34, gain=gain))
    assert result.verdict == verdict, str(result)
    assert abs(result.gain_ratio - gain) < 0.015
    assert f"{100 * (result.gain_ratio - 1):+.1f}" in str(result)


def test_a_probe_sees_moved_offsets(record, chip):
    draw = np.random.default_rng(5)
    moved = replace(chip, offset=chip.offset + draw.choice([-2.0, 2.0], GEOMETRY.columns))
    result = probe(record, SyntheticBoard(moved, 35))
    assert result.verdict != "fresh"
    assert 1.5 < result.offset_shift < 2.5


def test_a_probe_refuses_another_board_and_sends_nothing(record, chip):
    board = SyntheticBoard(chip, 36, identity=replace(IDENTITY, serial_number="T-000007"))
    board.weights = np.ones_like(board.weights)
    with pytest.raises(WrongBoard):
        probe(record, board)
    assert board.weights.all()
