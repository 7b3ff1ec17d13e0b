"""What an emulated board really is, in the words of the chip models. Only for judging; no fit may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.curves import normalised
from data.sweep import SweepPlan
from data.values import Schedule
from drivers.emulator.array import CONVERSION_NS, RESET_SHARE
from drivers.emulator.chip import Chip, draw_chip
from drivers.emulator.drift import draw_weather
from drivers.emulator.strengths import parse_strengths
from models.parameters import ChipParameters

Floats = NDArray[np.float64]

EFFECTIVE = ("gain", "asymmetry", "offset", "tau_membrane_ns", "noise")
"""Parameters of the models that have a counterpart on every board, though not quite the same one.

The line of the models has one charge for each column, that of the board two which saturate by other laws; what the one
lacks against the other, gain and asymmetry, and in part leak and offset, make up for. Line and rails themselves are
effective values altogether: a board settles in continuous time, where the models take one step.
"""

EXACT = (*EFFECTIVE, "rail_low", "rail_high")
"""Parameters that mean the same on a board without lines, voltage dependence and bent converters, and in the model."""


def counterparts(
    seed: int, physics: Sequence[str], plans: Sequence[SweepPlan], schedule: Schedule
) -> Mapping[str, Floats]:
    """True values of :data:`EXACT`, each of shape (columns,).

    They are those of the board as it was while ``plans`` were measured on it, one after another from its start. The
    gain wanders, and its mean counts; offsets wander too, and those at the end count, to which a calibration corrects
    them.
    Curves, row gains and scales are shared out between the parameters as a fit does it
    (:func:`calibration.curves.normalised`), small signals taken: the charge's dependence on the voltage and the bend of
    the read-out have no place in the chip models and count as misfit.

    Args:
        seed: of the emulated board.
        physics: its settings.
        plans: what was measured, in this order.
        schedule: the working schedule.
    """
    strengths = parse_strengths(physics)
    chip = draw_chip(seed, strengths)
    times = np.concatenate([[0], np.cumsum(np.concatenate([_durations(plan) for plan in plans]))])[:-1]
    weather = draw_weather(seed, strengths)
    held = normalised(_as_parameters(chip))
    return {
        "gain": held.gain * float(weather.gain_at(times).mean()),
        "asymmetry": held.asymmetry,
        "offset": chip.offset + chip.drift * float(weather.offset_at(times[-1:])[0]),
        "tau_membrane_ns": chip.tau_membrane,
        "noise": _noise_at_the_end(chip, plans, schedule),
        "rail_low": chip.rail_low,
        "rail_high": chip.rail_high,
    }


def _as_parameters(chip: Chip) -> ChipParameters:
    """Curves, gains and asymmetry; a column's synapses count by their mean over the rows, a row's over the columns."""
    geometry = chip.strengths.geometry
    rows = chip.synapse.mean(axis=1)
    columns = (chip.synapse / rows[:, None]).mean(axis=0)
    return replace(
        ChipParameters.ideal(geometry),
        activation_curve=chip.pulse,
        weight_curve=np.concatenate([-chip.inhibitory[:0:-1], chip.excitatory]),
        row_gain=rows,
        gain=chip.gain * columns,
        asymmetry=chip.asymmetry,
    )


def _noise_at_the_end(chip: Chip, plans: Sequence[SweepPlan], schedule: Schedule) -> Floats:
    """Trial noise at the read-out, for random vectors at the working schedule: of the reset noise some has leaked."""
    plan = next(plan for plan in plans if plan.kind == "random")
    usual = np.array([plan.schedules[index] == schedule for index in plan.schedule])
    slots = np.count_nonzero(plan.activations[usual], axis=1)
    passed = slots * schedule.sends * schedule.spacing_ns + schedule.settle_ns
    left = np.exp(-2 * passed[:, None] / chip.tau_membrane).mean(axis=0)
    noise: Floats = chip.noise * np.sqrt(RESET_SHARE**2 * left + 1 - RESET_SHARE**2)
    return noise


def _durations(plan: SweepPlan) -> NDArray[np.int64]:
    """Board time of every vector of a plan in ns, repeats included."""
    slots = np.count_nonzero(plan.activations, axis=1)
    skipping = np.array([schedule.skip_zeros for schedule in plan.schedules])[plan.schedule]
    slots = np.where(skipping, slots, plan.activations.shape[1])
    slot = np.array([schedule.sends * schedule.spacing_ns for schedule in plan.schedules])[plan.schedule]
    fixed = np.array([schedule.reset_ns + schedule.settle_ns for schedule in plan.schedules])[plan.schedule]
    return np.repeat(slots * slot + fixed + CONVERSION_NS, plan.repeats).astype(np.int64)


def board_seconds(plans: Sequence[SweepPlan]) -> float:
    """Board time that plans take."""
    return float(sum(int(_durations(plan).sum()) for plan in plans)) * 1e-9
