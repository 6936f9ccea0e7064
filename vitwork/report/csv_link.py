"""Tables inside the page: links that save a CSV file without a server."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

LARGEST = 6_000
"""Characters of a CSV file that is a link by itself; larger ones are compressed."""


class Link(NamedTuple):
    """How a table is saved.

    Attributes:
        href: a ``data:`` address, or the file next to the page that holds the same numbers.
        table: place of the compressed table that the page's script unpacks; None for a ``data:`` address.
    """

    href: str
    table: int | None = None


class Tables:
    """The tables of one page: small ones are links that need no script, large ones are kept compressed, each once.

    Args:
        largest: characters of a table that is a link by itself.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._places: dict[str, int] = {}

    def link(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Link | None:
        """Return the link to a table; None when it has no rows.

        Text that a spreadsheet would take for a formula starts with an apostrophe.

        Args:
            header: names of the columns.
            rows: cells; None is an empty cell, floats have six significant digits.
        """
        lines = [[_cell(value) for value in row] for row in rows]
        if not lines:
            return None
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *lines])
        written = text.getvalue()
        if len(written) > self._largest:
            return Link("results.json", self._places.setdefault(written, len(self._places)))
        return Link(f"data:text/csv;charset=utf-8,{quote(written, safe=',.;:/()=')}")

    def packed(self) -> str:
        """Return the large tables as a JSON list of texts: gzip, then base64, which no markup can be part of."""
        files = (gzip.compress(text.encode(), mtime=0) for text in self._places)
        return json.dumps([base64.b64encode(file).decode() for file in files])


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
