"""Results on disk: sealed files, records, leases. Imports no torch.

Every file is written beside its place and renamed, and carries the SHA-256 of its content, so that a reader meets a
whole file or none, and notices one that was truncated or altered.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from vitwork.errors import VitworkError

SEAL = b"vitwork-sha256:"
SEAL_SIZE = len(SEAL) + 32


class CorruptFileError(VitworkError):
    """A stored file does not have the content that was written."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds all of it or is untouched.

    Raises:
        VitworkError: the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - the atomic rename is the point, Path.replace hides the name
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise VitworkError(f"Cannot write {path}: {error.strerror or error}.") from error


def write_sealed(path: Path, content: bytes) -> None:
    """Write `content` followed by its seal, atomically."""
    write_atomically(path, content + SEAL + hashlib.sha256(content).digest())


def read_sealed(path: Path) -> bytes:
    """Return the content of a sealed file.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: the file is truncated, altered, or was never sealed.
    """
    data = path.read_bytes()
    content, seal = data[:-SEAL_SIZE], data[-SEAL_SIZE:]
    if seal != SEAL + hashlib.sha256(content).digest():
        raise CorruptFileError(f"{path} is truncated or was altered since it was written.")
    return content
