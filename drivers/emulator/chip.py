"""A seed is a chip: the fixed pattern of one emulated board.

Every effect draws from a random stream of its own, so that switching one effect off leaves the rest of the chip as it
is. The streams are NumPy's frozen ``RandomState``: the same seed is the same chip in every version.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.emulator.strengths import Strengths

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chip:
    """What one chip is, in the units of :class:`Strengths`; times in nanoseconds, percent as fractions.

    Attributes:
        seed: the chip's seed.
        strengths: the strengths that it was drawn with.
        pulse: charge of each activation code, shape (activation_max + 1,).
        excitatory: charge of each weight code 0..weight_max on the excitatory line, shape (weight_max + 1,).
        inhibitory: the same on the inhibitory line.
        synapse: gain of each synapse, its row included, shape (rows, columns).
        asymmetry: relative half-difference between the lines, shape (columns,).
        gain: output codes per charge, shape (columns,).
        tau_membrane: shape (columns,), infinite without leak.
        tau_line: shape (columns,).
        limit_excitatory: charge at which the line saturates, shape (columns,), infinite without line.
        limit_inhibitory: the same for the inhibitory line.
        rail_low: output codes, shape (columns,), infinite without rails.
        rail_high: the same at the upper end.
        offset: output codes, shape (columns,).
        drift: how far the offset follows the slow drift, output codes, shape (columns,).
        noise: trial noise, output codes, shape (columns,).
        cubic: S-shaped part of the converter's non-linearity, output codes, shape (columns,).
        quartic: bow-shaped part, output codes, shape (columns,).
        bad: columns that do not work, with what is wrong with each.
    """

    seed: int
    strengths: Strengths
    pulse: Floats
    excitatory: Floats
    inhibitory: Floats
    synapse: Floats
    asymmetry: Floats
    gain: Floats
    tau_membrane: Floats
    tau_line: Floats
    limit_excitatory: Floats
    limit_inhibitory: Floats
    rail_low: Floats
    rail_high: Floats
    offset: Floats
    drift: Floats
    noise: Floats
    cubic: Floats
    quartic: Floats
    bad: tuple[tuple[int, str], ...]


class Draws:
    """The random streams of one seed, one for each named effect."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, name: str) -> np.random.RandomState:
        """The stream of ``name``, from its start."""
        return np.random.RandomState([self._seed, zlib.crc32(name.encode("ascii"))])

    def spread(self, name: str, size: int | tuple[int, int]) -> Floats:
        """Standard normal values cut at 2.5, the same for the same name."""
        return np.clip(self.stream(name).standard_normal(size), -2.5, 2.5)


def draw_chip(seed: int, strengths: Strengths) -> Chip:
    """The chip of ``seed`` with effects of the given strengths."""
    draws, use = Draws(seed), strengths.uses
    rows, columns = strengths.geometry.rows, strengths.geometry.columns
    mismatch = strengths.of("columns") / 100

    def around(name: str, centre: float, share: float = 1.0) -> Floats:
        return centre * (1 + share * mismatch * draws.spread(name, columns))

    def never(value: float = np.inf) -> Floats:
        return np.full(columns, value)

    row_gain = 1 + strengths.of("rows") / 100 * draws.spread("rows", rows)
    synapse = 1 + strengths.of("synapses") / 100 * draws.spread("synapses", (rows, columns))
    bend = draws.stream("adc").uniform(-1, 1, (2, columns)) * strengths.of("adc") / 2
    gain, offset = around("gain", strengths.gain), strengths.of("offset") * draws.spread("offset", columns)
    noise = around("noise", strengths.of("noise"), 1.25)
    drift = 2 * strengths.of("drift") * draws.spread("drift", columns)
    bad = _bad_columns(draws, columns) if use("bad") else ()
    for column, fault in bad:
        gain[column] *= {"stuck": 0.0, "weak": 0.1}.get(fault, 1.0)
        noise[column] *= {"stuck": 0.0, "noisy": 10.0}.get(fault, 1.0)
        if fault == "stuck":
            drift[column] = 0.0
            offset[column] = draws.stream("stuck").randint(-100, 100) + 0.5
    return Chip(
        seed=seed,
        strengths=strengths,
        pulse=_pulse_curve(draws, strengths),
        excitatory=_dac_curve(draws, "excitatory", strengths),
        inhibitory=_dac_curve(draws, "inhibitory", strengths),
        synapse=row_gain[:, None] * synapse,
        asymmetry=strengths.of("asymmetry") / 100 * draws.spread("asymmetry", columns),
        gain=gain,
        tau_membrane=around("leak", strengths.leak_us * 1e3) if use("leak") else never(),
        tau_line=around("line", strengths.line_ns, 0.5) if use("line") else never(0.0),
        limit_excitatory=around("excitatory limit", strengths.line_limit, 0.5) if use("line") else never(),
        limit_inhibitory=around("inhibitory limit", strengths.line_limit, 0.5) if use("line") else never(),
        rail_low=around("lower rail", -strengths.rail, 0.75) if use("rails") else never(-np.inf),
        rail_high=around("upper rail", strengths.rail, 0.75) if use("rails") else never(),
        offset=offset,
        drift=drift,
        noise=noise,
        cubic=bend[0],
        quartic=bend[1],
        bad=bad,
    )


def _pulse_curve(draws: Draws, strengths: Strengths) -> Floats:
    """Charge of each activation: short pulses a little weak (finite rise), long ones slightly compressed."""
    code = np.arange(strengths.geometry.activation_max + 1, dtype=np.float64)
    short, long = draws.stream("pulse").uniform(0.35, 0.65, 2)
    lacking = short * (1 - np.exp(-code / 1.5)) + long * (code / code[-1]) ** 2
    curve: Floats = np.maximum(code - strengths.of("pulse") * lacking, 0.0)
    return curve


def _dac_curve(draws: Draws, name: str, strengths: Strengths) -> Floats:
    """Charge of each weight: a smooth non-linearity and small steps that stay monotone."""
    code = np.arange(strengths.geometry.weight_max + 1, dtype=np.float64)
    size, stream = strengths.of("dac"), draws.stream(name)
    first, second, share = stream.uniform(-1, 1, 3)
    phase = np.pi * code / code[-1]
    smooth = first * np.sin(phase) + second * np.sin(2 * phase)
    smooth *= size * (0.8 + 0.2 * share) / max(float(np.max(np.abs(smooth))), 1e-9)
    steps = np.clip(0.06 * size, 0, 0.3) * stream.uniform(-1, 1, code.size)
    curve: Floats = code + smooth + steps
    curve[0] = 0.0
    return np.array(np.maximum.accumulate(curve), dtype=np.float64)


def _bad_columns(draws: Draws, columns: int) -> tuple[tuple[int, str], ...]:
    """Two or three columns of a full array that are stuck, noisy or weak; none of a very small one."""
    stream = draws.stream("bad")
    count = min(2 + int(stream.randint(2)), columns // 32)
    where, what = stream.permutation(columns)[:count], stream.permutation(3)
    names = ("stuck", "noisy", "weak")
    return tuple((int(column), names[int(kind)]) for column, kind in zip(where, what, strict=False))
