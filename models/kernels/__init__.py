"""The ordered multiply: reference and compiled kernels."""
