"""Run files: what goes in comes out, for us and for xarray, however the run ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadInput, Cancelled, LabctlError
from data.metadata import RunMetadata
from data.runfile import Run, RunWriter, read_metadata, read_run, write_run
from data.values import Geometry, Identity
from data.variables import Variable

BOARD = Identity("Maker", "APB-1", "0042", "1.2.3", simulated=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NUMBERS = st.sampled_from(
    [np.dtype(code) for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "?")]
)


def metadata(**fields: Any) -> RunMetadata:
    return RunMetadata.new("test", simulated=True, **fields)


def same(one: Variable, other: Variable) -> None:
    assert (one.dims, one.unit, one.long_name, one.coordinate, one.fill) == (
        other.dims,
        other.unit,
        other.long_name,
        other.coordinate,
        other.fill,
    )
    assert one.values.dtype.kind == other.values.dtype.kind
    np.testing.assert_array_equal(one.values, other.values, strict=one.values.dtype.kind != "U")


@st.composite
def variables(draw: st.DrawFn) -> Variable:
    dtype = draw(NUMBERS)
    values = draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, max_side=5)))
    dims = tuple(f"d{axis}_{size}" for axis, size in enumerate(values.shape))
    return Variable(dims, np.asarray(values), draw(TEXT), draw(TEXT), draw(st.booleans()))


@given(arrays=st.lists(variables(), max_size=4))
@settings(max_examples=60, deadline=None)
def test_numbers_round_trip(tmp_path_factory: pytest.TempPathFactory, arrays: list[Variable]) -> None:
    with RunWriter.create(tmp_path_factory.mktemp("run"), metadata()) as writer:
        for number, variable in enumerate(arrays):
            writer.add(f"v{number}", variable)
    read = read_run(writer.path)
    assert list(read.variables) == [f"v{number}" for number in range(len(arrays))]
    for number, variable in enumerate(arrays):
        same(variable, read.variables[f"v{number}"])


@given(texts=st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_text_round_trips(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    with RunWriter.create(tmp_path_factory.mktemp("run"), metadata()) as writer:
        writer.add("words", Variable(("word",), np.array(texts, dtype=object)))
        writer.add("one", Variable((), np.array(texts[0])))
    read = read_run(writer.path)
    assert read.values("words").tolist() == texts
    assert read.values("one").item() == texts[0]


@given(title=TEXT, comment=TEXT, seed=st.none() | st.integers(0, 2**62), simulated=st.booleans(), board=st.booleans())
@settings(max_examples=40, deadline=None)
def test_metadata_round_trips(
    tmp_path_factory: pytest.TempPathFactory, title: str, comment: str, seed: int | None, simulated: bool, board: bool
) -> None:
    given_metadata = RunMetadata.new(
        "held-out",
        simulated=simulated,
        title=title,
        comment=comment,
        seed=seed,
        identity=BOARD if board else None,
        geometry=Geometry(columns=17) if board else None,
        plan='{"a": [1, null]}',
        counterpart="20261122-144700-3f2a",
        calibration_id="c",
        calibration_hash="h",
    )
    with RunWriter.create(tmp_path_factory.mktemp("run"), given_metadata) as writer:
        writer.finish("aborted", "the lid was opened: 3 µs too late")
    read = read_metadata(writer.path)
    assert replace(read, status="running", ended="", message="") == given_metadata
    assert (read.status, read.message) == ("aborted", "the lid was opened: 3 µs too late")
    assert read.ended >= read.started
    assert writer.path.name == f"{given_metadata.run_id}-held-out.h5"


def test_xarray_reads_dimensions_coordinates_units(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata(identity=BOARD)) as writer:
        writer.add("column", Variable(("column",), np.arange(10, 13), "1", "column of the array", coordinate=True))
        writer.add("spacing", Variable(("point",), np.array([8.0, 16.0]), "ns", "event spacing", coordinate=True))
        writer.add("label", Variable(("point",), np.array(["a", "b"]), coordinate=True))
        writer.add("passed", Variable(("column",), np.array([True, False, True])))
        writer.stream("output", ("point", "column"), (2, 3), np.int16, "1", "ADC code", fill=-32768)
        writer.append("output", [[1, 2, -128]])
        writer.checkpoint()
    with xr.open_dataset(writer.path, engine="h5netcdf") as dataset:
        assert dict(dataset.sizes) == {"column": 3, "point": 2}
        assert set(dataset.coords) == {"column", "spacing", "label"}
        assert dataset.spacing.attrs["units"] == "ns"
        assert dataset.output.attrs["long_name"] == "ADC code"
        assert dataset.output.dims == ("point", "column")
        assert set(dataset.output.coords) == {"column", "spacing", "label"}
        assert dataset.passed.dtype == bool
        np.testing.assert_array_equal(dataset.output, [[1, 2, -128], [np.nan] * 3])
        assert dataset.label.values.tolist() == ["a", "b"]
        assert dataset.attrs["status"] == "complete"
        assert dataset.attrs["origin"] == "simulated"
        assert json.loads(dataset.attrs["identity"])["serial_number"] == "0042"
        assert int(dataset.rows_done) == 1


def test_no_attribute_is_of_a_type_that_netcdf_lacks(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata(identity=BOARD)) as writer:
        writer.add("x", Variable(("p",), np.array([True]), fill=None))
        writer.stream("y", ("p",), (1,), float, fill=np.nan)
    with h5py.File(writer.path) as file:
        for thing in (file, file["x"], file["y"]):
            for name, value in thing.attrs.items():
                assert np.asarray(value).dtype.kind in "iufUSOV", name
                assert not isinstance(value, h5py.Empty)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("the lamp broke"), "failed"), (Cancelled("enough"), "stopped"), (KeyboardInterrupt(), "stopped")],
)
def test_an_exception_is_how_the_run_ended(tmp_path: Path, error: BaseException, status: str) -> None:
    def work() -> None:
        with RunWriter.create(tmp_path, metadata()) as writer:
            writer.stream("y", ("p",), (3,), np.int8)
            writer.append("y", [1, 2])
            raise error

    with pytest.raises(type(error)):
        work()
    (path,) = tmp_path.iterdir()
    run = read_run(path)
    assert run.metadata.status == status
    assert run.metadata.message == (str(error) or "stopped with Ctrl-C")
    assert run.rows_done == 2, "rows written before the end count"
    np.testing.assert_array_equal(run.values("y"), [1, 2, 0])


def test_streams_of_unknown_length_grow(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(1000, 3))
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.stream("t", ("time",), (None,), np.float64, "K")
        writer.stream("y", ("time", "axis"), (None, 3), np.float64)
        for start in range(0, 1000, 300):
            writer.append("y", rows[start : start + 300])
            writer.append("t", rows[start : start + 300, 0])
            assert writer.checkpoint() == min(start + 300, 1000)
    run = read_run(writer.path)
    np.testing.assert_array_equal(run.values("y"), rows)
    np.testing.assert_array_equal(run.values("t"), rows[:, 0])
    assert run.rows_done == 1000


def test_rows_done_is_what_every_stream_has_and_never_shrinks(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.stream("a", ("p",), (5,), np.int8)
        writer.stream("b", ("p",), (5,), np.int8)
        writer.append("a", [1, 2, 3])
        writer.append("b", [1, 2])
        assert writer.checkpoint() == 2
        writer.write_rows("b", 4, [1])  # leaves a gap at 2
        assert writer.checkpoint() == 2
        writer.stream("late", ("p",), (5,), np.int8)
        assert writer.checkpoint() == 2
        with pytest.raises(BadInput, match="only 0 rows"):
            writer.checkpoint(4)
    assert read_run(writer.path).rows_done == 2


def test_a_long_message_is_cut_at_a_whole_letter(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.finish("failed", "ü" * 2000)
    assert read_metadata(writer.path).message == "ü" * 512


def test_a_finished_run_takes_nothing_more(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.finish()
        with pytest.raises(LabctlError, match="has ended"):
            writer.add("x", Variable((), np.array(1)))
        with pytest.raises(LabctlError, match="has ended"):
            writer.finish()
    assert read_metadata(writer.path).status == "complete"


@pytest.mark.parametrize(
    ("name", "variable", "sentence"),
    [
        ("1st", Variable((), np.array(1)), "begin with a letter"),
        ("a/b", Variable((), np.array(1)), "begin with a letter"),
        ("x", Variable(("p", "p"), np.zeros((2, 2))), "twice"),
        ("x", Variable(("p",), np.zeros((2, 2))), "2 dimensions and 1 names"),
        ("x", Variable(("p",), np.zeros(0)), "empty"),
        ("x", Variable(("p",), np.zeros(2, complex)), "complex128"),
        ("x", Variable(("p",), np.zeros(2, "M8[s]")), "times as a number"),
        ("x", Variable(("p",), np.array([1, None], object)), "object"),
        ("x", Variable(("p",), np.array(["a\0b"])), "NUL"),
        ("x", Variable(("seven",), np.zeros(3)), "length 7 here, not 3"),
        ("seven", Variable(("p",), np.zeros(3)), "name of a dimension"),
        ("x", Variable(("known",), np.zeros(3)), "variable known"),
        ("known", Variable((), np.array(1)), "already"),
        ("rows_done", Variable((), np.array(1)), "already"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path: Path, name: str, variable: Variable, sentence: str) -> None:
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.add("known", Variable(("seven",), np.zeros(7)))
        with pytest.raises(BadInput, match=sentence):
            writer.add(name, variable)
        writer.add("after", Variable((), np.array(1)))
    assert set(read_run(writer.path).variables) == {"known", "after"}


@pytest.mark.parametrize(
    ("start", "rows", "sentence"),
    [
        (0, np.zeros((1, 3), np.int8), "rows x 2"),
        (0, np.zeros(2, np.int8), "rows x 2"),
        (3, np.zeros((2, 2), np.int8), "3..4 lie outside the 4"),
        (-1, np.zeros((1, 2), np.int8), "outside"),
        (0, np.full((1, 2), 128), "outside its range"),
        (0, np.full((1, 2), 0.5), "not float64"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, start: int, rows: Any, sentence: str) -> None:
    with RunWriter.create(tmp_path, metadata()) as writer:
        writer.stream("y", ("p", "q"), (4, 2), np.int8, fill=-1)
        with pytest.raises(BadInput, match=sentence):
            writer.write_rows("y", start, rows)
    assert (read_run(writer.path).values("y") == -1).all()


def test_a_field_that_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    for wrong in (replace(metadata(), kind="../x"), replace(metadata(), run_id="now"), metadata(comment="a\0b")):
        with pytest.raises(BadInput):
            RunWriter.create(tmp_path, wrong)
    assert not list(tmp_path.iterdir())


def test_a_run_in_memory_is_written_and_read_back_the_same(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, metadata(identity=BOARD)) as writer:
        writer.add("x", Variable(("p",), np.arange(9.0), "V", "position", coordinate=True))
        writer.stream("y", ("p", "q"), (9, 2), np.int16, fill=-32768)
        writer.append("y", [[1, 2]])
        writer.finish("stopped", "enough")
    run = read_run(writer.path)
    write_run(run, tmp_path / "copy.nc")
    copy = read_run(tmp_path / "copy.nc")
    assert copy.metadata == run.metadata
    assert copy.rows_done == run.rows_done == 1
    for name, variable in run.variables.items():
        same(variable, copy.variables[name])
    with pytest.raises(BadInput, match="exists already"):
        write_run(run, tmp_path / "copy.nc")


def test_a_missing_variable_names_those_there_are() -> None:
    run = Run(metadata(), {"volt": Variable((), np.array(1))}, Path("a.h5"))
    with pytest.raises(BadInput, match="'ohm'; it has volt"):
        run.values("ohm")
