"""Work on a GPU captured once as a CUDA graph, and launched as a whole from then on.

A small network's work is some thousand kernels, and a processor takes longer to launch them than a GPU to compute them. A
CUDA graph launches all of them at once; it repeats what was captured on the very same tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import torch

Capture = Callable[[Callable[[], None]], Callable[[], object]]
"""Maps a function that changes tensors in place to what repeats it."""


def capture_on(device: torch.device) -> Capture | None:
    """Return what captures work on a device; None on a CPU, where launching costs little."""
    return cuda_graph if device.type == "cuda" else None


def cuda_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """Capture what a function launches on the current stream, which is not the default one, and return what replays it.

    Raises:
        RuntimeError: it waits for the device, or something else in it cannot be captured.
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
    """End a capture; return the error that it failed with."""
    try:
        graph.capture_end()
    except RuntimeError as failure:
        _recover(pool)
        return failure
    return None


def _recover(pool: Any) -> None:
    """Take torch out of a capture that failed: its allocator and its random generator still believe in it."""
    device = torch.cuda.current_device()
    for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):  # noqa: SLF001 - nothing public does it
        with suppress(RuntimeError):  # where torch has done so itself
            end(device, pool)
    with suppress(RuntimeError):
        number, graph = torch.zeros(1, device="cuda"), torch.cuda.CUDAGraph()
        graph.capture_begin()
        number.zero_()
        graph.capture_end()  # resets the generator, as any capture that succeeds


@cache
def _second_stream(device: torch.device) -> torch.cuda.Stream:
    # One for all, because memory that is freed on a stream only serves later work of the same stream.
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def aside(device: torch.device) -> Iterator[None]:
    """Compute on a GPU's second stream, which can be captured: after all earlier work, and before all later work.

    A capture allows no other stream in it, and torch computes a derivative on the stream of its function.
    """
    if device.type != "cuda":
        yield
        return
    here, other = torch.cuda.current_stream(device), _second_stream(device)
    other.wait_stream(here)
    try:
        with torch.cuda.stream(other):
            yield
    finally:
        here.wait_stream(other)
