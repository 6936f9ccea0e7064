"""Sealed bytes on their way between machines: content and its SHA-256, as sealed files hold them. Imports no torch."""

from __future__ import annotations

import hashlib

from vitwork.store.store import SEAL, SEAL_SIZE, CorruptFileError


def sealed(content: bytes) -> bytes:
    """Return content followed by its seal."""
    return content + SEAL + hashlib.sha256(content).digest()


def sound(data: bytes) -> bool:
    """Return whether bytes hold what was sealed."""
    return data[-SEAL_SIZE:] == SEAL + hashlib.sha256(memoryview(data)[:-SEAL_SIZE]).digest()


def unsealed(data: bytes, what: str) -> bytes:
    """Return the content of sealed bytes.

    Raises:
        CorruptFileError: they are truncated or altered.
    """
    if not sound(data):
        raise CorruptFileError(f"{what} was altered on its way.")
    return data[:-SEAL_SIZE]
