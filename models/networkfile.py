"""Network files: safetensors for the integers, readable JSON for how they came to be; nothing is ever pickled."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from data.errors import BadInput
from data.values import Geometry, Schedule
from models.arms import Arm, Epoch, TrainedNetwork, TrainingOptions
from models.network import IntegerNetwork, Layer

_FORMAT: Final = "labctl network"
_VERSION: Final = 1
_KEY: Final = "labctl"


def save_network(trained: TrainedNetwork, path: Path) -> Path:
    """Write a network file; one that is there is replaced only when the new one is complete.

    Raises:
        BadInput: the folder does not exist or cannot be written to.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for index, layer in enumerate(trained.network.layers):
        arrays[f"layer{index}.weights"] = np.ascontiguousarray(layer.weights)
        arrays[f"layer{index}.bias"] = np.ascontiguousarray(layer.bias)
        arrays[f"layer{index}.columns"] = layer.columns.astype(np.int64)
    encoding, texts = _split_encoding(trained.network.encoding)
    arrays |= encoding
    description = _describe(trained) | {"encoding": texts}
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        try:
            save_file(arrays, name, metadata={_KEY: json.dumps(description)})
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"the network file {path} cannot be written: {error.strerror}") from error
    return path


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """What a network file says of itself; read without its arrays.

    Attributes:
        path: the file.
        arm: what it was trained on.
        seed: of the training.
        validation_accuracy: on voices not trained on.
        labels: names of the classes.
        provenance: what else is known, e.g. board and calibration; text by name.
    """

    path: Path
    arm: str
    seed: int
    validation_accuracy: float
    labels: tuple[str, ...]
    provenance: Mapping[str, str]


def summarise_network(path: Path) -> NetworkSummary:
    """What a network file says of itself.

    Raises:
        BadInput: it is missing, damaged, not a network file, or of a newer version.
    """
    description, _ = _read(path, arrays=False)
    try:
        return NetworkSummary(
            path=path,
            arm=str(description["arm"]),
            seed=int(description["seed"]),
            validation_accuracy=float(description["validation_accuracy"]),
            labels=tuple(str(label) for label in description["labels"]),
            provenance={str(name): str(text) for name, text in description["provenance"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path} is not a complete network file of labctl: {error!r}") from error


def load_network(path: Path) -> TrainedNetwork:
    """Read a network file.

    Raises:
        BadInput: it is missing, damaged, not a network file, or of a newer version.
    """
    description, arrays = _read(path, arrays=True)
    try:
        trained = _rebuild(description, arrays)
        trained.network.check()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, BadInput):
            raise BadInput(f"{path} cannot be used: {error}") from error
        raise BadInput(f"{path} is not a complete network file of labctl: {error!r}") from error
    return trained


def _read(path: Path, *, arrays: bool) -> tuple[Mapping[str, Any], dict[str, NDArray[Any]]]:
    """Description and arrays of a network file, without the arrays where they are not wanted."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()} if arrays else {}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise BadInput(f"there is no network file {path}") from None
    except (SafetensorError, OSError, TypeError) as error:
        raise BadInput(f"{path} is damaged or not a network file: {error}") from error
    try:
        description = json.loads(metadata[_KEY])
        if description["format"] != _FORMAT:
            raise BadInput(f"{path} holds {description['format']!r}, not a network of labctl")
        if description["version"] > _VERSION:
            raise BadInput(f"{path} was written by a newer labctl (format {description['version']}); update labctl")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, BadInput):
            raise BadInput(f"{path} cannot be used: {error}") from error
        raise BadInput(f"{path} is not a complete network file of labctl: {error!r}") from error
    return description, found


def _describe(trained: TrainedNetwork) -> dict[str, Any]:
    network = trained.network
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "arm": str(trained.arm),
        "seed": trained.options.seed,
        "validation_accuracy": trained.validation_accuracy,
        "labels": list(network.labels),
        "logit_scale": network.logit_scale,
        "geometry": asdict(network.geometry),
        "layers": [
            {"splits": list(layer.splits), "shift": layer.shift, "schedule": asdict(layer.schedule)}
            for layer in network.layers
        ],
        "options": asdict(trained.options),
        "history": [asdict(epoch) for epoch in trained.history],
        "provenance": dict(trained.provenance),
    }


def _rebuild(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TrainedNetwork:
    layers = []
    for index, item in enumerate(description["layers"]):
        schedule = dict(item["schedule"])
        order = schedule.pop("order")
        layers.append(
            Layer(
                weights=_typed(arrays[f"layer{index}.weights"], np.int8),
                bias=_typed(arrays[f"layer{index}.bias"], np.int32),
                splits=tuple(int(split) for split in item["splits"]),
                columns=_typed(arrays[f"layer{index}.columns"], np.int64).astype(np.intp),
                shift=int(item["shift"]),
                schedule=Schedule(order=None if order is None else tuple(order), **schedule),
            )
        )
    network = IntegerNetwork(
        geometry=Geometry(**description["geometry"]),
        layers=tuple(layers),
        logit_scale=float(description["logit_scale"]),
        labels=tuple(description["labels"]),
        encoding=_join_encoding(description["encoding"], arrays),
    )
    return TrainedNetwork(
        network=network,
        arm=Arm(description["arm"]),
        options=TrainingOptions(**description["options"]),
        history=tuple(Epoch(**epoch) for epoch in description["history"]),
        validation_accuracy=float(description["validation_accuracy"]),
        provenance=dict(description["provenance"]),
    )


def _typed(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    if array.dtype != dtype:
        raise BadInput(f"an array is {array.dtype} where {np.dtype(dtype)} belongs")
    return array


def _split_encoding(encoding: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Numbers as tensors; texts, which safetensors cannot hold, as JSON."""
    numbers = {f"encoding.{name}": np.array(value) for name, value in encoding.items() if value.dtype.kind != "U"}
    texts = {name: str(value) for name, value in encoding.items() if value.dtype.kind == "U"}
    return numbers, texts


def _join_encoding(texts: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    numbers = {name.removeprefix("encoding."): value for name, value in arrays.items() if name.startswith("encoding.")}
    return numbers | {name: np.array(text) for name, text in texts.items()}
