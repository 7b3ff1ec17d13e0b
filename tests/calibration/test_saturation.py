"""The saturation of the line in the fit is the tanh of the model, also far beyond the limit."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.line_walk import _compress


@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0, 3.0, 4.9, 5.1, 8.0, 20.0])
def test_saturation_and_its_slope_are_those_of_tanh(ratio: float) -> None:
    """``ratio`` is charge over limit."""

    def exact(z: float) -> float:
        return float(np.tanh(np.sqrt(z)) / np.sqrt(z))

    z = ratio**2
    value, slope = _compress(np.float32(z))
    assert value == pytest.approx(exact(z), rel=1e-3)
    assert slope == pytest.approx((exact(z * 1.001) - exact(z * 0.999)) / (0.002 * z), rel=0.02)
