"""Energy of a block of work, from the device's own counter: NVML for a GPU, RAPL for a processor.

A counter belongs to a device, not to a process. The energy of a block is an equal share of the energy that its device
used
meanwhile: the reading divided by the number of workers of the session on that device, including idle power. So no joule
is counted twice, and a sum over blocks never exceeds the energy of the device; it is less when some of the workers
idle. Seeds trained as one get equal parts.

Other processes on the device are included, too. The energy of work on a GPU is that of the GPU, without the host's. For
a training split over several devices, the energy is unknown.
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
"""Power that no processor package exceeds; it limits how soon a counter can have wrapped around twice."""


@dataclass(slots=True)
class Energy:
    """Energy of a block in `joules`; None until the block's end, and where no counter can be read."""

    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter's reading in joules, and the value at which it starts again from zero."""

    joules: float
    wraps: float = math.inf


@contextmanager
def meter(device: str = "cpu", workers: int = 1) -> Iterator[Energy]:
    """Measure the energy of a block of work.

    Args:
        device: the torch device of the work.
        workers: number of workers of the session that share it.

    Yields:
        The energy of the block, set at its end. If no counter can be read, it stays None; that is never an error.
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
    except Exception:  # noqa: BLE001 - energy is an extra: no error of a driver or a file may stop the work
        return []


def _gpu(device: str) -> list[Reading]:
    import torch

    identity = torch.cuda.get_device_properties(device).uuid  # NVML orders devices otherwise than torch
    with nvml() as library:
        handle = library.nvmlDeviceGetHandleByUUID(f"GPU-{identity}")
        return [Reading(library.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)]


def _packages(folder: Path) -> list[Reading]:
    """Return the counters of all processor packages, which include those of their parts (``intel-rapl:0:1``)."""

    def microjoules(path: Path) -> float:
        return float(path.read_text(encoding="ascii"))

    found = sorted(path for path in folder.glob("intel-rapl:*") if path.name.count(":") == 1)
    return [
        Reading(microjoules(path / "energy_uj") / 1e6, microjoules(path / "max_energy_range_uj") / 1e6)
        for path in found
    ]
