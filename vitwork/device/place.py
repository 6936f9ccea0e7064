"""The CPU cores and devices that this process may use, and a worker's share of them.

Torch is imported only for questions about a device.
"""

from __future__ import annotations

import os

from vitwork.errors import VitworkError


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices() -> int:
    """Return the number of GPUs, counted within the caller's ``CUDA_VISIBLE_DEVICES``."""
    import torch

    return torch.cuda.device_count()


def pick(device: str, index: int = 0) -> str:
    """Return the device of the worker `index`: ``auto`` assigns the GPUs in turn, or the CPU if there are none."""
    if device != "auto":
        return device
    count = devices()
    return f"cuda:{index % count}" if count else "cpu"


def sharing(device: str, index: int, workers: int) -> int:
    """Return the number of workers on the device that `pick` assigns to the worker `index`."""
    if device != "auto" or not (count := devices()):
        return workers
    return len(range(index % count, workers, count))


def share_threads(workers: int) -> None:
    """Limit torch's threads to this worker's share of the cores: more threads than cores slow all workers down."""
    import torch

    share = cores() // workers
    torch.set_num_threads(max(1, min(torch.get_num_threads(), share)))  # fewer if OMP_NUM_THREADS says so


def check(device: str) -> str:
    """Return the name of a device unchanged, after a check.

    Raises:
        VitworkError: it is neither ``auto`` nor a device that torch can compute on here.
    """
    if device not in {"auto", "cpu"}:
        import torch

        try:
            float(torch.ones((), device=device))
        except (RuntimeError, AssertionError) as error:  # AssertionError where torch was built without the device
            why = str(error).partition("\n")[0].partition(". ")[0]
            raise VitworkError(
                f"The device {device!r} cannot be used ({why}): give cpu, cuda where there is a GPU, or auto."
            ) from error
    return device
