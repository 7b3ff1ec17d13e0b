"""One self-contained HTML page for a run: a sweep, a calibration or a comparison."""

from __future__ import annotations

from pathlib import Path

from data.errors import BadInput
from data.runfile import read_metadata


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run; without ``out`` beside the run file.

    Raises:
        BadInput: the file is no run or is damaged, or the page cannot be written.
    """
    from labctl.report import calibration_page, comparison_page, sweep_page

    kind = read_metadata(run).kind
    pages = {"calibration": calibration_page.page, "comparison": comparison_page.page}
    page = pages.get(kind, sweep_page.page)(run)
    target = out if out is not None else run.with_suffix(".html")
    try:
        target.write_text(page.html(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write the report {target}: {error.strerror}; choose another place with -o") from error
    return target
