"""Exports, each read back by a reader that is not ours."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
import xarray as xr
from numpy.typing import NDArray
from pyarrow import parquet

from data.errors import BadInput, LabctlError
from data.export import Format, broken_plugins, export, formats, preview
from data.export.matlab import matlab_name
from data.export.names import unique
from data.metadata import RunMetadata
from data.runfile import Run, RunWriter, read_run
from data.values import Geometry, Identity
from data.variables import Variable

SUFFIXES = [".nc", ".csv", ".parquet", ".mat", ".npz"]
SLOTS = np.array([0.1, 1e-12, -2.5])
LABELS = ['plain, "quoted"', "größer", ""]
OUTPUT = np.arange(24, dtype=np.int16).reshape(3, 2, 4) - 12
GAINS = np.array([[1.0, np.nan, np.inf, 1 / 3], [0.0, -0.0, 1e300, 5e-324]])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run with two of three points measured."""
    board = Identity("Maker", "APB-1", "0042", "1.2.3", simulated=True)
    metadata = RunMetadata.new(
        "position", simulated=True, title="µ", identity=board, geometry=Geometry(), plan='{"a": 1}', seed=7
    )
    with RunWriter.create(tmp_path / "runs", metadata) as writer:
        writer.add("column", Variable(("column",), np.arange(10, 14), "1", "column number", coordinate=True))
        writer.add("slot", Variable(("point",), SLOTS, "ns", "time of the slot", coordinate=True))
        writer.add("label", Variable(("point",), np.array(LABELS)))
        writer.add("passed", Variable(("point",), np.array([True, False, True])))
        writer.add("gain", Variable(("repeat", "column"), GAINS, "V", "gain"))
        writer.add("offset", Variable((), np.array(np.nan), "V"))
        writer.stream("output", ("point", "repeat", "column"), (3, 2, 4), np.int16, "1", "ADC code", fill=-32768)
        writer.append("output", OUTPUT[:2])
        writer.finish("stopped", "enough")
    return writer.path


def test_netcdf_with_xarray(path: Path, tmp_path: Path) -> None:
    (made,) = export(path, tmp_path / "out" / "a.nc")
    with xr.open_dataset(made, engine="h5netcdf") as new, xr.open_dataset(path, engine="h5netcdf") as old:
        xr.testing.assert_identical(new.load().drop_attrs(), old.load().drop_attrs())
        assert new.attrs.keys() == old.attrs.keys()
        assert (new.attrs["status"], new.attrs["message"]) == ("stopped", "enough")
        assert new.gain.attrs["units"] == "V"
    assert read_run(made).metadata == read_run(path).metadata


def test_csv_with_pandas(path: Path, tmp_path: Path) -> None:
    made = export(path, tmp_path / "a.csv")
    assert [file.name for file in made] == [
        "a.csv",
        "a.column.csv",
        "a.json",
        "a.point-repeat-column.csv",
        "a.repeat-column.csv",
    ]
    side = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    main = pd.read_csv(tmp_path / "a.csv", skiprows=[1], keep_default_na=False)
    np.testing.assert_array_equal(main["slot"], SLOTS)
    assert main["label"].tolist() == LABELS
    assert main["passed"].tolist() == [True, False, True]
    assert main["point"].tolist() == [0, 1, 2]
    units = pd.read_csv(tmp_path / "a.csv", nrows=1).iloc[0]
    assert units["slot"] == "ns"
    gains = pd.read_csv(tmp_path / "a.repeat-column.csv", skiprows=[1], converters={"gain": float})
    np.testing.assert_array_equal(gains["gain"], GAINS.ravel())
    assert gains["column"].tolist() == [10, 11, 12, 13] * 2, "the coordinate, not the index"
    outputs = pd.read_csv(tmp_path / "a.point-repeat-column.csv", header=[0, 1])
    assert outputs.columns.tolist() == [("point", "1"), ("repeat", "1"), ("column", "1"), ("output", "1")]
    cube = outputs["output"].to_numpy().reshape(3, 2, 4)
    np.testing.assert_array_equal(cube[:2], OUTPUT[:2])
    assert np.isnan(cube[2]).all(), "not measured is empty"
    assert (side["run_id"], side["seed"], side["plan"]) == (read_run(path).metadata.run_id, 7, {"a": 1})
    assert side["identity"]["serial_number"] == "0042"
    assert side["scalars"] == {"offset": "nan"}, "JSON has no NaN"
    assert side["variables"]["gain"]["unit"] == "V"
    assert side["files"]["a.repeat-column.csv"]["dims"] == ["repeat", "column"]
    assert side["files"]["a.repeat-column.csv"]["columns"]["gain"]["long_name"] == "gain"


def test_parquet_with_pandas_and_pyarrow(path: Path, tmp_path: Path) -> None:
    export(path, tmp_path / "a.parquet")
    outputs = pd.read_parquet(tmp_path / "a.point-repeat-column.parquet")
    measured = outputs.dropna()
    assert measured["point"].unique().tolist() == [0, 1]
    np.testing.assert_array_equal(measured["output"], OUTPUT[:2].ravel())
    assert outputs["output"].isna().sum() == 8
    gains = parquet.read_table(tmp_path / "a.repeat-column.parquet")
    np.testing.assert_array_equal(gains["gain"].to_numpy(), GAINS.ravel())
    assert gains.schema.field("gain").metadata == {b"unit": b"V", b"long_name": b"gain"}
    assert gains.schema.field("gain").type == "double"
    notes = json.loads(gains.schema.metadata[b"labctl"])
    assert (notes["title"], notes["scalars"]["offset"]) == ("µ", "nan")
    points = parquet.read_table(tmp_path / "a.parquet")
    assert points["label"].to_pylist() == LABELS
    assert points["passed"].to_pylist() == [True, False, True]


def test_matlab_with_scipy(path: Path, tmp_path: Path) -> None:
    (made,) = export(path, tmp_path / "a.mat")
    read = scipy.io.loadmat(made, simplify_cells=True)
    np.testing.assert_array_equal(read["output"][:2], OUTPUT[:2])
    assert read["output"].dtype == np.int16
    np.testing.assert_array_equal(read["gain"], GAINS)
    assert read["units"]["gain"] == "V"
    assert list(read["dimensions"]["output"]) == ["point", "repeat", "column"]
    assert read["run"]["identity"]["serial_number"] == "0042"
    assert read["run"]["title"] == "µ"
    assert json.loads(read["run"]["plan"]) == {"a": 1}
    assert json.loads(read["run"]["variables"])["output"]["fill"] == -32768
    raw = scipy.io.loadmat(made)
    assert raw["slot"].shape == (3, 1), "vectors are columns"
    assert [str(cell[0]) if cell.size else "" for cell in raw["label"].ravel()] == LABELS
    assert raw["passed"].dtype in (np.uint8, np.bool_)


def test_numpy_archive(path: Path, tmp_path: Path) -> None:
    (made,) = export(path, tmp_path / "a.npz")
    with np.load(made, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["output"][:2], OUTPUT[:2], strict=True)
        np.testing.assert_array_equal(archive["gain"], GAINS, strict=True)
        assert archive["label"].tolist() == LABELS
        assert archive["passed"].dtype == bool
        side = json.loads(str(archive["metadata"]))
        assert side["variables"]["output"]["dims"] == ["point", "repeat", "column"]
        assert side["rows_done"] == 2
        assert set(archive) == {"metadata", *read_run(path).variables}
    assert zipfile.ZipFile(made).testzip() is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_overwritten_unasked(path: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    first = export(path, target)
    contents = {file: file.read_bytes() for file in first}
    with pytest.raises(BadInput, match="exists already"):
        export(path, target)
    assert export(path, target, overwrite=True) == first
    target.unlink()
    if len(first) > 1:
        with pytest.raises(BadInput, match="would be overwritten"):
            export(path, target)
        assert not target.exists()
    assert all(file.read_bytes() == content for file, content in contents.items() if file.exists() and file != target)
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failing_export_leaves_nothing(
    path: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Format, "write", full)
    with pytest.raises(LabctlError, match=r"could not be written \(No space left on device\)"):
        export(path, tmp_path / f"a{suffix}")
    assert [item.name for item in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("what", ["nothing", "calibration"])
def test_other_kinds_of_runs_export_too(tmp_path: Path, suffix: str, what: str) -> None:
    with RunWriter.create(tmp_path, RunMetadata.new(what, simulated=False)) as writer:
        if what == "calibration":
            writer.add("tau", Variable(("column",), np.array([1.0, np.inf]), "ns"))
            writer.add("covariance", Variable(("column", "parameter", "parameter2"), np.ones((2, 3, 3))))
            writer.add("reason", Variable(("column",), np.array(["", "dead"])))
            writer.add("method", Variable((), np.array("lm")))
    made = export(writer.path, tmp_path / f"b{suffix}")
    assert made[0] == tmp_path / f"b{suffix}"
    assert all(file.exists() for file in made)


def test_format_by_name_and_by_ending(path: Path, tmp_path: Path) -> None:
    assert export(path, tmp_path / "a.NPZ") == (tmp_path / "a.NPZ",)
    assert export(read_run(path), tmp_path / "plain", "npz") == (tmp_path / "plain",)
    with pytest.raises(BadInput, match=r"no export format 'excel'; there are netcdf \(\.nc\), csv"):
        export(path, tmp_path / "a.csv", "excel")
    with pytest.raises(BadInput, match=r"ending of a\.xlsx names no export format"):
        export(path, tmp_path / "a.xlsx")
    with pytest.raises(BadInput, match="JSON file beside the tables"):
        export(path, tmp_path / "a.json", "csv")
    with pytest.raises(BadInput, match="no file"):
        export(tmp_path / "none.h5", tmp_path / "b.csv")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot write"):
        export(path, tmp_path / "file" / "b.csv")


def test_tables_beside_a_name_without_an_ending_have_one(path: Path, tmp_path: Path) -> None:
    made = export(path, tmp_path / "plain", "csv")
    assert made[0] == tmp_path / "plain"
    assert len(made) > 2
    assert {item.suffix for item in made[1:]} == {".csv", ".json"}
    with pytest.raises(BadInput, match=r"plain exists already"):
        export(path, tmp_path / "plain", "csv")


def test_matlab_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    huge: NDArray[Any] = np.broadcast_to(np.zeros(1), (1 << 28, 1))
    run = Run(RunMetadata.new("big", simulated=True), {"x": Variable(("p", "q"), huge)}, Path("big.h5"))
    with pytest.raises(BadInput, match=r"x has 2\.0 GiB.*NetCDF"):
        export(run, tmp_path / "a.mat")


def test_matlab_names() -> None:
    assert matlab_name("output") == "output"
    assert matlab_name("end") == "x_end"
    assert matlab_name("2nd-try") == "x_2nd_try"
    names = unique(["a" * 70, "a" * 80, "run"], matlab_name, taken=["run"])
    assert list(names.values()) == ["a" * 63, "a" * 61 + "_2", "run_2"]


class Entry:
    """Stands for an entry point of an installed package."""

    def __init__(self, name: str, loaded: object) -> None:
        self.name = name
        self._loaded = loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def plug(monkeypatch: pytest.MonkeyPatch, *entries: Entry) -> None:
    def found(group: str) -> tuple[Entry, ...]:
        assert group == "labctl.export"
        return entries

    monkeypatch.setattr(importlib.metadata, "entry_points", found)


def test_plugins_add_formats(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(run: Run, target: Path) -> None:
        target.write_text(run.metadata.run_id)

    plug(monkeypatch, Entry("origin", Format("origin", ".opju", "OriginLab", write)))
    assert [item.name for item in formats()][-1] == "origin"
    (made,) = export(path, tmp_path / "a.opju")
    assert made.read_text() == read_run(path).metadata.run_id


def test_broken_plugins_are_named_and_harmless(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_: Run, __: Path) -> None:
        raise ZeroDivisionError("oh")

    plug(
        monkeypatch,
        Entry("lost", ModuleNotFoundError("No module named 'lost'")),
        Entry("wrong", 7),
        Entry("second", Format("csv", ".tsv", "", explode)),
        Entry("bomb", Format("bomb", ".bomb", "", explode)),
    )
    assert [item.name for item in formats()] == ["netcdf", "csv", "parquet", "matlab", "npz", "bomb"]
    assert [(item.name, item.why.split()[0]) for item in broken_plugins()] == [
        ("lost", "ModuleNotFoundError:"),
        ("wrong", "int"),
        ("second", "there"),
    ]
    with pytest.raises(BadInput, match="plug-in lost could not be loaded: ModuleNotFoundError"):
        export(path, tmp_path / "a.lost")
    with pytest.raises(LabctlError, match="could not be exported as bomb: oh"):
        export(path, tmp_path / "a.bomb")
    assert not (tmp_path / "a.bomb").exists()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("data", {"h5py", "h5netcdf", "pandas"}), ("data.export", {"pandas", "scipy", "pyarrow", "xarray", "torch"})],
)
def test_importing_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(sorted({heavy} & {{*sys.modules}}))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_large_tables_are_written_in_pieces(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-128, 128, (3000, 2, 256)).astype(np.int16)
    run = Run(
        RunMetadata.new("big", simulated=True), {"y": Variable(("point", "repeat", "column"), values)}, Path("a.h5")
    )
    export(run, tmp_path / "a.parquet")
    assert parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups > 1
    read = pd.read_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(read["y"].to_numpy().reshape(values.shape), values)
    places = np.indices(values.shape).reshape(3, -1).T
    np.testing.assert_array_equal(read[["point", "repeat", "column"]], places)


@pytest.mark.parametrize("ending", SUFFIXES)
def test_a_preview_names_the_files_and_the_first_lines_that_are_written(
    path: Path, tmp_path: Path, ending: str
) -> None:
    target = tmp_path / f"out{ending}"
    pieces = preview(path, target)
    written = {file.name: file for file in export(path, target)}
    assert {piece.file for piece in pieces} <= set(written)
    assert {file for file in written if not file.endswith(".json")} == {piece.file for piece in pieces}
    for piece in pieces:
        assert all(len(line) == len(piece.header) == len(piece.units) for line in piece.lines)
        if ending == ".csv":
            frame = pd.read_csv(written[piece.file], skiprows=[1], dtype=str, keep_default_na=False)
            assert tuple(frame.columns) == piece.header
            first = frame.head(len(piece.lines)).itertuples(index=False, name=None)
            for line, truth in zip(piece.lines, first, strict=True):
                for shown, value in zip(line, truth, strict=True):
                    assert shown in (value, value.strip('"')) or float(shown) == pytest.approx(float(value), rel=1e-5)
        if ending == ".parquet":
            table = parquet.read_table(written[piece.file])
            assert tuple(table.column_names) == piece.header
            assert piece.title.startswith(f"{table.num_rows} lines")
        if ending == ".mat":
            assert {line[0] for line in piece.lines} <= set(scipy.io.loadmat(written[piece.file]))
