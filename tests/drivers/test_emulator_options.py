"""What an emulated board can be told, and the one sentence that answers what it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from data.errors import BadInput
from data.values import Geometry
from drivers.emulator import Options, serve
from drivers.emulator.__main__ import options_from
from drivers.emulator.options import split_address
from drivers.emulator.strengths import EFFECTS, KEYS, Strengths, parse_strengths


def test_settings_are_applied_from_left_to_right() -> None:
    assert parse_strengths(()) == Strengths()
    assert parse_strengths(("all=off",)).off == EFFECTS
    only_leak = parse_strengths(("all=off, leak_us=20", "geometry=64x32"))
    assert only_leak.off == EFFECTS - {"leak"}
    assert only_leak.leak_us == 20
    assert only_leak.geometry == Geometry(64, 32)
    assert parse_strengths(("noise=2.5,noise=off,noise=on",)).of("noise") == 2.5
    assert parse_strengths(("noise=off",)).of("noise") == 0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("laek=off", ["laek", *KEYS]),
        ("leak=maybe", ["leak", "maybe", "on or off"]),
        ("rail=0", ["rail", "1 to 10000"]),
        ("noise=nan", ["noise", "nan"]),
        ("noise", ["noise", "KEY=VALUE"]),
        ("geometry=64", ["ROWSxCOLUMNS"]),
        ("geometry=0x5", ["0x5", "1024 rows"]),
        ("a=1,rail=-5,gain=x", ["'a'", "rail", "gain", "3 problems"]),
    ],
)
def test_bad_settings_are_named_in_one_sentence(setting: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        parse_strengths((setting,))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert all(word in sentence for word in words)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":5", "host:port", "host:70000", "host:-1"])
def test_bad_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadInput, match="HOST:PORT"):
        split_address(address)


def test_addresses() -> None:
    assert split_address("0.0.0.0:5025") == ("0.0.0.0", 5025)
    assert split_address("[::1]:0") == ("::1", 0)
    assert Options(tcp="localhost:1").addresses() == (("localhost", 1), False)
    assert Options().addresses()[0] == ("127.0.0.1", 0)


def test_a_command_line_says_what_options_say() -> None:
    options = Options(42, "127.0.0.1:0", True, ("flip:p=0.5", "drop"), ("leak=off", "rail=60"), True)
    assert options_from(options.arguments()) == options
    assert options_from([]) == Options()


@pytest.mark.parametrize("options", [Options(seed=-1), Options(seed=10**6), Options(faults=("x",)), Options(tcp="x")])
def test_serving_refuses_bad_options_before_it_opens_anything(options: Options) -> None:
    with pytest.raises(BadInput):
        serve(options, pytest.fail)


def test_importing_the_face_is_light() -> None:
    code = "import sys, drivers.emulator; print(sorted({'numba', 'torch', 'serial', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
