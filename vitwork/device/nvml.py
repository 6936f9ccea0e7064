"""Access to NVIDIA's management library (NVML), where nvidia-ml-py is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def nvml() -> Iterator[Any]:
    """Start the library, and stop it on exit.

    Raises:
        ImportError, pynvml.NVMLError: there is no such library, or no driver.
    """
    import pynvml

    pynvml.nvmlInit()
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()
