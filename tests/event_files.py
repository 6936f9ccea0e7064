"""What TensorBoard reads in files of events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def scalars(path: Path) -> Callable[[str], list[Any]]:
    """Return a function that gives the events of a name."""
    # Not above: it takes a second, which every process that collects the tests would spend.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(path))
    read.Reload()
    return read.Scalars
