"""Time and memory of an analysis: what it took, and whether memory ran out."""

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
    """What an analysis took.

    Attributes:
        images: images that it was made of.
        seconds: wall-clock time; a GPU's queue is waited for.
        peak_bytes: highest memory while it ran: allocated on the device for a GPU, the process's resident set for a CPU
            (where the system's mark cannot be lowered, that includes what came before); None where the system does not
            say.
    """

    images: int
    seconds: float
    peak_bytes: int | None

    @classmethod
    def of_all(cls, parts: Sequence[Cost]) -> Cost:
        """Return what several analyses took that were made one after the other."""
        peaks = [part.peak_bytes for part in parts if part.peak_bytes is not None]
        return cls(sum(p.images for p in parts), sum(p.seconds for p in parts), max(peaks, default=None))


class Meter:
    """Measures time and peak memory from its making on; nothing else may be metered meanwhile."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        reset_peak_memory(device)
        self._start = time.perf_counter()

    def cost(self, images: int) -> Cost:
        """Return what was spent so far on so many images."""
        wait(self.device)
        return Cost(images, time.perf_counter() - self._start, peak_memory(self.device))


def reset_peak_memory(device: torch.device) -> None:
    """Let the peak start at what is in use now; on a CPU this is possible on Linux only."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # another system, or not allowed here
        return


def peak_memory(device: torch.device) -> int | None:
    """Return the highest memory since the last reset in bytes: of the GPU's allocator, or of the process."""
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
    """Return this program's own peak where the system keeps one.

    What `getrusage` says is inherited from the process that started this program, however large that was, and is not
    lowered by `reset_peak_memory`.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out.

    A GPU's allocator has an error of its own, but PyTorch's CPU allocator raises a plain RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    lacks = ("can't allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")  # the last of cuBLAS and cuDNN
    return isinstance(error, RuntimeError) and any(words in said(error) for words in lacks)
