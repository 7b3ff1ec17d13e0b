"""One utterance at a time through networks on a board and on its counterparts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.record import CalibrationRecord
from data.encoding import Encoding
from data.errors import BadInput, Problems
from data.features import mfcc
from data.processor import AnalogProcessor
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from labctl.comparison import BOARD, model_parameters
from labctl.live.results import Answer, Floats, Latency, Spotted
from labctl.live.sources import Clip
from labctl.residuals import expected_output
from models.arms import TrainedNetwork
from models.chip import ChipModel, model_identity
from models.network import IntegerNetwork, NetworkTrace, check_fit, run
from models.networkfile import load_network
from models.parameters import ChipParameters


@dataclass(frozen=True)
class LoadedNetwork:
    """A network file that fits the board."""

    path: Path
    trained: TrainedNetwork
    encoding: Encoding

    @property
    def network(self) -> IntegerNetwork:
        """The network itself."""
        return self.trained.network


def load_networks(paths: tuple[Path, ...], geometry: Geometry) -> tuple[LoadedNetwork, ...]:
    """Networks from their files.

    Raises:
        BadInput: none is given.
        Problems: files that are no networks, or networks that do not fit the board; all of them.
    """
    if not paths:
        raise BadInput("no network is chosen; choose at least one network file")
    found, problems = [], []
    for path in dict.fromkeys(paths):
        try:
            trained = load_network(path)
            if not trained.network.encoding:
                raise BadInput(f"{path} carries no encoding of features, so it cannot be given utterances")
            check_fit(trained.network, geometry)
            found.append(LoadedNetwork(path, trained, Encoding.from_arrays(trained.network.encoding)))
        except BadInput as error:
            problems.append(str(error))
    if problems:
        raise Problems("networks", problems)
    return tuple(found)


class TimedBoard:
    """An :class:`data.processor.AnalogProcessor` that adds up how long the board takes, and its array."""

    def __init__(self, board: AnalogProcessor) -> None:
        self._board = board
        self.board_s = 0.0
        self.array_s = 0.0

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes."""
        return self._board.geometry

    @property
    def identity(self) -> Identity:
        """Who computes."""
        return self._board.identity

    def program(self, weights: Weights) -> None:
        """As the board's."""
        began = time.perf_counter()
        self._board.program(weights)
        self.board_s += time.perf_counter() - began

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """As the board's."""
        began = time.perf_counter()
        outputs = self._board.multiply(activations, schedule)
        self.board_s += time.perf_counter() - began
        self.array_s += array_seconds(activations, schedule)
        return outputs


def array_seconds(activations: Activations, schedule: Schedule) -> float:
    """What the array itself needs for vectors, shape (vectors, rows), by their schedule, in seconds."""
    slots = np.count_nonzero(activations) if schedule.skip_zeros else activations.size
    fixed_ns = len(activations) * (schedule.reset_ns + schedule.settle_ns)
    return float(slots * schedule.sends * schedule.spacing_ns + fixed_ns) * 1e-9


class Spotter:
    """Networks on a board and on the models of its calibration; keeps nothing of an utterance.

    Args:
        board: the board, or whatever stands in its place.
        record: its calibration.
        networks: what listens.
        models: which counterparts; names of :data:`labctl.comparison.MODELS`.
        seed: of the models' trial noise.
    """

    def __init__(
        self,
        board: AnalogProcessor,
        record: CalibrationRecord,
        networks: tuple[LoadedNetwork, ...],
        models: tuple[str, ...],
        seed: int = 0,
    ) -> None:
        self._board = board
        self._networks = networks
        self._parameters = {name: known for name, known in model_parameters(record).items() if name in models}
        self._models = [
            {
                name: ChipModel(chip, identity=model_identity(chip, board.identity), seed=seed)
                for name, chip in self._parameters.items()
            }
            for _ in networks
        ]

    def spot(self, number: int, clip: Clip) -> Spotted:
        """Put one utterance through all networks on all targets.

        Raises:
            BadInput: the clip is not one second at 16 kHz.
            LabctlError: the board failed, or the run of which this is a part has ended.
        """
        began = time.perf_counter()
        features = mfcc(clip.wave[np.newaxis])
        board = TimedBoard(self._board)
        answers = tuple(
            self._answer(loaded, models, board, features, clip.truth)
            for loaded, models in zip(self._networks, self._models, strict=True)
        )
        latency = Latency(board.array_s, board.board_s, time.perf_counter() - began)
        return Spotted(number, clip, features[0], answers, latency)

    def _answer(
        self,
        loaded: LoadedNetwork,
        models: dict[str, ChipModel],
        board: AnalogProcessor,
        features: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
        truth: str,
    ) -> Answer:
        network = loaded.network
        codes = loaded.encoding.encode(features)
        traces: dict[str, NetworkTrace] = {BOARD: run(network, board, codes)}
        traces |= {name: run(network, model, codes) for name, model in models.items()}
        sent = (codes, *(layer.activations for layer in traces[BOARD].layers[:-1]))
        return Answer(
            name=loaded.path.name,
            arm=str(loaded.trained.arm),
            network=network,
            truth=network.labels.index(truth) if truth in network.labels else -1,
            sent=tuple(layer[0] for layer in sent),
            traces=traces,
            expected=tuple(self._expected(network, index, layer) for index, layer in enumerate(sent)),
        )

    def _expected(self, network: IntegerNetwork, index: int, codes: Activations) -> dict[str, Floats]:
        layer = network.layers[index]
        geometry = self._board.geometry
        found: dict[str, Floats] = {}
        for name, parameters in self._parameters.items():
            chosen: ChipParameters = parameters.select(layer.columns)
            blocks = [
                expected_output(
                    chosen,
                    layer.vectors(codes, block, geometry),
                    layer.programme(block, geometry)[:, layer.columns],
                    layer.schedule,
                )
                for block in range(layer.blocks)
            ]
            found[name] = np.concatenate(blocks)
        return found
