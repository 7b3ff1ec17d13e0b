"""Chip models and their kernels, networks and training."""
