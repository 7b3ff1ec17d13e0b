"""The instruments of a bench file: in scripts, in the snapshot of a run, and on the command line."""

from __future__ import annotations

import importlib.util
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.errors import BadInput, Problems
from data.instrument import Instrument
from data.runfile import read_metadata
from drivers.pymeasure_instrument import PYMEASURE
from drivers.qcodes_instrument import QCODES
from drivers.registry import find_driver
from labctl.bench import BenchConfig, open_bench, read_config
from labctl.cli import run
from labctl.cli.instrument_commands import FAMILIES
from labctl.instruments import Instruments
from labctl.measuring import plans, sweep
from tests.drivers.benches import simulations

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
BENCH = HOW_TO / "instruments.toml"


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[None]:
    held = simulations()
    yield
    held.clear()


def bench_file(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(read_config(BENCH).instruments)


def test_the_bench_of_the_documentation(instruments: Instruments) -> None:
    with instruments:
        assert list(instruments) == ["supply", "meter", "chamber", "attenuator"]
        assert all(isinstance(instrument, Instrument) for instrument in instruments.values())
        assert instruments["supply"] is instruments["supply"]
        instruments["supply"].set("voltage", 1.5)
        with pytest.raises(BadInput, match=r"supply: the voltage setting 2.5 V is outside 0\.\.2 V"):
            instruments["supply"].set("voltage", 2.5)
    with pytest.raises(BadInput, match="the bench has been closed"):
        instruments["supply"]


def test_closing_the_bench_makes_every_instrument_safe(instruments: Instruments) -> None:
    with instruments:
        instruments["supply"].set("output", True)
        instruments["chamber"].set("mode", "CONSTANT")
    with Instruments(read_config(BENCH).instruments) as again:
        assert again["supply"].get("output") is False
        assert again["chamber"].get("mode") == "STANDBY"


def test_the_examples_of_the_documentation_fit_their_drivers(tmp_path: Path) -> None:
    text = (HOW_TO / "add-an-instrument.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE)]
    tables = "\n".join(block for block in blocks if block.strip().startswith("[instruments."))
    config = BenchConfig.read(bench_file(tmp_path, tables))
    assert list(config.instruments) == ["supply", "psu", "attenuator"]
    for name, item in config.instruments.items():
        find_driver(item.driver).backend(item.settings(name))


def test_names_are_checked(instruments: Instruments) -> None:
    assert "supply" in instruments
    with pytest.raises(KeyError):
        instruments["suply"]
    with pytest.raises(BadInput, match="the bench has no instrument 'suply'; it has supply, meter"):
        instruments.find("suply")


def test_an_instrument_that_is_not_there_is_in_the_snapshot(tmp_path: Path) -> None:
    text = """
        [instruments.gone]
        driver = "scpi-meter"
        address = "tcp://127.0.0.1:1"
        [instruments.meter]
        driver = "scpi-meter"
        """
    with Instruments(BenchConfig.read(bench_file(tmp_path, text)).instruments) as opened:
        gone, meter = opened.snapshot()
    assert "nothing listens there" in gone.error
    assert (gone.identity, gone.readings) == ("", ())
    assert [reading.name for reading in meter.readings] == ["voltage", "current", "resistance"]
    assert meter.readings[2].value == float("inf")


def test_every_run_records_every_instrument(tmp_path: Path) -> None:
    text = """
        [board.emulator]
        physics = ["geometry=8x8"]
        link = "tcp"
        [instruments.meter]
        driver = "scpi-meter"
        [instruments.gone]
        driver = "scpi-meter"
        address = "tcp://127.0.0.1:1"
        """
    with open_bench(bench_file(tmp_path, text)) as bench:
        (path,) = sweep(bench, plans(bench, ["baseline"]))
    snapshot = json.loads(read_metadata(path).snapshot)
    meter, gone = snapshot["instruments"]
    assert meter["instrument"] == "meter"
    assert 1.7 < meter["readings"][0]["value"] < 1.9
    assert meter["readings"][0]["unit"] == "V"
    assert meter["readings"][2]["value"] == "overload"
    assert "nothing listens there" in gone["error"]


def test_mistakes_of_the_bench_file_are_listed_at_once(tmp_path: Path) -> None:
    text = """
        [instruments."two words"]
        driver = "scpi-meter"
        [instruments.board]
        driver = "scpi-meter"
        [instruments.a]
        adress = "x"
        [instruments.b]
        driver = "scpi-meter"
        timeout_s = 0
        quantities.voltage = { unit = 5 }
        """
    with pytest.raises(Problems) as caught:
        BenchConfig.read(bench_file(tmp_path, text))
    said = str(caught.value)
    for part in (
        "two words",
        "choose another name",
        "a.driver",
        "a.adress",
        "b.timeout_s",
        "b.quantities.voltage.unit",
    ):
        assert part in said


def test_simulation_files_are_relative_to_the_bench_file(tmp_path: Path) -> None:
    text = '[instruments.a]\ndriver = "custom"\naddress = "visa@sims/a.yaml@sim:ASRL1::INSTR"\n'
    found = BenchConfig.read(bench_file(tmp_path, text)).instruments["a"].address
    assert found == f"visa@{tmp_path / 'sims' / 'a.yaml'}@sim:ASRL1::INSTR"


def command(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert run(["instruments", *arguments, "--bench", str(BENCH)]) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(command(capsys, "list", "--json")[0])["instruments"]
    assert [item["name"] for item in found] == ["supply", "meter", "chamber", "attenuator"]
    voltage = found[0]["quantities"][0]
    assert (voltage["name"], voltage["low"], voltage["high"], voltage["settable"]) == ("voltage", 0, 2, True)
    assert "SIM-SUPPLY-1" in command(capsys, "list")[0]


def test_set_stays_until_safe(capsys: pytest.CaptureFixture[str]) -> None:
    said, _ = command(capsys, "set", "supply.voltage=1.25", "supply.output=on")
    assert said.splitlines() == [
        "supply.voltage set to 1.25, reads 1.25",
        "supply.output set to on, reads on",
    ]
    found = json.loads(command(capsys, "read", "supply.voltage", "supply.output", "--json")[0])["readings"]
    assert [item["value"] for item in found] == [1.25, True]
    assert "supply is in its safe state" in command(capsys, "safe", "supply")[0]
    found = json.loads(command(capsys, "read", "supply.voltage", "supply.output", "--json")[0])["readings"]
    assert [item["value"] for item in found] == [0.0, False]


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("supply.voltage=9", r"supply.voltage: the voltage setting 9.0 V is outside 0..2 V"),
        ("supply.voltage=high", "supply.voltage: could not convert"),
        ("supply.output=maybe", "'maybe' is neither on nor off"),
        ("supply.voltage", "is no assignment; write NAME.QUANTITY=VALUE"),
        ("supply=1", "is no assignment"),
        ("suply.voltage=1", "the bench has no instrument 'suply'"),
        ("supply.volts=1", "supply has no quantity 'volts'; it has voltage"),
        ("meter.voltage=1", "can only be read"),
    ],
)
def test_what_may_not_be_set_stops_everything_before_it(
    assignment: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = command(capsys, "set", "supply.voltage=1.0", assignment, code=2)
    assert out == ""
    assert problem in err
    assert len(err.splitlines()) == 1
    found = json.loads(command(capsys, "read", "supply.voltage", "--json")[0])["readings"]
    assert found[0]["value"] == 0.0


def test_an_overload_is_a_reading(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = command(capsys, "read", "meter")
    assert re.search(r"meter\.resistance +overload", out)
    found = json.loads(command(capsys, "read", "meter.resistance", "--json")[0])["readings"]
    assert found == [{"instrument": "meter", "quantity": "resistance", "value": "overload", "unit": "ohm", "error": ""}]


def test_one_broken_instrument_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = bench_file(
        tmp_path,
        """
        [instruments.gone]
        driver = "scpi-meter"
        address = "tcp://127.0.0.1:1"
        [instruments.meter]
        driver = "scpi-meter"
        """,
    )
    assert run(["instruments", "read", "--bench", str(bench)]) == 1
    said = capsys.readouterr()
    assert "meter.voltage" in said.out
    assert "nothing listens there" in said.out
    assert said.err.endswith("1 of 4 quantities could not be read: gone\n")
    assert run(["instruments", "read", "gone.voltage", "meter.voltage", "--json", "--bench", str(bench)]) == 1
    found = json.loads(capsys.readouterr().out)["readings"]
    assert [(item["quantity"], item["value"] is None) for item in found] == [("voltage", True), ("voltage", False)]


def test_every_wrong_argument_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = command(capsys, "read", "suply", "meter.volts", "meter.voltage", code=2)
    assert "the command has 2 problems" in err
    assert "no instrument 'suply'" in err
    assert "no quantity 'volts'" in err
    _, err = command(capsys, "set", "supply.voltage=9", "suply.voltage=1", "supply.voltage=1.5", "nonsense", code=2)
    assert "the command has 3 problems" in err
    for part in ("outside 0..2 V", "no instrument 'suply'", "'nonsense' is no assignment"):
        assert part in err
    assert len(err.splitlines()) == 1
    found = json.loads(command(capsys, "read", "supply.voltage", "--json")[0])["readings"]
    assert found[0]["value"] == 0.0


def test_watch(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = command(
        capsys, "watch", "meter.voltage", "chamber.temperature", "--every", "0.05", "--count", "3", "--json"
    )
    lines = [json.loads(line) for line in out.splitlines()]
    assert [len(line["readings"]) for line in lines] == [2, 2, 2]
    assert [line["at_s"] for line in lines] == pytest.approx([0.0, 0.05, 0.1], abs=0.1)
    assert "chamber.temperature 23.4 degC" in command(capsys, "watch", "chamber.temperature", "--count", "1")[0]


def test_drivers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instruments", "drivers", "--json"]) == 0
    names = [item["driver"] for item in json.loads(capsys.readouterr().out)["drivers"]]
    assert {"scpi-supply", "lucidac", "custom", "pymeasure:MODULE.CLASS", "qcodes:MODULE.CLASS"} <= set(names)


def test_drivers_of_packages_are_shown_as_they_are_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, (_, path) in FAMILIES.items():
        if importlib.util.find_spec(package):
            assert {"pymeasure": PYMEASURE, "qcodes": QCODES}[package].find(path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(["instruments", "drivers"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert 'driver = "pymeasure:keithley.Keithley2000"' in said
    assert 'type `pip install "labctl[pymeasure]"`' in said
