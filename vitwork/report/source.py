"""Where a report comes from: a folder, its results file, or an address."""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.facts.document import Results
from vitwork.report.document import MOST_BYTES, read

PAGE = ".html"
SECONDS = 60.0
"""Without an answer."""


def is_address(place: str) -> bool:
    """Return whether a report's place is an address of the web."""
    return urllib.parse.urlsplit(place).scheme in {"http", "https"}


def open_report(place: str) -> Results:
    """Return the results of a report.

    Args:
        place: folder, a report's page or ``results.json``, on disk or as an http(s) address.

    Raises:
        VitworkError: there are none, or they are not results that this version reads.
    """
    if not is_address(place):
        path = Path(place)
        return read(path.parent if path.suffix == PAGE else path)
    address = urllib.parse.urlsplit(place)._replace(query="", fragment="")
    if not address.path.endswith(".json"):
        folder, _, name = address.path.rpartition("/")
        beside = folder if name.endswith(PAGE) else address.path.rstrip("/")
        address = address._replace(path=f"{beside}/results.json")
    content = _fetched(address.geturl())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.json")
        path.write_bytes(content)
        try:
            return read(path)
        except VitworkError as error:
            raise VitworkError(str(error).replace(str(path), address.geturl())) from error


def _fetched(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - http and https alone come here
            content: bytes = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # of which all errors of urllib are
        why = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            why = f"{error.code} {why}"
        raise VitworkError(f"{address} cannot be fetched: {why}.") from error
    if len(content) > MOST_BYTES:
        raise VitworkError(f"{address} is larger than {MOST_BYTES >> 20} MiB, which no results file is.")
    return content
