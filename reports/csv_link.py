"""Tables as links inside the page, which save a CSV file without a script or a server."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

LARGEST = 60_000
"""Characters of CSV that a page carries per table; larger tables lie beside the page."""


def csv_link(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a ``data:`` address of a CSV file; empty when there are no rows or too many.

    Text that a spreadsheet would take for a formula starts with an apostrophe.

    Args:
        header: names of the columns.
        rows: cells; None is an empty cell, floats have six significant digits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    filled = False
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        filled = True
        if text.tell() > LARGEST:
            return ""
    return (
        f"data:text/csv;charset=utf-8,{quote(text.getvalue(), safe=' ,.;:/()=')}".replace(" ", "%20") if filled else ""
    )


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
