"""The facts of a run that every report begins with."""

from __future__ import annotations

from data.metadata import RunMetadata


def facts(metadata: RunMetadata) -> dict[str, object]:
    """Names and values, those that are known."""
    geometry = metadata.geometry
    known: dict[str, object] = {
        "run": metadata.run_id,
        "board": metadata.identity or "",
        "array": f"{geometry.rows} rows x {geometry.columns} columns" if geometry else "",
        "started": metadata.started,
        "ended": f"{metadata.status}{f': {metadata.message}' if metadata.message else ''}",
        "calibration": metadata.calibration_id,
        "seed": metadata.seed if metadata.seed is not None else "",
        "software": ", ".join(f"{name} {version}" for name, version in metadata.versions.items()),
    }
    return {name: value for name, value in known.items() if value != ""}
