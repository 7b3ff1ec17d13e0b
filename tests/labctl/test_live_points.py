"""What a live view is told of a run, and its tables: small, complete, and the same as from the file."""

from __future__ import annotations

import csv
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from data.axes import LinearAxis, ListAxis
from data.errors import BadInput, LabctlError
from data.scan import BoardSweep, ScanPlan
from data.scanfile import scan_plan_as_json
from data.scanrun import read_scan
from labctl import save_curves
from labctl.engine import Rows
from labctl.service.messages import MEAN_OUTPUT, TIME, TRIAL_NOISE, Answered, Failed, Message, Points, RunBegan, RunData
from labctl.service.points import MOST_IMAGE_ROWS, every_of, joined, points_of
from labctl.service.request import Request
from labctl.service.requests.bench import BOARD, Connect, UseBench
from labctl.service.requests.curves import SaveCurves
from labctl.service.requests.runs import OpenRun, RunScan, RunSweeps
from labctl.service.service import Service

BENCH = """
name = "small"
runs = "runs"
[board.emulator]
seed = 7
link = "tcp"
physics = ["geometry=16x8"]
"""
PLAN = ScanPlan(
    axes=(
        ListAxis(set="schedule.spacing_ns", values=(8.0, 16.0, 40.0)),
        LinearAxis(set="schedule.sends", start=1, stop=2, points=2),
    ),
    snake=True,
    read=("board.temperature",),
    sweep=BoardSweep(kind="random", most_points=5),
    title="small",
)
PATIENCE_S = 60.0
Ask = Callable[[Request], object]


class Bench:
    """A service with a small emulated board, and what it has told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[Message] = []
        self.service = Service(self.told.append)
        self.service.start()
        self._number = 0
        file = folder / "bench.toml"
        file.write_text(BENCH, encoding="utf-8")
        self.answer(UseBench(str(file), runs=str(folder / "runs")))
        self.answer(Connect(BOARD))

    def reply(self, request: Request) -> Answered | Failed:
        self._number += 1
        self.service.submit(self._number, request)
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            for message in list(self.told):
                if isinstance(message, Answered | Failed) and message.number == self._number:
                    return message
            time.sleep(0.01)
        raise AssertionError(f"no answer to {request}")

    def answer(self, request: Request) -> object:
        reply = self.reply(request)
        assert isinstance(reply, Answered), reply
        return reply.value

    def live(self, run_id: str) -> dict[str, np.ndarray]:
        """All that was told of a run, put together; waits for the last of it."""
        time.sleep(0.2)  # the feed looks twenty times a second
        parts = [item for item in self.told if isinstance(item, Points) and item.run_id == run_id]
        assert [part.first for part in parts] == list(
            np.cumsum([0, *(len(part.values[MEAN_OUTPUT]) for part in parts)])[:-1]
        )
        found = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
        found["rows"] = np.concatenate([part.rows for part in parts if part.rows is not None])
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("points")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        yield made
    finally:
        made.service.close()


def test_a_live_scan_tells_what_its_file_will_say(bench: Bench, tmp_path: Path) -> None:
    file = bench.answer(RunScan(scan_plan_as_json(PLAN), "small"))
    assert isinstance(file, str)
    opened = bench.answer(OpenRun(file))
    assert isinstance(opened, RunData)
    began = next(item for item in bench.told if isinstance(item, RunBegan))
    live = bench.live(began.run_id)
    scan = read_scan(file)
    assert scan.outputs is not None
    assert live[MEAN_OUTPUT] == pytest.approx(scan.outputs.mean(axis=(1, 2, 3)))
    assert live["board.temperature"] == pytest.approx(scan.readings["board.temperature"])
    assert set(live) == {*opened.points.values, "rows"}
    for name, values in opened.points.values.items():
        assert live[name] == pytest.approx(values), name
    assert live["rows"] == pytest.approx(opened.points.rows)
    assert (began.quantities, began.labels, began.shape) == (
        opened.began.quantities,
        opened.began.labels,
        opened.began.shape,
    )
    assert began.quantities["board.temperature"] == "degC"
    assert began.labels["board.temperature"]
    assert began.axes.keys() == opened.began.axes.keys()
    assert began.board == opened.began.board

    out = tmp_path / "curves.csv"
    request = SaveCurves((file,), str(out), "schedule.spacing_ns", ("board.temperature", "column 3"))
    assert bench.answer(request) == str(out)
    with out.open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["run", "index", "schedule.spacing_ns (ns)", "board.temperature (degC)", "column 3"]
    assert [float(row[2]) for row in rows[1:]] == scan.settings["schedule.spacing_ns"].tolist()
    assert [float(row[4]) for row in rows[1:]] == pytest.approx(scan.outputs[..., 3].mean(axis=(1, 2)).tolist())
    assert {row[0] for row in rows[1:]} == {began.run_id}
    namespace: dict[str, object] = {}
    exec(f"import labctl\npath = {request.script()}", namespace)
    assert namespace["path"] == out
    refused = bench.reply(SaveCurves((file,), str(out), "index", ("colour",)))
    assert isinstance(refused, Failed)
    assert "has no colour" in refused.trouble.sentence


def test_a_live_sweep_tells_means_noise_and_columns(bench: Bench) -> None:
    files = bench.answer(RunSweeps(("random",)))
    assert isinstance(files, tuple)
    began = next(item for item in bench.told if isinstance(item, RunBegan))
    live = bench.live(began.run_id)
    from data.sweepfile import read_sweep

    outputs = read_sweep(files[0]).outputs
    assert live[MEAN_OUTPUT] == pytest.approx(outputs.mean(axis=(1, 2)), abs=1e-4)
    assert live[TRIAL_NOISE] == pytest.approx(outputs.std(axis=1, ddof=1).mean(axis=1), abs=1e-4)
    every = every_of(len(outputs))
    assert live["rows"] == pytest.approx(outputs.mean(axis=1)[::every], abs=1e-4)
    assert (np.diff(live[TIME]) >= 0).all()


def test_what_is_told_of_a_long_run_stays_small() -> None:
    rng = np.random.default_rng(1)
    total, batch, sent, images = 200_000, 2048, 0, []
    outputs = rng.integers(-128, 128, (batch, 1, 256)).astype(np.int16)
    every = every_of(total)
    for first in range(0, total - batch, batch):
        points = points_of("run", first, {"output": outputs}, every=every)
        sent += len(pickle.dumps(points))
        assert points.rows is not None
        images.append(points.rows)
        assert np.array_equal(points.rows, outputs[-first % every :: every, 0])
    assert TRIAL_NOISE not in points.values
    assert sum(map(len, images)) <= MOST_IMAGE_ROWS
    assert sent < 20 * total, "less than twenty bytes a vector of 256 columns"


def test_rows_that_follow_on_from_one_another_travel_together() -> None:
    def rows(first: int, count: int) -> Rows:
        return Rows(first, {"a": np.arange(first, first + count)})

    pieces = joined([rows(0, 2), rows(2, 3), rows(9, 1), Rows(0, {}), rows(10, 2)])
    assert [(first, values["a"].tolist()) for first, values in pieces] == [(0, [0, 1, 2, 3, 4]), (9, [9, 10, 11])]


def test_a_table_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run"):
        save_curves([], tmp_path / "x.csv")
    with pytest.raises(LabctlError):
        save_curves([tmp_path / "none.h5"], tmp_path / "x.csv")
