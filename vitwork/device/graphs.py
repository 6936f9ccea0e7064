"""Capture of work on a GPU as a CUDA graph, which is launched as a whole from then on.

A step of a small network runs some thousand kernels, and a CPU takes longer to launch them than a GPU to compute them.
A CUDA graph launches all of them at once; it repeats the captured work on the same tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import torch

Capture = Callable[[Callable[[], None]], Callable[[], object]]
"""Maps a function that changes tensors in place to a function that repeats it."""


def capture_on(device: torch.device) -> Capture | None:
    """Return the function that captures work on a device; None on a CPU, where launching costs little."""
    return cuda_graph if device.type == "cuda" else None


def cuda_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """Capture the work that a function launches, and return a function that replays it.

    The current stream must not be the default one.

    Raises:
        RuntimeError: the function waits for the device, or something else in it cannot be captured.
    """
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    torch.cuda.synchronize()
    # `torch.cuda.graph` is not used, because it returns all unused memory to the driver each time. Other threads, which
    # copy streamed images, may continue meanwhile.
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
    """End a capture, and return its error if it failed."""
    try:
        graph.capture_end()
    except RuntimeError as failure:
        _recover(pool)
        return failure
    return None


def _recover(pool: Any) -> None:
    """Reset torch after a failed capture: its allocator and its random generator still act as if in the capture."""
    device = torch.cuda.current_device()
    for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):  # noqa: SLF001 - nothing public does it
        with suppress(RuntimeError):  # if torch has already done so
            end(device, pool)
    with suppress(RuntimeError):
        number, graph = torch.zeros(1, device="cuda"), torch.cuda.CUDAGraph()
        graph.capture_begin()
        number.zero_()
        graph.capture_end()  # a capture that succeeds resets the generator


@cache
def _second_stream(device: torch.device) -> torch.cuda.Stream:
    # One for all, because memory that is freed on a stream only serves later work of the same stream.
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def aside(device: torch.device) -> Iterator[None]:
    """Run on a GPU's second stream, which can be captured, after all earlier work and before all later work.

    A capture may involve only one stream, and torch computes a derivative on the stream of the function's forward pass.
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
