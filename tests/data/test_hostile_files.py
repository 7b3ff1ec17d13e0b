"""Random bytes, cut and flipped files at every reader: one sentence or what was written, nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.record import load_record
from data import upkeep
from data.catalogue import INDEX_NAME, Catalogue
from data.errors import BadInput
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_metadata, read_run
from data.speech.cache import load_cached, store
from data.speech.commands import read_wav
from data.speech.corpus import SpeechSplit, content_digest, make_speech_set
from data.sweep import SweepPlan
from data.sweepfile import SweepWriter, read_sweep
from data.values import Geometry, Schedule
from data.variables import Variable
from labctl.bench import BenchConfig
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.network import IntegerNetwork, Layer
from models.networkfile import load_network, save_network

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Reader = Callable[[Path], object]
READERS: dict[str, tuple[str, Reader]] = {
    "run": ("a.h5", read_run),
    "metadata": ("a.h5", read_metadata),
    "sweep": ("a.h5", read_sweep),
    "calibration": ("a.h5", load_record),
    "verify": ("a.h5", upkeep.verify),
    "repair": ("a.h5", upkeep.repair),
    "network": ("a.safetensors", load_network),
    "bench": ("bench.toml", BenchConfig.read),
    "wav": ("a.wav", read_wav),
    "speech": ("a.npz", load_cached),
}


def write(path: Path, content: bytes | bytearray) -> None:
    """A file that nobody has written just now, and that is therefore read only once."""
    path.write_bytes(content)
    os.utime(path, (0, 0))


def sweep_file(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    plan = SweepPlan(
        kind="position",
        weights=chance.integers(-63, 64, (2, 8, 6)).astype(np.int8),
        schedules=(Schedule(),),
        activations=chance.integers(0, 32, (40, 8)).astype(np.uint8),
        program=np.repeat([0, 1], 20),
        schedule=np.zeros(40, np.intp),
        repeats=3,
    )
    with SweepWriter.create(folder, RunMetadata.new("position", simulated=True), plan) as writer:
        writer.write(np.arange(40), chance.integers(-128, 128, (40, 3, 6)).astype(np.int16))
    return writer.path


def open_file(folder: Path) -> Path:
    with RunWriter.create(folder, RunMetadata.new("open", simulated=True)) as writer:
        writer.add("word", Variable(("word",), np.array(["yes", "no"])))
        writer.add("x", Variable(("p",), np.random.default_rng(0).normal(size=3000), "V"))
        writer.stream("t", ("time",), (None,), np.float64, "s")
        writer.append("t", np.arange(500.0))
    return writer.path


def network_file(folder: Path) -> Path:
    layer = Layer(
        weights=np.ones((4, 3), np.int8),
        bias=np.zeros(3, np.int32),
        splits=(0, 4),
        columns=np.arange(3),
        shift=1,
        schedule=Schedule(),
    )
    network = IntegerNetwork(Geometry(rows=8, columns=4), (layer,), 0.1, ("a", "b", "c"))
    return save_network(TrainedNetwork(network, Arm.IDEAL, TrainingOptions(), (), 0.5), folder / "n.safetensors")


def wav_file(folder: Path) -> Path:
    path = folder / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.arange(1000, dtype="<i2").tobytes())
    return path


def speech_file(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    split = SpeechSplit(
        waves=chance.integers(-99, 99, (2, 16_000)).astype(np.int16),
        labels=np.zeros(2, np.int64),
        speakers=np.array(["a", "b"]),
        words=np.array(["yes", "yes"]),
    )
    splits = {"train": split, "validation": split, "test": split}
    backgrounds = chance.integers(-9, 9, (1, 16_000)).astype(np.int16)
    corpus = make_speech_set(splits, backgrounds, "test", content_digest(splits, backgrounds))
    path = folder / "speech.npz"
    store(corpus, path)
    return path


@FEW
@given(
    content=st.binary(max_size=400),
    head=st.sampled_from([b"", b"\x89HDF\r\n\x1a\n", b"RIFF", b"PK\x03\x04", b"[board]\n"]),
)
@pytest.mark.parametrize("reader", READERS)
def test_random_bytes_are_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, reader: str, content: bytes, head: bytes
) -> None:
    name, read = READERS[reader]
    path = tmp_path_factory.getbasetemp() / f"random-{name}"
    write(path, head + content)
    found: object = None
    with contextlib.suppress(BadInput):
        found = read(path)
    if reader == "verify":
        assert cast(upkeep.Verification, found).verdict == "damaged"
    elif reader != "bench":
        assert found is None


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sound")
    makers = {"sweep": sweep_file, "run": open_file, "network": network_file, "wav": wav_file, "speech": speech_file}
    return {name: make(folder) for name, make in makers.items()}


def same(one: Any, other: Any) -> bool:
    """Whether two runs or corpora hold the same."""
    if hasattr(one, "variables"):
        return (
            one.metadata == other.metadata
            and one.rows_done == other.rows_done
            and all(np.array_equal(one.values(name), other.values(name)) for name in other.variables)
        )
    if hasattr(one, "digest"):
        return bool(one.digest == other.digest)
    return np.array_equal(one.outputs, other.outputs) and np.array_equal(one.plan.weights, other.plan.weights)


@FEW
@given(data=st.data())
@pytest.mark.parametrize("kind", ["sweep", "run", "speech"])
def test_a_file_with_checksums_is_never_believed_when_it_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], kind: str, data: st.DataObject
) -> None:
    sound = files[kind].read_bytes()
    path = tmp_path_factory.getbasetemp() / f"damaged{files[kind].suffix}"
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(sound) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(sound) - 1)) :]
    write(path, damaged)
    read = {"sweep": read_sweep, "run": read_run, "speech": load_cached}[kind]
    found: object = None
    with contextlib.suppress(BadInput):
        found = read(path)
    if found is not None:
        assert same(found, read(files[kind]))
    if kind != "speech" and bytes(damaged) != sound and len(damaged) == len(sound):
        verdict = upkeep.verify(path)
        assert verdict.verdict == "damaged" or same(read_run(path), read_run(files[kind]))


@FEW
@given(data=st.data())
@pytest.mark.parametrize("kind", ["network", "wav"])
def test_a_file_without_checksums_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], kind: str, data: st.DataObject
) -> None:
    damaged = bytearray(files[kind].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged{files[kind].suffix}"
    write(path, damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged)
    with contextlib.suppress(BadInput):
        (load_network if kind == "network" else read_wav)(path)


def test_a_recording_with_a_part_of_endless_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\xf4\x07\0\0WAVEf" + b"\xff" * 8 + b"mt \x10" + bytes(900))
    with pytest.raises(BadInput, match="cannot be read as WAV"):
        read_wav(path)


LINES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda items: (
        st.lists(items, max_size=4) | st.dictionaries(st.sampled_from(["path", "size", "modified_ns"]), items)
    ),
    max_leaves=6,
)


@FEW
@given(lines=st.lists(LINES, max_size=4), tail=st.binary(max_size=30))
def test_an_index_that_makes_no_sense_is_made_again(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], lines: list[Any], tail: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "indexed"
    folder.mkdir(exist_ok=True)
    shutil.copy(files["run"], folder)
    text = "\n".join(['{"labctl_catalogue": 1}', *map(json.dumps, lines)])
    (folder / INDEX_NAME).write_bytes(text.encode() + b"\n" + tail)
    catalogue = Catalogue(folder)
    catalogue.refresh()
    (entry,) = catalogue.runs()
    assert (entry.kind, entry.status) == ("open", "complete")


FLIPS = """
import os, pathlib, sys
import numpy as np
from data.errors import BadInput
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_metadata, read_run
from data.variables import Variable

folder, chance = pathlib.Path(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
writer = RunWriter.create(folder, RunMetadata.new("cut", simulated=True))
writer.add("x", Variable(("p",), np.arange(2000.0)))
writer.stream("y", ("row", "axis"), (None, 3), np.int16)
writer.append("y", np.arange(300).reshape(100, 3))
writer.checkpoint()
sound = writer.path.read_bytes()
path = folder / "damaged.h5"
refused = believed = 0
for _ in range(150):
    damaged = bytearray(sound)
    for at in chance.integers(0, len(sound) if chance.random() < 0.3 else 12000, 3):
        damaged[at] ^= 1 << chance.integers(0, 8)
    path.write_bytes(damaged)
    os.utime(path, (0, 0))
    for read in (read_metadata, read_run):
        try:
            run = read(path)
        except BadInput:
            refused += 1
        else:
            if read is read_run:
                assert run.rows_done in (0, 100)
                assert (run.values("y")[: run.rows_done].ravel() == np.arange(3 * run.rows_done)).all()
                assert (run.values("x") == np.arange(2000.0)).all()
            believed += 1
print(refused, believed, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("seed", range(3))
def test_damage_in_a_file_that_was_never_finished_is_noticed_before_hdf5_meets_it(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", FLIPS, str(tmp_path), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused, believed = map(int, done.stdout.split())
    assert refused > 100
    assert believed > 0
