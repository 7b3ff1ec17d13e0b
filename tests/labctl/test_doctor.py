"""The doctor: it looks at everything, says what to do, and never breaks down itself."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from labctl import doctor
from labctl.cli import run
from labctl.doctor import Check, examine

Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(list_ports, "comports", lambda: [])
    # The real search starts a compiler for every library; the first test does that once.
    if "nothing_fails" not in request.node.name:
        monkeypatch.setattr(doctor, "find_library", lambda name: name)
        monkeypatch.setattr(doctor, "_visa", lambda: iter(()))


def named(name: str, bench: Path | None = None) -> Check:
    return next(check for check in examine(bench) if check.name == name)


def test_here_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    names = [check["name"] for check in document["checks"]]
    for name in ("python", "packages", "bench file", "runs folder", "serial ports", "kernels", "speech", "window"):
        assert name in names
    assert all(check["advice"] for check in document["checks"] if check["status"] != "ok")


def test_a_failure_is_exit_code_1_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bench.toml").write_text("[board]\ntimeout_s = -1\n")
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAIL" in said
    assert "bench file: mend the file" in said


def test_instruments_of_the_bench_file_are_tried_on_their_drivers(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(
        '[board]\naddress = "/dev/tty-absent"\n'
        '[instruments.a]\ndriver = "scpi-supply"\n[instruments.b]\ndriver = "scpi-meter"\naddress = "tcp://nowhere:1"\n'
    )
    supply, meter = named("instrument a", bench), named("instrument b", bench)
    assert (supply.status, meter.status) == ("fail", "ok")
    assert "voltage may be set, so it needs low and high" in supply.found
    assert named("board", bench).status == "warn"


def test_interlocks_are_held_against_what_their_instruments_have(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(
        '[instruments.meter]\ndriver = "scpi-meter"\n[instruments.dac]\ndriver = "lucidac"\n'
        + "".join(
            f'[interlocks.{name}]\nquantity = "{quantity}"\nhigh = 5\n'
            for name, quantity in {
                "good": "meter.voltage",
                "hot": "board.temperature",
                "typo": "meter.voltag",
                "nobody": "oven.temperature",
                "cold": "board.temp",
                "later": "dac.coefficient_0",
            }.items()
        )
    )
    found = {check.name: check for check in examine(bench)}
    said = {name: found[f"interlock {name}"] for name in ("good", "hot", "typo", "nobody", "cold", "later")}
    assert [check.status for check in said.values()] == ["ok", "ok", "fail", "fail", "fail", "ok"]
    assert said["typo"].found == "meter has no quantity voltag; it has current, resistance, voltage"
    assert "there is no instrument oven; there are meter, dac, board" in said["nobody"].found
    assert "once it is connected" in said["later"].found


@pytest.mark.parametrize(("free", "status"), [(10, "ok"), (2, "warn"), (0.1, "fail")])
def test_disk(free: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, int(free * 2**30)))
    assert named("runs folder").status == status


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    check = named("runs folder")
    assert (check.status, check.advice) == ("fail", "choose another with `runs`")


def test_a_port_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    port = SimpleNamespace(device="/dev/null", description="Board", serial_number="B-1")
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    assert named("serial port").found == "/dev/null (Board, B-1)"
    monkeypatch.setattr(os, "access", lambda path, mode: "null" not in str(path))
    check = named("serial port")
    assert check.status == "fail"
    assert check.advice.startswith("type `sudo usermod -aG ")


def test_libraries_for_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_library", lambda name: None if name == "EGL" else name)
    monkeypatch.setattr(doctor, "_version", lambda package: "6.7")
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    check = named("window")
    assert check.status == "warn"
    assert check.advice == "type `sudo apt-get install --no-install-recommends libegl1`"
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    assert named("window").advice == 'type `pip install "labctl[gui]"`'


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "h5py" else real(package))
    check = named("packages")
    assert (check.status, check.found, check.advice) == ("fail", "missing: h5py", "type `pip install h5py`")


def test_a_check_that_breaks_down_is_a_failure_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 1 / 0)
    checks = examine()
    assert "ZeroDivisionError" in next(check for check in checks if check.name == "python").found
    assert len(checks) > 8
