"""Types of arguments of several commands, in the form that argparse and pytest call."""

from __future__ import annotations

import argparse
from pathlib import Path


def file_or_folder(text: str) -> Path:
    """Return a file or folder as a user typed it.

    Raises:
        argparse.ArgumentTypeError: the text is empty, as from an unset variable; it would mean the current folder.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name is no file or folder")
    return Path(text)


def positive(text: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: the text is something else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
