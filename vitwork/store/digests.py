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
"""Form of a SHA-256 in hexadecimal digits."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        VitworkError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error


def known_digest(path: Path, *, anew: bool = False) -> str:
    """Return the SHA-256 of a file, from an earlier reading if the file's stamp has not changed since.

    With `anew`, the file is read in any case, and the result replaces the earlier one.

    Raises:
        VitworkError: the file cannot be read.
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
    """Return the recorded SHA-256 of a file with this stamp; empty if there is none."""
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["facts"] == facts and DIGEST.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    return ""
