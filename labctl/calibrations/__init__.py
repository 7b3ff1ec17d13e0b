"""Calibrations looked at: columns, residuals, order curves, differences, history, and whether a board still fits.

The modules that compute load what they need when they are imported; :mod:`labctl.calibrations.values` holds the plain
values that they give, light enough for a window.
"""
