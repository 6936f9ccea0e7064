"""SHA-256 of files that may be large, each read once."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path

from vitwork.errors import VitworkError
from vitwork.store.cache import cache_folder, stamp
from vitwork.store.store import write_atomically

DIGEST = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 as it is written."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        VitworkError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error


def known_digest(path: Path, *, anew: bool = False) -> str:
    """Return the SHA-256 of a file; of one that has not changed since, as far as its stamp shows, as it was read.

    With `anew`, the file is read in any case, and what is found replaces what was known.

    Raises:
        VitworkError: it cannot be read.
    """
    named = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:32]
    record, facts = cache_folder() / "digests" / f"{named}.json", list(stamp(path))
    if not anew and (kept := _kept(record, facts)):
        return kept
    found = file_digest(path)
    with suppress(VitworkError):  # a full or protected disk costs time, not the session
        write_atomically(record, json.dumps({"facts": facts, "sha256": found}).encode())
    return found


def _kept(record: Path, facts: list[int]) -> str:
    """Return the SHA-256 that was noted of a file of this stamp; empty where none was."""
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["facts"] == facts and DIGEST.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    return ""
