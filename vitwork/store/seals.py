"""Sealed bytes for transfer between machines: content followed by its SHA-256, as in sealed files."""

from __future__ import annotations

from vitwork.store.store import SEAL_SIZE, CorruptFileError, seal_of


def sealed(content: bytes) -> bytes:
    """Return content followed by its seal."""
    return content + seal_of(content)


def sound(data: bytes, name: str = "") -> bool:
    """Return whether sealed bytes are intact; with `name`, those of a file that was sealed under that name."""
    return data[-SEAL_SIZE:] == seal_of(memoryview(data)[:-SEAL_SIZE], name.rpartition("/")[2])


def unsealed(data: bytes, what: str) -> bytes:
    """Return the content of sealed bytes.

    Raises:
        CorruptFileError: the bytes are truncated or altered.
    """
    if not sound(data):
        raise CorruptFileError(f"{what} was altered on its way.")
    return data[:-SEAL_SIZE]
