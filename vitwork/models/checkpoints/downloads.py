"""Downloads kept in a cache that records and re-checks their SHA-256. Imports no torch."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from platformdirs import user_cache_dir

from vitwork.errors import VitworkError
from vitwork.store.store import write_atomically


def cache_folder() -> Path:
    """Return where downloads lie: ``VITWORK_CACHE``/checkpoints, else the user's cache."""
    return Path(os.environ.get("VITWORK_CACHE") or user_cache_dir("vitwork")) / "checkpoints"


def fetch(address: str, folder: Path | None = None) -> Path:
    """Return the local copy of a file, downloaded once.

    The copy's SHA-256 is kept next to it and checked every time. A copy that has changed is set aside and fetched
    again.

    Args:
        address: ``https://…`` or ``file://…``.
        folder: where copies lie, the user's cache unless given.

    Raises:
        VitworkError: it cannot be downloaded.
    """
    name = re.sub(r"[^\w.-]", "_", address.rsplit("/", maxsplit=1)[-1])
    path = (folder or cache_folder()) / hashlib.sha256(address.encode()).hexdigest()[:12] / name
    record = path.with_name(path.name + ".sha256")
    if path.is_file() and record.is_file():
        if hashlib.sha256(path.read_bytes()).hexdigest() == record.read_text().strip():
            return path
        path.replace(path.with_name(path.name + ".altered"))
    try:
        with urlopen(address, timeout=60) as answer:  # noqa: S310  # addresses are ours or the user's own
            content = answer.read()
    except (URLError, OSError, ValueError) as error:
        raise VitworkError(f"{address} could not be downloaded: {error}") from error
    write_atomically(path, content)
    write_atomically(record, hashlib.sha256(content).hexdigest().encode())
    return path
