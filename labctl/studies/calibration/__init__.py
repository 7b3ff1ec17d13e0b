"""The study of calibrations: how well fitted models predict, and whether their intervals hold what they promise.

Boards are emulated, each in a process of its own at the end of a TCP connection. What they really are is read only by
the code that judges (:mod:`labctl.studies.calibration.truth`), never by a fit.
"""
