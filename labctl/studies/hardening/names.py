"""Names and constants that plan, points and report of the hardening study share."""

from __future__ import annotations

from math import pi, sqrt
from typing import Final

PLAIN: Final = "plain"
NOISY: Final = "noisy"
VANT: Final = "vant"
LEARNED: Final = "learned"
CONSTANT: Final = "constant"
CONVERTED: Final = "converted"
"""On boards only: the float network as it is converted, without training for the board."""

ARMS: Final = (PLAIN, NOISY, VANT, LEARNED, CONSTANT)
"""Ways to train in simulation. The last two have numbers of bits."""

TITLES: Final = {
    PLAIN: "plain",
    NOISY: "noisy training",
    VANT: "variance-aware noisy training",
    LEARNED: "quantised, learned scale",
    CONSTANT: "quantised, constant scale",
}

BOARD_TITLES: Final = {
    CONVERTED: "converted, not trained for the board",
    PLAIN: "plain: without noise",
    NOISY: "noisy: the measured noise",
    VANT: "variance-aware: noise by utterance",
    CONSTANT: "constant: no noise, larger steps",
}
"""What the arms are on boards."""

ALPHA: Final = 0.45
THETA: Final = 0.45
"""Variance-aware training: strengths are ``(ALPHA + THETA |z|)`` times the nominal one; published scatters lie around
0.45 of the strength."""
MEAN_FACTOR: Final = ALPHA + THETA * sqrt(2 / pi)
"""What that is on average."""

VALIDATION: Final = "validation"
TEST: Final = "test"
EVERYWHERE: Final = "everywhere"
"""The injection point of global noise."""
ACCURACY: Final = "accuracy"
"""The quantity of networks judged in simulation."""
CUT: Final = "share of activations cut"
"""Of quantised networks without noise: activations above the largest that there is, at the rectifier with most."""
ON_BOARD: Final = "accuracy on the board"
ON_MODEL: Final = "validation accuracy on the ordered model"
ELSEWHERE: Final = "accuracy on the board with other noise"
"""The quantities of networks for boards; column ``board_noise`` says what the other noise is."""
