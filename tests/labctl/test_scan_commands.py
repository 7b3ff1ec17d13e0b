"""``labctl scan`` and ``labctl queue`` as a user meets them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.runfile import read_metadata
from data.scanfile import read_scan_plan
from data.scanrun import read_scan
from drivers import emulator
from labctl.cli import run
from labctl.queue import EntryState, RunQueue

PLAN = """
title = "spacing against sends"
snake = true
[[axes]]
set = "schedule.spacing_ns"
kind = "log"
start = 8
stop = 64
points = 4
[[axes]]
set = "schedule.sends"
kind = "list"
values = [1, 2]
[sweep]
kind = "random"
most_points = 6
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A small emulated board that stays on; one client at a time."""
    options = emulator.Options(seed=7, tcp="127.0.0.1:0", physics=("geometry=16x8",), until_stdin_closes=True)
    with emulator.start(options) as process:
        yield f"socket://{process.tcp}"


@pytest.fixture(autouse=True)
def in_a_folder_with_a_bench(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bench.toml").write_text(f'[board]\naddress = "{address}"\n')
    Path("plan.toml").write_text(PLAN)
    Path("wrong.toml").write_text(PLAN.replace("stop = 64", "stop = 65").replace("values = [1, 2]", "values = [1, 99]"))


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_counts_times_draws_and_lists_problems(capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(capsys, "scan", "plan.toml", "--dry-run")
    assert (document["settings"], document["shape"], document["problems"]) == (8, [4, 2], [])
    assert document["path"]["schedule.sends"] == [1, 2, 2, 1, 1, 2, 2, 1]
    assert document["seconds"] > 0
    assert run(["scan", "plan.toml", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "8 settings" in shown
    assert "  2 │ ••  ••" in shown
    problems = answer(capsys, "scan", "wrong.toml", "--dry-run", code=2)["problems"]
    assert len(problems) == 2
    assert run(["scan", "wrong.toml", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "wrong.toml has 2 problems" in said
    assert not list(Path("runs").glob("*.h5"))


def test_the_plans_of_the_documentation_are_plans() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "scan-and-queue.md"
    blocks = [block.split("```")[0] for block in page.read_text(encoding="utf-8").split("```toml")[1:]]
    assert len(blocks) == 2
    for block in blocks:
        Path("documented.toml").write_text(block, encoding="utf-8")
        assert read_scan_plan(Path("documented.toml")).count > 1


def test_a_scan_measures(capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(capsys, "scan", "plan.toml")
    data = read_scan(document["file"])
    assert data.measured == 8
    assert data.outputs is not None
    assert data.outputs.shape == (8, 6, 2, 8)
    assert read_metadata(document["file"]).title == "spacing against sends"
    assert run(["scan", "wrong.toml"]) == 2


def test_a_queue_from_adding_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "queue", "add", "plan.toml", "--repeat", "2")["number"] == 1
    assert answer(capsys, "queue", "add", "wrong.toml", "--on-failure", "go-on")["number"] == 2
    assert answer(capsys, "queue", "add", "--sweep", "position")["job"]["kinds"] == ["position"]
    assert answer(capsys, "queue", "duplicate", "1")["number"] == 4
    answer(capsys, "queue", "edit", "4", "--repeat", "1")
    answer(capsys, "queue", "move", "2", "1")
    answer(capsys, "queue", "remove", "3")
    listed = answer(capsys, "queue", "list")
    assert [(item["number"], item["state"], item["rounds"]) for item in listed["entries"]] == [
        (2, "waiting", 1),
        (1, "waiting", 2),
        (4, "waiting", 1),
    ]
    document = answer(capsys, "queue", "run", code=1)
    assert [item["state"] for item in document["entries"]] == ["failed", "done", "done"]
    assert "99" in document["entries"][0]["message"]
    assert len(list(Path("runs").glob("*-scan.h5"))) == 3
    assert run(["queue", "list"]) == 0
    assert "2/2" in capsys.readouterr().out
    assert run(["queue", "run"]) == 0
    assert capsys.readouterr().out == "Nothing waits; `labctl queue add PLAN.toml` adds a scan.\n"
    assert answer(capsys, "queue", "clear") == {"removed": 3}
    assert run(["queue", "list"]) == 0
    assert "empty" in capsys.readouterr().out


def test_a_queue_that_is_stopped_says_what_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("untitled.toml").write_text(PLAN.replace("title =", "#"))
    for plan in ("untitled.toml", "plan.toml", "plan.toml"):
        answer(capsys, "queue", "add", plan)

    def stop_now(self: RunQueue) -> str:
        return "now" if self.find(1).state is not EntryState.WAITING else ""

    monkeypatch.setattr(RunQueue, "halted", stop_now)
    capsys.readouterr()
    assert run(["queue", "run"]) == 0
    said = capsys.readouterr()
    assert "entry 1: scan of schedule.spacing_ns, schedule.sends, 8 settings" in said.err
    assert said.out.splitlines()[-1] == "Stopped: 2 entries still wait; `labctl queue run` goes on."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["queue", "add"], "give one of"),
        (["queue", "add", "--sweep", "foo"], "there is no sweep foo"),
        (["queue", "add", "absent.toml"], "cannot read the plan absent.toml"),
        (["queue", "edit", "1"], "nothing to change"),
        (["queue", "remove", "7"], "no entry 7"),
        (["queue", "stop"], "nothing to stop"),
    ],
)
def test_a_mistake_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_or_a_closed_terminal_stops_a_scan_and_keeps_its_settings(tmp_path: Path, name: str) -> None:
    Path("plan.toml").write_text(PLAN.replace("values = [1, 2]", "values = [1, 2]\nsettle_s = 0.4"))
    command = [sys.executable, "-m", "labctl", "scan", "plan.toml"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            while "setting 1 of" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(getattr(signal, name))
            said = [line for line in process.stderr.read().splitlines() if not line.startswith("[")]
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
    (path,) = Path("runs").glob("*.h5")
    assert said == [
        f"labctl: what was measured is in {path}",
        "labctl: stopped; what was finished has been kept",
    ]
    assert read_metadata(path).status == "stopped"
    assert read_scan(path).measured >= 1


def test_a_scan_that_nobody_resumes_fails_and_names_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Path("bench.toml")
    hot = '[interlocks.hot]\nquantity = "board.temperature"\nhigh = -100.0\naction = "pause"\nevery_s = 0.2\n'
    bench.write_text(f"{bench.read_text()}\n{hot}\n[engine]\npause_s = 1.0\n")
    Path("plan.toml").write_text(PLAN)
    assert run(["scan", "plan.toml"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "was given up: paused for 1 s: " in said
    assert str(next(Path("runs").glob("*.h5"))) in said
