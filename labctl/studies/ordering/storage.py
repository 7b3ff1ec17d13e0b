"""What points leave in their folders for others: speech made ready, float networks, calibrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.record import CalibrationRecord, load_record
from data.encoding import Encoding
from data.errors import BadInput
from data.speech import LABELS
from data.speech.augment import ActivationAugment
from models.floatnet import FloatNetwork
from models.samples import Samples
from models.training import Task

_SPLITS = ("training", "validation", "test")


@dataclass(frozen=True)
class Speech:
    """Utterances as activations.

    Attributes:
        encoding: how features became activations.
        training: to learn from, and to search orders by.
        validation: other voices, to judge training by.
        test: voices that nothing was chosen by.
    """

    encoding: Encoding
    training: Samples
    validation: Samples
    test: Samples

    def task(self) -> Task:
        """What an arm is given; the test utterances are not in it."""
        augment = ActivationAugment(self.encoding)
        return Task(self.training, self.validation, LABELS, augment, self.encoding.arrays())


def save_speech(speech: Speech, folder: Path) -> None:
    """Write ``speech.npz``."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name in _SPLITS:
        samples: Samples = getattr(speech, name)
        arrays |= {f"{name}.activations": samples.activations, f"{name}.labels": samples.labels}
    arrays |= {f"encoding.{name}": values for name, values in speech.encoding.arrays().items()}
    _save(folder / "speech.npz", arrays)


def load_speech(folder: Path) -> Speech:
    """Read what :func:`save_speech` wrote."""
    with np.load(folder / "speech.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    encoding = {name.removeprefix("encoding."): arrays[name] for name in arrays if name.startswith("encoding.")}
    splits = {name: Samples(arrays[f"{name}.activations"], arrays[f"{name}.labels"]) for name in _SPLITS}
    return Speech(Encoding.from_arrays(encoding), **splits)


def save_float(network: FloatNetwork, folder: Path) -> None:
    """Write ``float.npz``."""
    arrays: dict[str, NDArray[np.generic]] = {"activation_max": np.array(network.activation_max)}
    for index, (weights, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        arrays |= {f"weights{index}": weights, f"bias{index}": bias}
    _save(folder / "float.npz", arrays)


def load_float(folder: Path) -> FloatNetwork:
    """Read what :func:`save_float` wrote."""
    with np.load(folder / "float.npz", allow_pickle=False) as stored:
        layers = range(sum(name.startswith("bias") for name in stored.files))
        weights = tuple(stored[f"weights{index}"] for index in layers)
        biases = tuple(stored[f"bias{index}"] for index in layers)
        return FloatNetwork(weights, biases, int(stored["activation_max"]))


def load_calibration(folder: Path) -> CalibrationRecord:
    """The calibration of a calibration point.

    Raises:
        BadInput: there is none.
    """
    files = sorted(folder.glob("*-calibration.h5"))
    if not files:
        raise BadInput(f"there is no calibration in {folder}")
    return load_record(files[0])


def _save(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]
