"""Sealed bytes on their way between machines: content and its SHA-256, as sealed files hold them."""

from __future__ import annotations

from vitwork.store.store import SEAL_SIZE, CorruptFileError, seal_of


def sealed(content: bytes) -> bytes:
    """Return content followed by its seal."""
    return content + seal_of(content)


def sound(data: bytes, name: str = "") -> bool:
    """Return whether bytes hold what was sealed; those of a file, whose path ends with a name, under that name."""
    return data[-SEAL_SIZE:] == seal_of(memoryview(data)[:-SEAL_SIZE], name.rpartition("/")[2])


def unsealed(data: bytes, what: str) -> bytes:
    """Return the content of sealed bytes.

    Raises:
        CorruptFileError: they are truncated or altered.
    """
    if not sound(data):
        raise CorruptFileError(f"{what} was altered on its way.")
    return data[:-SEAL_SIZE]
