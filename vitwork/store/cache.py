"""Where results are kept that can be made anew on any machine: downloads, decoded images, digests of sources."""

from __future__ import annotations

import os
from pathlib import Path

from vitwork.errors import VitworkError


def cache_folder() -> Path:
    """Return ``VITWORK_CACHE``, or the user's cache folder."""
    if given := os.environ.get("VITWORK_CACHE"):
        return Path(given)
    from platformdirs import user_cache_path

    return Path(user_cache_path("vitwork"))


def stamp(path: Path) -> tuple[int, int, int, int]:
    """Return what tells without reading that a file is the one that was read: size, time of writing, inode, time of change.

    Size and time of writing are the same in files of one archive, and whoever writes can set the time. The file system
    itself sets the last one, at whatever is written, set or renamed, and no two files that exist have one inode. On
    Windows, where it is the time of creation, a file that is written anew in place, at its size and time, is not noticed.

    Raises:
        VitworkError: there is no such file, or it cannot be looked at.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns
