"""Refine a calibration by gradient: time constants and rails that are wrong on purpose come back.

    python docs/how-to/refine_by_gradient.py

Here an ordered model plays the board; with a real one take them from a run file.
"""

from dataclasses import replace

import numpy as np

from data import Geometry, Schedule
from models import ChipModel, ChipParameters, Measured, refine

if __name__ == "__main__":
    chance = np.random.default_rng(1)
    true = replace(
        ChipParameters.ideal(Geometry(rows=64, columns=16), gain=0.006),
        ordered=True,
        terms=frozenset({"leak", "rails"}),
        noise=np.full(16, 0.5),
        tau_membrane_ns=chance.normal(8000, 800, 16),
        rail_low=chance.normal(-60, 3, 16),
        rail_high=chance.normal(60, 3, 16),
    )

    board, schedule, measured = ChipModel(true, seed=2), Schedule(sends=2), []
    for _ in range(8):  # several programmes, so that every column comes to both of its rails
        activations = chance.integers(0, 32, (200, 64)).astype(np.uint8)
        weights = chance.integers(-63, 64, (64, 16)).astype(np.int8)
        board.program(weights)
        measured.append(Measured(activations, weights, schedule, board.multiply(activations, schedule).astype(float)))

    # Rails start too near, not too far: one that no voltage reaches has no gradient.
    wrong = {"tau_membrane_ns": np.full(16, 12e3), "rail_low": np.full(16, -40.0), "rail_high": np.full(16, 40.0)}
    found = refine(replace(true, **wrong), list(wrong), measured)
    print(f"mean squared residual {found.before:.2f} before, {found.after:.2f} after {found.evaluations} evaluations")
    for name in wrong:
        error = np.abs(getattr(found.chip, name) / getattr(true, name) - 1)
        print(f"{name}: at most {100 * error.max():.1f} % off")
