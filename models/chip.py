"""Chip models as analog processors: what a board would answer, computed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights, check_weights
from models.kernels import membrane
from models.parameters import ChipParameters

_MAKER: Final = "labctl"
_VERSION: Final = "1"
_CHUNK: Final = 4096


class ChipModel:
    """An ideal, unordered or ordered chip model behind the analog-processor contract, trial noise included.

    The noise comes from a generator of its own, one draw for each vector and column in the sequence in which vectors
    are computed: the same seed and the same vectors give the same outputs, however they are cut into batches.

    Args:
        parameters: what is modelled.
        identity: who answers; None names the model after its kind.
        seed: of the trial noise.
    """

    def __init__(self, parameters: ChipParameters, *, identity: Identity | None = None, seed: int = 0) -> None:
        self._parameters = parameters
        self._identity = identity if identity is not None else model_identity(parameters)
        self._generator = np.random.default_rng(seed)
        geometry = parameters.geometry
        self._weights: Weights = np.zeros((geometry.rows, geometry.columns), np.int8)

    @property
    def parameters(self) -> ChipParameters:
        """What is modelled."""
        return self._parameters

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes."""
        return self._parameters.geometry

    @property
    def identity(self) -> Identity:
        """Who computes; always marked as simulated."""
        return self._identity

    def program(self, weights: Weights) -> None:
        """Load weights, shape (rows, columns).

        Raises:
            BadInput: wrong shape or a code out of range; nothing has been changed then.
        """
        self._weights = check_weights(weights, self.geometry).copy()

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """Outputs, shape (vectors, columns), of activations, shape (vectors, rows), sent by ``schedule``.

        Raises:
            BadInput: wrong shape, a code out of range, or a schedule that cannot be honoured.
        """
        voltages = membrane(activations, self._weights, self._parameters, schedule)
        outputs = np.empty(voltages.shape, np.int16)
        for start in range(0, len(voltages), _CHUNK):
            part = slice(start, start + _CHUNK)
            outputs[part] = self._read_out(voltages[part])
        return outputs

    def _read_out(self, voltages: NDArray[np.float32]) -> Outputs:
        parameters = self._parameters
        level = voltages + parameters.offset
        if np.any(parameters.noise > 0):
            level += parameters.noise * self._generator.standard_normal(voltages.shape, np.float32)
        return quantise(level, self.geometry)


def quantise(level: NDArray[np.floating], geometry: Geometry) -> Outputs:
    """What the ADC makes of a level in output codes: rounded down and clamped."""
    codes: Outputs = np.clip(np.floor(level), geometry.output_min, geometry.output_max).astype(np.int16)
    return codes


def ideal_model(
    geometry: Geometry, gain: float = 0.002, *, identity: Identity | None = None, seed: int = 0
) -> ChipModel:
    """The integer product times ``gain`` (output codes for each activation x weight and send), rounded and clamped."""
    return ChipModel(ChipParameters.ideal(geometry, gain), identity=identity, seed=seed)


def ideal_counterpart(unordered: ChipParameters) -> ChipParameters:
    """What somebody who knows nothing but the board's gain would assume: the ideal board of the median gain."""
    return ChipParameters.ideal(unordered.geometry, float(np.median(unordered.gain)))


def kind_of(parameters: ChipParameters) -> str:
    """``ordered``, ``unordered`` or, without noise, rails and mismatch, ``ideal``."""
    if parameters.ordered:
        return "ordered"
    plain = not parameters.noise.any() and not parameters.offset.any() and np.ptp(parameters.gain) == 0
    return "ideal" if plain and np.all(np.isinf(parameters.rail_high)) else "unordered"


def model_identity(parameters: ChipParameters, board: Identity | None = None) -> Identity:
    """The identity of a chip model, of a certain board where one is given."""
    serial_number = "any" if board is None else board.serial_number
    return Identity(_MAKER, f"{kind_of(parameters)} model", serial_number, _VERSION, simulated=True)
