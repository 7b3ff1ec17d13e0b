"""Scans: plans of settings over instruments and board, planned or adaptive, as work for the engine."""

from labctl.rig import Rig
from labctl.scanning.drawing import draw, duration
from labctl.scanning.estimate import Estimate, estimate
from labctl.scanning.running import PreparedScan, prepare, scan
from labctl.scanning.strategies import Strategy
from labctl.scanning.work import ScanWork

__all__ = [
    "Estimate",
    "PreparedScan",
    "Rig",
    "ScanWork",
    "Strategy",
    "draw",
    "duration",
    "estimate",
    "prepare",
    "scan",
]
