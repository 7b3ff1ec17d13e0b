"""One self-contained HTML page for a run: a sweep, a scan, a calibration or a comparison."""

from __future__ import annotations

from pathlib import Path

from data.errors import BadInput
from data.runfile import read_metadata, read_run
from data.scanrun import is_scan


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run; without ``out`` beside the run file.

    Raises:
        BadInput: the file is no run or is damaged, or the page cannot be written.
    """
    from labctl.report import calibration_page, comparison_page, scan_page, sweep_page

    kind = read_metadata(run).kind
    pages = {"calibration": calibration_page.page, "comparison": comparison_page.page}
    other = scan_page.page if kind not in pages and is_scan(read_run(run)) else sweep_page.page
    page = pages.get(kind, other)(run)
    target = out if out is not None else run.with_suffix(".html")
    try:
        target.write_text(page.html(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write the report {target}: {error.strerror}; choose another place with -o") from error
    return target
