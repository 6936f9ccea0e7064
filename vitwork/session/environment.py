"""The folder and the variables that a process runs in, which code of a user's may change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def as_found() -> Iterator[None]:
    """Give back the current folder and the environment as they were: paths of what follows would mean other files."""
    here, variables = Path.cwd(), dict(os.environ)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder was removed meanwhile
            os.chdir(here)
        if os.environ != variables:
            os.environ.clear()
            os.environ.update(variables)
