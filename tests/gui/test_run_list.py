from __future__ import annotations

import time

from gui.models.run_list import (
    BOARD,
    COLUMNS,
    CROSSED,
    KIND,
    MOST_TICKED,
    SIZE,
    STARRED,
    STARTED,
    RunList,
    cell,
    compared,
)
from labctl.service.messages_runs import RunRow, RunsChanged, Stamp


def row(number: int, kind: str = "random", status: str = "complete", *, stamp: Stamp = "", size: int = 1) -> RunRow:
    run_id = f"20261122-1{number:05d}-{number:04x}"
    return RunRow(f"/runs/{run_id}.h5", run_id, kind, status, started="2026-11-22T12:00:00Z", stamp=stamp, size=size)


def filled(*rows: RunRow) -> RunList:
    runs = RunList()
    runs.take(RunsChanged("/runs", rows, anew=True))
    return runs


def ids(runs: RunList) -> list[str]:
    return [item.run_id[-4:] for item in runs.shown]


def test_the_newest_is_first_and_changes_come_one_by_one() -> None:
    runs = filled(row(1), row(3), row(2))
    assert ids(runs) == ["0003", "0002", "0001"]
    runs.take(RunsChanged("/runs", (row(4), row(2, status="failed")), gone=(row(3).file,)))
    assert ids(runs) == ["0004", "0002", "0001"]
    assert runs.shown[1].status == "failed"
    assert runs.place(row(1).file) == 2
    runs.take(RunsChanged("/other", (row(9),), anew=True))
    assert ids(runs) == ["0009"]


def test_every_column_sorts_both_ways() -> None:
    rows = (row(1, "b", size=30), row(2, "a", size=20), row(3, "b", size=10))
    runs = filled(*rows)
    for column in range(len(COLUMNS)):
        runs.column = column
        for runs.descending in (False, True):
            runs.arrange()
            assert sorted(ids(runs)) == ["0001", "0002", "0003"]
    runs.column, runs.descending = SIZE, False
    runs.arrange()
    assert ids(runs) == ["0003", "0002", "0001"]
    runs.column, runs.descending = KIND, True
    runs.arrange()
    assert ids(runs) == ["0003", "0001", "0002"], "alike ones in the order of time"


def test_filters_go_together() -> None:
    runs = filled(
        row(1, "timing", stamp="star"), row(2, "timing", "failed"), row(3, "random", stamp="cross"), row(4, "random")
    )
    runs.kind = "timing"
    runs.arrange()
    assert ids(runs) == ["0002", "0001"]
    assert runs.summary() == "2 of 4 runs"
    runs.status = STARRED
    runs.arrange()
    assert ids(runs) == ["0001"]
    runs.kind, runs.status = "", CROSSED
    runs.arrange()
    assert ids(runs) == ["0003"]
    runs.status, runs.text = "", "RANDOM measured 0004"
    runs.arrange()
    assert ids(runs) == ["0004"]
    runs.text = "nothing of the kind"
    runs.arrange()
    assert ids(runs) == []
    assert runs.choices("status") == ["complete", "failed"]


def test_each_ticked_run_has_a_colour_of_its_own() -> None:
    runs = filled(*(row(number) for number in range(20)))
    files = [item.file for item in runs.shown]
    assert [runs.tick(file) for file in files[:MOST_TICKED]] == list(range(MOST_TICKED))
    assert runs.tick(files[MOST_TICKED]) is None
    assert runs.tick(files[3]) == 3, "a second tick changes nothing"
    runs.untick(files[5])
    assert runs.tick(files[MOST_TICKED]) == 5


def test_five_thousand_runs_are_filtered_and_sorted_in_a_blink() -> None:
    rows = tuple(row(number, "abc"[number % 3], size=number * 7919 % 1000) for number in range(5000))
    runs = filled(*rows)
    best = []
    for column in (STARTED, SIZE, BOARD):
        runs.column, runs.text = column, "20261122 complete"
        began = time.perf_counter()
        runs.arrange()
        best.append(time.perf_counter() - began)
        assert len(runs.shown) == 5000
    assert min(best) < 0.1


def test_what_differs_between_runs_stands_out() -> None:
    runs = ((("run", "1"), ("board", "E1"), ("plan.x", "3")), (("run", "2"), ("board", "E1")))
    assert compared(runs, only_differences=True) == [("run", ["1", "2"], True), ("plan.x", ["3", ""], True)]
    assert compared(runs, only_differences=False)[1] == ("board", ["E1", "E1"], False)


def test_times_are_those_of_the_clock_here_and_a_broken_file_shows_its_name() -> None:
    assert cell(row(1), STARTED).startswith("2026-11-2")
    broken = RunRow("/runs/x.h5", "x", "", "unreadable", message="it is damaged")
    assert cell(broken, STARTED) == "x"
    assert broken.light == "fault"
