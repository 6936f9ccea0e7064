"""Make a report of results: ``build(results, folder)``."""

from __future__ import annotations

from pathlib import Path

from vitwork.language.document import Results
from vitwork.report.badge import badge
from vitwork.report.crate import crate
from vitwork.report.document import dump
from vitwork.report.html import shown
from vitwork.report.page import render
from vitwork.report.summary import markdown
from vitwork.report.tables import tables
from vitwork.store.store import write_atomically


def build(results: Results, folder: Path) -> Path:
    """Write a report into `folder`: page, results, tables, summary, badge and RO-Crate metadata.

    Args:
        results: of a session, or as `vitwork.report.document.read` returns them.
        folder: made if it does not exist; files of the same names are replaced.

    Returns:
        The path of ``report.html``, which opens from disk.

    Raises:
        VitworkError: the folder cannot be written; every file in it is then whole, an earlier one or a new one.
    """
    safe = shown(results)
    files = {  # the results first, of which everything else can be made again; the page last, which links to the others
        "results.json": dump(results),
        **{f"{name}.parquet": table for name, table in tables(results).items()},
        "summary.md": markdown(safe).encode(),
        "badge.svg": badge(safe).encode(),
        "ro-crate-metadata.json": crate(safe),
        "report.html": render(safe).encode(),
    }
    for name, content in files.items():
        write_atomically(folder / name, content)
    return folder / "report.html"
