"""Notice a user's ``data.py`` or ``models/`` that hides a package of ours.

The folders of this project have general names; Python takes the first it finds, and a script's own folder comes first.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("data", "drivers", "models", "calibration", "gui")


def check_packages() -> None:
    """Raise :class:`ImportError` with one sentence that names the file in the way.

    Raises:
        ImportError: a package of ours is hidden by another file or folder, or is missing.
    """
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ImportError(f"labctl's package {name!r} is not installed; install labctl again")
        found = _place(spec.origin, spec.submodule_search_locations)
        if found != home / name:
            shown = spec.origin if spec.origin and found.name != name else found
            raise ImportError(
                f"{shown} hides labctl's own package {name!r}: rename it, or run your script from another folder"
            )


def _place(origin: str | None, locations: list[str] | None) -> Path:
    if origin is not None:
        path = Path(origin).resolve()
        return path.parent if path.name == "__init__.py" else path
    return Path(next(iter(locations or []), ".")).resolve()
