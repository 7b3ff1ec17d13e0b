"""The time of a run: it is the computer's, and goes on evenly whatever is done to the computer's clock."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from data.clock import RunClock
from data.errors import BadInput
from data.export import export
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_run


def test_a_clock_that_is_set_back_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.time()
    clock = RunClock.start()
    assert before <= clock.began_s <= time.time()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    start, at = time.perf_counter(), clock.now()
    time.sleep(0.02)
    assert clock.now() - at == pytest.approx(time.perf_counter() - start, abs=0.01)
    assert at - before < 60
    assert clock.at(clock.elapsed()) == pytest.approx(clock.now(), abs=0.01)


def test_others_read_dates(tmp_path: Path) -> None:
    began = np.datetime64(time.time_ns(), "ns")
    with RunWriter.create(tmp_path, RunMetadata.new("test", simulated=True)) as writer:
        writer.stream_time("row", 3, "when the row had been measured")
        writer.stream("y", ("row",), (3,), np.int16)
        for value in (5, 6):
            writer.append_row(time=writer.clock.now(), y=value)
        writer.checkpoint()
        with pytest.raises(BadInput, match="has a variable 'time' already"):
            writer.stream_time("row", 3, "again")
    for path in (writer.path, *export(writer.path, tmp_path / "copy.nc")):
        with xr.open_dataset(path, engine="h5netcdf", decode_cf=True) as dataset:
            assert set(dataset.y.coords) == {"time"}
            assert dataset.time.dtype.kind == "M"
            first, second, none = dataset.time.values
            assert began - np.timedelta64(1, "ms") <= first <= second <= np.datetime64(time.time_ns(), "ns")
            assert np.isnat(none)
    table = export(writer.path, tmp_path / "rows.csv")[0].read_text(encoding="utf-8")
    assert float(table.splitlines()[-2].split(",")[1]) == read_run(writer.path).values("time")[1]
