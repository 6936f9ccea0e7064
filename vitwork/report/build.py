"""Make a report of stored results: ``build(results, folder)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitwork.errors import VitworkError
from vitwork.report.badge import badge
from vitwork.report.crate import crate
from vitwork.report.document import dump, load
from vitwork.report.page import render
from vitwork.report.summary import markdown
from vitwork.report.tables import write_tables


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
