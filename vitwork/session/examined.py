"""Reads `examined.toml`: notes beside the claims on what was examined after a published report's data had been seen."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from vitwork.errors import VitworkError

NAME = "examined.toml"
"""Name of the file; it has a table for each claim, named by the claim's id, with a text for each profile."""


@cache
def examined(folder: Path) -> dict[str, dict[str, str]]:
    """Return the notes of a folder's claims, by claim and profile; empty if it has no such file.

    Raises:
        VitworkError: the file cannot be read, or holds something else.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        notes = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, str]])
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise VitworkError(f"{path} cannot be read: {error}") from error
    return {
        claim: {profile: " ".join(text.split()) for profile, text in texts.items()} for claim, texts in notes.items()
    }
