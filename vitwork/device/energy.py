"""Energy of a block of work, read from the device's own counter: NVML for a GPU, RAPL for a processor.

A counter belongs to a device, not to a process. A block is charged an equal share of what its device used meanwhile:
the reading divided by the number of workers of the session on that device, idle power included. So no joule is charged
twice, and a sum over blocks never exceeds what the device used; it falls short of it when some of the workers idle.
Seeds trained as one are charged equal parts. Other processes on the device are counted too. Work on a GPU is
charged the GPU's energy, not the host's as well; of a training split over several devices nothing is known.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vitwork.device.nvml import nvml

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of processor packages; often readable by root alone."""
LARGEST_WATTS = 600.0
"""Power that no processor package exceeds: it bounds how soon a counter can have wrapped around twice."""


@dataclass(slots=True)
class Energy:
    """What a block used: `joules`, None until its end and where no counter can be read."""

    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading in joules, and the value at which the counter starts again from zero."""

    joules: float
    wraps: float = math.inf


@contextmanager
def meter(device: str = "cpu", workers: int = 1) -> Iterator[Energy]:
    """Measure the energy of a block of work.

    Args:
        device: the torch device that works.
        workers: how many workers of the session share it.

    Yields:
        What the block used, filled in at its end. Where no counter can be read, it stays None; that is never an error.
    """
    used, started, before = Energy(), time.monotonic(), _read(device)
    yield used
    after, seconds = _read(device), time.monotonic() - started
    sure = before and len(before) == len(after) and all(seconds * LARGEST_WATTS < counter.wraps for counter in before)
    if sure:
        used.joules = sum(_rise(*pair) for pair in zip(before, after, strict=True)) / workers


def _rise(before: Reading, after: Reading) -> float:
    """Return the difference of two readings, between which the counter may have wrapped around once."""
    rise = after.joules - before.joules
    return rise if rise >= 0 else rise + before.wraps


def _read(device: str) -> list[Reading]:
    try:
        return _gpu(device) if device.startswith("cuda") else _packages(POWERCAP)
    except Exception:  # noqa: BLE001 - energy is an extra: whatever a driver or a file says, the work goes on
        return []


def _gpu(device: str) -> list[Reading]:
    import torch

    identity = torch.cuda.get_device_properties(device).uuid  # NVML's order of devices is not torch's
    with nvml() as library:
        handle = library.nvmlDeviceGetHandleByUUID(f"GPU-{identity}")
        return [Reading(library.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)]


def _packages(folder: Path) -> list[Reading]:
    """Return the counters of all processor packages; their parts (``intel-rapl:0:1``) are within them."""

    def microjoules(path: Path) -> float:
        return float(path.read_text(encoding="ascii"))

    found = sorted(path for path in folder.glob("intel-rapl:*") if path.name.count(":") == 1)
    return [
        Reading(microjoules(path / "energy_uj") / 1e6, microjoules(path / "max_energy_range_uj") / 1e6)
        for path in found
    ]
