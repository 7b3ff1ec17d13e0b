"""What to sweep, how to fit, how good the fit is, and the calibration record."""
