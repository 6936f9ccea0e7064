"""What was looked into after the data of a published report had been seen: notes beside the files of claims."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from vitwork.errors import VitworkError

NAME = "examined.toml"
"""A table for each claim, by its id, with a text for each profile."""


@cache
def examined(folder: Path) -> dict[str, dict[str, str]]:
    """Return the notes of a folder's claims, by claim and profile; none where it has no such file.

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
