"""``labctl gui`` from the command line."""

from __future__ import annotations

import pytest

from gui.command import has_no_screen
from labctl.cli import run


def test_without_a_screen_it_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert run(["gui", "--demo"]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "there is no screen here" in said


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_any_screen_will_do(name: str) -> None:
    assert not has_no_screen({name: ":0"}, "linux")
    assert has_no_screen({name: ""}, "linux")
    assert not has_no_screen({}, "darwin")
