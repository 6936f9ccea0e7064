"""Measurement of an analysis's time and peak memory, and a test whether an error means out of memory."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vitwork.device.timing import wait
from vitwork.errors import said


@dataclass(frozen=True)
class Cost:
    """Images, time and peak memory of an analysis.

    Attributes:
        images: number of images that it used.
        seconds: wall-clock time, after waiting for a GPU's queue.
        peak_bytes: highest memory while it ran: allocated memory for a GPU, the process's resident set for a CPU. Where
            the system's peak cannot be reset, it includes earlier work; None where the system does not report it.
    """

    images: int
    seconds: float
    peak_bytes: int | None

    @classmethod
    def of_all(cls, parts: Sequence[Cost]) -> Cost:
        """Return the total cost of several analyses that ran one after the other."""
        peaks = [part.peak_bytes for part in parts if part.peak_bytes is not None]
        return cls(sum(p.images for p in parts), sum(p.seconds for p in parts), max(peaks, default=None))


class Meter:
    """Measures time and peak memory from its creation on; only one meter may be in use at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        reset_peak_memory(device)
        self._start = time.perf_counter()

    def cost(self, images: int) -> Cost:
        """Return the cost so far, for a number of images."""
        wait(self.device)
        return Cost(images, time.perf_counter() - self._start, peak_memory(self.device))


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak to the memory in use now; for a CPU this is possible on Linux only."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # another system, or not permitted
        return


def peak_memory(device: torch.device) -> int | None:
    """Return the highest memory since the last reset, in bytes: of the GPU's allocator, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    own = _peak_of_own()
    if own is not None:
        return own
    try:
        import resource
    except ImportError:  # not a Unix system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kibibytes on Linux


def _peak_of_own() -> int | None:
    """Return this process's own peak where the system records one.

    The peak from `getrusage` is inherited from the process that started this one, however large that was, and
    `reset_peak_memory` does not lower it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out.

    A GPU's allocator has an error of its own, but PyTorch's CPU allocator raises a plain RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    lacks = ("can't allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")  # last: cuBLAS and cuDNN
    return isinstance(error, RuntimeError) and any(words in said(error) for words in lacks)
