"""NumPy ``.npz``: one array a variable, by its name, and ``metadata``, a text with everything else as JSON.

Read it with ``numpy.load(path)``; nothing in it is pickled. ``json.loads(str(archive["metadata"]))`` gives the fields
of the run and, under ``variables``, the dimensions, unit and meaning of each array.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from data.export.description import describe, json_text
from data.export.names import unique
from data.runfile import Run


def write(run: Run, path: Path) -> None:
    """Write a run to one compressed archive."""
    names = unique(run.variables, str, taken=("metadata",))
    text = json_text(describe(run, names))
    arrays = {names[name]: variable.values for name, variable in run.variables.items()}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, values in ({"metadata": np.array(text)} | arrays).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array(file, np.asarray(values), allow_pickle=False)
