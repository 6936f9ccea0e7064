"""Files inside the page: links that save a table, or a file that lies next to the page, without a server."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

LARGEST = 6_000
"""Characters of a CSV file that is a link by itself; larger ones are compressed."""
ROOM = 3_000_000
"""Characters that compressed files may take in a page, which stays below five megabytes."""


class Link(NamedTuple):
    """How a file is saved.

    Attributes:
        href: a ``data:`` address, or the file next to the page that holds the same.
        packed: place of the compressed file that the page's script unpacks; None where there is none.
    """

    href: str
    packed: int | None = None


class PageFiles:
    """The files of one page: small tables are links that need no script, others are kept compressed, each once.

    Args:
        largest: characters of a table that is a link by itself.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._places: dict[bytes, int] = {}
        self._written: list[str] = []

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Link | None:
        """Return the link to a table; None when it has no rows.

        Text that a spreadsheet would take for a formula starts with an apostrophe.

        Args:
            header: names of the columns.
            rows: cells; None and NaN are empty cells, floats have six significant digits.
        """
        lines = [[_cell(value) for value in row] for row in rows]
        if not lines:
            return None
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *lines])
        written = text.getvalue()
        if len(written) > self._largest:
            return self.file("results.json", written.encode())
        return Link(f"data:text/csv;charset=utf-8,{quote(written, safe=',.;:/()=')}")

    def file(self, name: str, content: bytes) -> Link:
        """Return the link to a file; without room for it in the page, to the one next to the page.

        Args:
            name: of the file next to the page that holds the same.
            content: what is saved.
        """
        if content not in self._places:
            written = base64.b64encode(gzip.compress(content, mtime=0)).decode()
            if sum(map(len, self._written)) + len(written) > ROOM:
                return Link(name)
            self._places[content] = len(self._written)
            self._written.append(written)
        return Link(name, self._places[content])

    def written(self) -> str:
        """Return the compressed files as a JSON list of texts: gzip, then base64, which no markup can be part of."""
        return json.dumps(self._written)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
