"""What is checked before a run: each reason against a start, and that there is none where all is well."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from data.axes import ListAxis
from data.errors import Problems
from data.scan import BoardSweep, Needs, ScanPlan
from data.values import Identity
from labctl import open_bench
from labctl.bench import BenchConfig
from labctl.engine.preflight import calibration_age, instrument_answers, room_on_disk, the_board
from labctl.interlock import Interlock
from labctl.scanning import prepare, scan
from tests.labctl.benchwork import Supply

BOARD = Identity("maker", "APB-1", "B-7", "1.0")
SWEPT = ScanPlan(
    axes=(ListAxis(set="schedule.spacing_ns", values=(40.0, 80.0)),), sweep=BoardSweep(kind="random", most_points=8)
)


def test_the_disk(tmp_path: Path) -> None:
    assert list(room_on_disk(tmp_path / "not" / "there", 1000)) == []
    (said,) = room_on_disk(tmp_path, 10**18)
    assert "needs about 1.05e+03 PB" in said or "TB" in said


def test_the_board() -> None:
    assert list(the_board(BOARD, "")) == []
    assert list(the_board(BOARD, "B-7")) == []
    assert "this is B-7" in next(the_board(BOARD, "B-8"))
    assert "there is no board" in next(the_board(None, "B-8"))


@pytest.mark.parametrize(("hours", "problems"), [(None, 0), (1e9, 0), (1.0, 1)])
def test_the_age_of_a_calibration(hours: float | None, problems: int) -> None:
    record = SimpleNamespace(created="2026-01-01T00:00:00Z", calibration_id="20260101-000000-abcd")
    assert len(list(calibration_age(record, hours))) == problems  # type: ignore[arg-type]


def test_an_instrument_that_answers_nothing() -> None:
    supply = Supply()
    assert list(instrument_answers("supply", supply)) == []
    dead = SimpleNamespace(snapshot=lambda: [replace(item, error="no answer") for item in supply.snapshot()])
    assert list(instrument_answers("supply", dead)) == ["instrument supply does not answer: no answer"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (Interlock("x", "supply", high=1), "INSTRUMENT.QUANTITY"),
        (Interlock("x", "a.b"), "give low, high or both"),
        (Interlock("x", "a.b", low=2, high=1), "the band 2..1 is none"),
        (Interlock("x", "a.b", low=0, high=1, hysteresis=0.5), "leaves nothing"),
        (Interlock("x", "a.b", high=1, every_s=0), "above 0"),
    ],
)
def test_an_interlock_that_makes_no_sense(lock: Interlock, said: str) -> None:
    assert said in " ".join(lock.problems())


def test_an_interlock_trips_outside_and_clears_well_inside() -> None:
    lock = Interlock("x", "a.b", low=0.0, high=10.0, hysteresis=1.0)
    assert [lock.trips(value, False) for value in (-0.1, 0.0, 10.0, 10.1, float("nan"))] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert [lock.trips(value, True) for value in (0.5, 1.0, 9.0, 9.5)] == [True, False, False, True]


def test_interlocks_stand_in_the_bench_file_and_mistakes_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[interlocks.hot]\nquantity = "board.temperature"\nhigh = 60\nhysteresis = 5\naction = "abort"\n')
    (lock,) = [item.value(name) for name, item in BenchConfig.read(path).interlocks.items()]
    assert lock == Interlock("hot", "board.temperature", high=60, hysteresis=5, action="abort")
    path.write_text(
        '[interlocks.hot]\nquantity = "board.temperature"\n[interlocks.b]\nquantity = "x"\naction = "run"\n'
    )
    with pytest.raises(Problems) as caught:
        BenchConfig.read(path)
    assert "interlocks.hot: the band -inf..inf is none" in str(caught.value)
    assert "interlocks.b.action" in str(caught.value)


def test_a_scan_on_the_wrong_board_without_its_calibration_is_refused_once(tmp_path: Path) -> None:
    config = BenchConfig.model_validate(
        {
            "runs": tmp_path / "runs",
            "board": {"emulator": {"physics": ("geometry=16x8",)}},
            "interlocks": {"hot": {"quantity": "oven.temperature", "high": 50}},
        }
    )
    plan = replace(SWEPT, needs=Needs(board="B-7", calibration="latest"), read=("meter.current",))
    with open_bench(config) as bench:
        with pytest.raises(Problems) as caught:
            scan(bench, plan)
        said = "\n".join(caught.value.problems)
        for part in ("must run on board B-7", "no runs of kind calibration", "no meter", "no instrument oven"):
            assert part in said
        assert len(caught.value.problems) == 4
        assert list((tmp_path / "runs").glob("*.h5")) == []
        assert prepare(bench, SWEPT).problems() == [
            "interlock hot watches oven.temperature, but there is no instrument oven"
        ]
