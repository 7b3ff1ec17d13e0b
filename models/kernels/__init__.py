"""The ordered multiply: reference and compiled kernels."""

from models.kernels.cpu import membrane
from models.kernels.reference import membrane_reference

__all__ = ["membrane", "membrane_reference"]
