"""Make a report of stored results: ``build(results, folder)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reports.badge import badge
from reports.crate import crate
from reports.page import render
from reports.results import dump, load
from reports.summary import markdown
from reports.tables import write_tables
from vitwork.errors import VitworkError


def build(results: dict[str, Any] | Path, folder: Path) -> Path:
    """Write a report into `folder`: page, results, tables, summary, badge and RO-Crate metadata.

    Args:
        results: a results document (schema ``vitwork-results/1``), or the path of one.
        folder: made if it does not exist; files of the same names are overwritten.

    Returns:
        The path of ``report.html``, which opens from disk.

    Raises:
        VitworkError: the results cannot be read or the folder cannot be written.
    """
    document = load(results)
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(dump(document), encoding="utf-8")
        (folder / "summary.md").write_text(markdown(document), encoding="utf-8")
        (folder / "badge.svg").write_text(badge(document), encoding="utf-8")
        (folder / "ro-crate-metadata.json").write_text(crate(document), encoding="utf-8")
        write_tables(document, folder)
        page.write_text(render(document), encoding="utf-8")
    except OSError as error:
        raise VitworkError(f"The report cannot be written to {folder}: {error.strerror or error}.") from error
    return page
