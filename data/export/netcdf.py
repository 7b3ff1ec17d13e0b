"""NetCDF-4: the same variables and attributes as the run file, compressed; ``labctl`` reads it back."""

from __future__ import annotations

from pathlib import Path

from data.runfile import Run, write_run


def write(run: Run, path: Path) -> None:
    """Write a run to one NetCDF-4 file."""
    write_run(run, path)
