"""The cache folder, for data that any machine can make again: downloads, decoded images, digests of sources."""

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
    """Return values that identify a file's content without reading it: size, modification time, inode, change time.

    Size and modification time can be equal for files from one archive, and programs can set the modification time. The
    file system itself sets the change time, at every write, rename or change of attributes, and no two existing files
    share an inode. On Windows the last value is the time of creation, so a file that is rewritten in place with the
    same size and modification time is not noticed.

    Raises:
        VitworkError: there is no such file, or its status cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VitworkError(f"Cannot read {path}: {error.strerror or error}.") from error
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns
