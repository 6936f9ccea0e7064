"""Make a report of stored results: ``build(results, folder)``, or ``python -m reports.build RESULTS FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from reports.badge import badge
from reports.page import render
from reports.results import dump, load
from reports.summary import markdown
from reports.tables import write_tables
from vitwork.errors import VitworkError


def build(results: dict[str, Any] | Path, folder: Path) -> Path:
    """Write a report into `folder`: page, results, tables, summary and badge.

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
        write_tables(document, folder)
        page.write_text(render(document), encoding="utf-8")
    except OSError as error:
        raise VitworkError(f"The report cannot be written to {folder}: {error.strerror or error}.") from error
    return page


def main(arguments: list[str] | None = None) -> int:
    """Build a report from the command line."""
    parser = argparse.ArgumentParser(prog="python -m reports.build", description="Make a report of stored results.")
    parser.add_argument("results", type=Path, help="results.json, or a folder that holds it")
    parser.add_argument("folder", type=Path, help="where the report goes")
    options = parser.parse_args(arguments)
    try:
        print(build(options.results, options.folder))
    except VitworkError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
