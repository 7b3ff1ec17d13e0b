"""A keyword network on a small board, for tests that spot words."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np

from calibration.record import CalibrationRecord
from data.encoding import Encoding
from data.speech import LABELS
from data.values import Geometry, Identity, Schedule
from labctl.live import Clip, Clips
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.network import IntegerNetwork, Layer, even_splits
from models.networkfile import save_network
from models.parameters import ChipParameters

GEOMETRY = Geometry(rows=128, columns=16)
PHYSICS = "geometry=128x16"
WORDS = ("yes", "no", "silence", "unknown")


def network(seed: int = 3) -> IntegerNetwork:
    """From the features of a clip to the twelve classes, by weights drawn at random."""
    rng = np.random.default_rng(seed)
    encoding = Encoding.fit(rng.normal(0, 1, (40, 49, 10)).astype(np.float32))

    def layer(inputs: int, outputs: int) -> Layer:
        return Layer(
            weights=rng.integers(-63, 64, (inputs, outputs)).astype(np.int8),
            bias=np.zeros(outputs, np.int32),
            splits=even_splits(inputs, GEOMETRY.rows),
            columns=np.arange(outputs)[::-1].copy(),
            shift=2,
            schedule=Schedule(order=tuple(range(127, -1, -1)), settle_ns=0),
        )

    layers = (layer(encoding.inputs, 14), layer(14, len(LABELS)))
    return IntegerNetwork(GEOMETRY, layers, 0.1, LABELS, encoding.arrays())


def network_file(folder: Path, seed: int = 3, arm: Arm = Arm.ORDERED) -> Path:
    """The network in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    trained = TrainedNetwork(network(seed), arm, TrainingOptions(), (), 0.5 + seed / 100, {"board": "a board"})
    return save_network(trained, folder / f"{seed}-{arm}.safetensors")


def chip(noise: float = 0.0) -> ChipParameters:
    """A board of one gain, each column with its own noise."""
    plain = ChipParameters.ideal(GEOMETRY, 0.004)
    plain.noise[:] = noise
    return plain


def record(identity: Identity | None = None) -> CalibrationRecord:
    """As much of a calibration as a live session looks at."""
    known = {"calibration_id": "", "content_hash": "", "check_identity": lambda _: None, "identity": identity}
    return cast(CalibrationRecord, SimpleNamespace(ordered=chip(), unordered=chip(), **known))


def clips(count: int, *, lasting: bool = True, known: bool = True) -> Clips:
    """Noises that count as words."""
    rng = np.random.default_rng(11)
    made = [
        Clip(
            (rng.normal(0, 1, 16000) * np.hanning(16000) * 6000).astype(np.int16),
            said=WORDS[index % 4] if known else "",
            truth=WORDS[index % 4] if known else "",
            name=f"noise {index}",
        )
        for index in range(count)
    ]
    return Clips("noises", made, count, lasting)
