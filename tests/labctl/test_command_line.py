"""The command line as a user meets it: results on stdout, one sentence for bad input, the right exit code."""

import json
import signal
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data.marks import RunMarks
from drivers import emulator
from labctl.cli import run

SMALL = "geometry=32x132"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small emulated board has been measured and calibrated once."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "bench.toml").write_text(f'[board.emulator]\nseed = 7\nlink = "tcp"\nphysics = ["{SMALL}"]\n')
    assert run(["calibrate", "--bench", str(folder / "bench.toml"), "--json"]) == 0
    return folder


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence on stderr of a command that must end with exit code 2."""
    capsys.readouterr()
    assert run(list(arguments)) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.startswith("[")]
    assert said.out == ""
    assert len(lines) == 1, said.err
    assert lines[0].startswith("labctl: ")
    return lines[0]


class Talker:
    """A TCP server that answers everything with the same bytes."""

    def __init__(self, reply: bytes) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(reply,))
        self._thread.start()

    def _serve(self, reply: bytes) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                try:
                    while client.recv(4096):
                        client.sendall(reply)
                except OSError:
                    continue

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[Talker]:
    server = Talker(request.param)
    yield server
    server.close()


def bench_file(folder: Path, text: str) -> str:
    path = folder / "bench.toml"
    path.write_text(text)
    return str(path)


def test_a_calibration_is_listed_reported_and_exported(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = str(measured / "runs")
    listed = answer(capsys, "runs", "--runs", runs)["runs"]
    assert isinstance(listed, list)
    kinds = [entry["kind"] for entry in listed]
    assert {"baseline", "single-row", "position", "permutations", "timing", "random", "held-out"} <= set(kinds)
    assert kinds[-1] == "calibration"
    assert all(entry["simulated"] for entry in listed)
    page = answer(capsys, "report", "latest", "--runs", runs, "-o", str(tmp_path / "page.html"))["report"]
    assert "EMU-000007" in Path(str(page)).read_text(encoding="utf-8")
    files = answer(capsys, "export", listed[0]["run_id"], str(tmp_path / "run.npz"), "--runs", runs)["files"]
    assert isinstance(files, list)
    assert np.load(files[0])["output"].shape[2] == 132
    assert "run.npz" in refusal(capsys, "export", listed[0]["run_id"], str(tmp_path / "run.npz"), "--runs", runs)


def test_runs_are_listed_with_what_was_said_of_them(
    measured: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    runs = measured / "runs"
    listed = answer(capsys, "runs", "--runs", str(runs))
    assert isinstance(listed["runs"], list)
    first, second = (entry["run_id"] for entry in listed["runs"][:2])
    assert listed["marks"] == {}
    marks = RunMarks(runs)
    marks.stamp([first], "star")
    marks.note(second, "too warm")
    try:
        assert answer(capsys, "runs", "--runs", str(runs))["marks"] == {
            first: {"stamp": "star", "note": ""},
            second: {"stamp": "", "note": "too warm"},
        }
        assert run(["runs", "--runs", str(runs)]) == 0
        lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
        assert "star" in lines[first]
        assert "too warm" in lines[second]
        marks.path.write_text("{")
        assert run(["runs", "--runs", str(runs)]) == 0
        said = capsys.readouterr()
        assert first in said.out
        assert "without marks" in said.err
    finally:
        marks.path.unlink()


def test_runs_can_be_fitted_again(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = str(measured / "bench.toml")
    listed = answer(capsys, "runs", "--bench", bench)["runs"]
    assert isinstance(listed, list)
    sweeps = [entry["run_id"] for entry in listed if entry["kind"] != "calibration"]
    (first,) = [entry for entry in listed if entry["kind"] == "calibration"][:1]
    again = answer(capsys, "calibrate", *sweeps, "--bench", bench)
    assert again["board"] == {**again["board"], "serial_number": "EMU-000007"}  # type: ignore[dict-item]
    assert again["runs"]
    assert again["calibration"] != first["run_id"]


def test_another_board_than_the_calibrations_is_refused(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = bench_file(tmp_path, f'[board.emulator]\nseed = 8\nlink = "tcp"\nphysics = ["{SMALL}"]\n')
    record = min((measured / "runs").glob("*calibration.h5"))
    said = refusal(capsys, "train", "board", "--bench", other, "--calibration", str(record), "--size", "tiny")
    assert "EMU-000007" in said
    assert "EMU-000008" in said


def test_a_dry_run_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = bench_file(tmp_path, f'[board.emulator]\nlink = "tcp"\nphysics = ["{SMALL}"]\n')
    planned = answer(capsys, "sweep", "position", "timing", "--bench", bench, "--dry-run")["sweeps"]
    assert isinstance(planned, list)
    assert [row["kind"] for row in planned] == ["position", "timing"]
    assert not (tmp_path / "runs").exists()


def test_a_board_is_discovered_and_a_talker_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    server = Talker(b"hello, I am a kettle\r\n")
    try:
        with emulator.start(emulator.Options(seed=3, tcp="127.0.0.1:0", physics=(SMALL,))) as board:
            addresses = [f"socket://{board.tcp}", f"socket://127.0.0.1:{server.port}"]
            found = answer(capsys, "discover", *addresses, "--no-serial-ports")["candidates"]
    finally:
        server.close()
    assert isinstance(found, list)
    assert found[0]["identity"]["serial_number"] == "EMU-000003"
    assert found[1]["identity"] is None
    assert "kettle" in found[1]["reason"]


@pytest.mark.parametrize(
    ("address", "part"),
    [("/dev/ttyNOSUCH", "/dev/ttyNOSUCH"), ("socket://127.0.0.1:1", "127.0.0.1:1"), ("nonsense://x", "nonsense")],
)
def test_an_address_with_nothing_there(
    address: str, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in refusal(capsys, "sweep", "--bench", bench_file(tmp_path, f'[board]\naddress = "{address}"\n'))


@pytest.mark.parametrize(
    ("talker", "part"),
    [(b"\xff\x00garbage\xfe\n", "garbage"), (b"KEITHLEY INSTRUMENTS,MODEL 2000,1,A\n", "KEITHLEY")],
    indirect=["talker"],
)
def test_something_that_is_not_a_board(
    talker: Talker, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = bench_file(tmp_path, f'[board]\naddress = "socket://127.0.0.1:{talker.port}"\ntimeout_s = 0.5\n')
    assert part in refusal(capsys, "sweep", "--bench", bench)


def test_three_mistakes_in_a_bench_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = bench_file(tmp_path, "nme = 1\n[board]\ntimeout_s = 0\n[schedule]\nsends = 65\n")
    said = refusal(capsys, "sweep", "--bench", bench)
    for part in ("3 problems", "nme", "board.timeout_s", "schedule.sends"):
        assert part in said


def test_a_run_file_cut_in_half(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = next((measured / "runs").glob("*baseline.h5")).read_bytes()
    half = tmp_path / "half.h5"
    half.write_bytes(whole[: len(whole) // 2])
    assert "half.h5" in refusal(capsys, "report", str(half))
    assert "half.h5" in refusal(capsys, "export", str(half), "x.npz")


def test_a_speech_folder_with_a_broken_wav(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "speech"
    for word in ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "bed", "_background_noise_"):
        (folder / word).mkdir(parents=True)
        for name in ("aaaa_nohash_0.wav", "bbbb_nohash_0.wav", "cccc_nohash_0.wav"):
            with wave.open(str(folder / word / name), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16000)
                seconds = 3 if word.startswith("_") else 1
                file.writeframes(np.zeros(16000 * seconds, np.int16).tobytes())
    words = [path.name for path in folder.iterdir() if not path.name.startswith("_")]
    for name, speaker in (("validation_list.txt", "bbbb"), ("testing_list.txt", "cccc")):
        (folder / name).write_text("".join(f"{word}/{speaker}_nohash_0.wav\n" for word in sorted(words)))
    (folder / "left" / "aaaa_nohash_0.wav").write_bytes(b"RIFF broken")
    bench = str(measured / "bench.toml")
    said = refusal(capsys, "train", "ideal", "--bench", bench, "--calibration", "latest", "--speech", str(folder))
    assert "aaaa_nohash_0.wav" in said


def test_an_unknown_option_of_the_physics(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "board", "emulate", "--tcp", "127.0.0.1:0", "--physics", "lek=off")
    assert "lek" in said
    assert "leak" in said


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "perfect"], "perfect"),
        (["sweep", "--budget", "huge"], "huge"),
        (["report", "20200101"], "runs"),
        (["export", "latest"], "FILE"),
        (["frobnicate"], "frobnicate"),
        (["runs", "--colour"], "--colour"),
    ],
)
def test_what_is_not_there_is_named(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in refusal(capsys, *arguments)


def test_an_emulated_board_prints_one_line_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-m", "labctl", "board", "emulate", "--tcp", "127.0.0.1:0", "--physics", SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            assert line["serial"] is None
            assert line["tcp"].startswith("127.0.0.1:")
            process.terminate()
            assert process.stdout.read() == ""
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_is_130_with_one_sentence_and_the_files_kept(tmp_path: Path) -> None:
    bench_file(tmp_path, f'[board.emulator]\nseed = 7\nlink = "tcp"\nphysics = ["{SMALL}"]\n')
    command = [sys.executable, "-m", "labctl", "calibrate"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stderr is not None
            while "fit" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            said = [line for line in process.stderr.read().splitlines() if not line.startswith("[")]
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
    assert said == ["labctl: stopped; what was finished has been kept"]
    assert len(list((tmp_path / "runs").glob("*.h5"))) == 7


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    bench = bench_file(tmp_path, 'runs = "file/runs"\n')
    assert "file/runs" in refusal(capsys, "sweep", "--bench", bench)
