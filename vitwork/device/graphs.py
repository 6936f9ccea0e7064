"""Work on a GPU recorded once, and launched as a whole from then on.

A small network's work is some thousand kernels, and a processor takes longer to launch them than a GPU to compute them. A
CUDA graph launches all of them at once; it repeats what was recorded on the very same tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

Record = Callable[[Callable[[], None]], Callable[[], object]]
"""Maps a function that changes tensors in place to what repeats it."""


def cuda_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """Record what a function launches on the current stream, which is not the default one, and return what replays it.

    Raises:
        RuntimeError: it waits for the device, or something else in it cannot be recorded.
    """
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    torch.cuda.synchronize()
    # Not by `torch.cuda.graph`, which hands all unused memory back to the driver each time. Other threads, which copy
    # streamed images, may go on meanwhile.
    graph.capture_begin(pool=pool, capture_error_mode="thread_local")
    try:
        compute()
    except BaseException:
        _end(graph, pool)
        raise
    if (failure := _end(graph, pool)) is not None:
        raise failure
    return graph.replay


def _end(graph: torch.cuda.CUDAGraph, pool: Any) -> RuntimeError | None:
    """End a recording; return what it failed by."""
    try:
        graph.capture_end()
    except RuntimeError as failure:
        _recover(pool)
        return failure
    return None


def _recover(pool: Any) -> None:
    """Take torch out of a recording that failed: its allocator and its random generator still believe in it."""
    device = torch.cuda.current_device()
    for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):  # noqa: SLF001 - nothing public does it
        with suppress(RuntimeError):  # where torch has done so itself
            end(device, pool)
    with suppress(RuntimeError):
        number, graph = torch.zeros(1, device="cuda"), torch.cuda.CUDAGraph()
        graph.capture_begin()
        number.zero_()
        graph.capture_end()  # resets the generator, as any recording that succeeds
