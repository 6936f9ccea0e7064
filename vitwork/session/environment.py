"""Restores a process' current folder and environment variables after a user's code may have changed them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def as_found() -> Iterator[None]:
    """Restore the current folder and the environment at the end, or later relative paths would mean other files."""
    here, variables = Path.cwd(), dict(os.environ)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder was removed meanwhile
            os.chdir(here)
        if os.environ != variables:
            os.environ.clear()
            os.environ.update(variables)
