"""Make a report of results: ``build(results, folder)``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from vitwork.facts.document import Results
from vitwork.report.badge import badge
from vitwork.report.crate import METADATA, crate
from vitwork.report.document import dump
from vitwork.report.html import all_visible
from vitwork.report.page import render
from vitwork.report.placement import placed
from vitwork.report.summary import markdown
from vitwork.report.tables import tables
from vitwork.store.store import replacing


def build(results: Results, folder: Path) -> Path:
    """Write a report into `folder`: page, results, tables, summary, badge and RO-Crate metadata.

    Args:
        results: of a session, or as `vitwork.report.document.read` returns them.
        folder: made if it does not exist; files of the same names are replaced. Where a report of all tests stands there,
            one of a part goes into a folder beside it.

    Returns:
        The path of ``report.html``, which opens from disk.

    Raises:
        VitworkError: the folder cannot be written, for want of space for example; nothing in it is replaced then.
    """
    return write(results, placed(results, folder))


def write(results: Results, folder: Path) -> Path:
    """Do what `build` does in `folder` itself, whatever report stands there."""
    safe = all_visible(results)
    shared = {  # the results first, of which everything else can be made again
        "results.json": dump(results),
        **{f"{name}.parquet": table for name, table in tables(results).items()},
        "summary.md": markdown(safe).encode(),
    }
    files = {  # the page last, which holds and links to the others
        **shared,
        "badge.svg": badge(safe).encode(),
        METADATA: crate(safe),
        "report.html": render(safe, shared).encode(),
    }
    with ExitStack() as written:  # which replaces them, last to first, once all of them have found room
        for name, content in reversed(files.items()):
            file = written.enter_context(replacing(folder / name))
            file.write(content)
            file.flush()
    return folder / "report.html"
