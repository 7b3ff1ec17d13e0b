from pathlib import Path

import pytest

from data.errors import BadInput, Problems
from data.values import Schedule
from labctl.bench import EMULATED, BenchConfig, read_config


def write(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_emulated_default(tmp_path: Path) -> None:
    config = BenchConfig.read(write(tmp_path, ""))
    assert config.board.address == EMULATED
    assert config.schedule.value() == Schedule(spacing_ns=40, sends=2)


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    assert BenchConfig.read(write(tmp_path, 'runs = "measured"')).runs == tmp_path / "measured"


def test_every_mistake_is_listed_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [board]
        adress = "/dev/ttyACM0"
        timeout_s = -1
        [schedule]
        spacing_ns = 0
        """,
    )
    with pytest.raises(Problems) as caught:
        BenchConfig.read(path)
    assert len(caught.value.problems) == 3
    message = str(caught.value)
    for part in (str(path), "3 problems", "board.adress", "board.timeout_s", "schedule.spacing_ns"):
        assert part in message
    assert "\n" not in message


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"bench\.toml is not valid TOML"):
        BenchConfig.read(write(tmp_path, "name = "))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read the bench file .*absent\.toml"):
        BenchConfig.read(tmp_path / "absent.toml")


def test_the_file_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_config().name == "bench"
    write(tmp_path, 'name = "left"')
    assert read_config().name == "left"
