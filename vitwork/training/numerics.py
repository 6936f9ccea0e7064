"""Numerical settings of a training: device, precision, memory layout, compilation and determinism."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from vitwork.design.recipe import Recipe
from vitwork.device.precision import tf32


def layout(model: nn.Module) -> torch.memory_format:
    """Return channels-last if most weights are convolutions (about 1.2 times faster on a CPU), or else the default."""
    convolutions = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Conv2d))
    mostly = 2 * convolutions > sum(parameter.numel() for parameter in model.parameters())
    return torch.channels_last if mostly else torch.contiguous_format


def autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of forward passes: bfloat16 autocast where the recipe asks for it."""
    if recipe.precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def own_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a separate stream for a training on a GPU, on which steps can be captured and trainings can overlap."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]


def on(queue: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    """Return a context in which work goes to a stream; with None, the current stream stays."""
    return nullcontext() if queue is None else torch.cuda.stream(queue)


@contextmanager
def fixed(recipe: Recipe) -> Iterator[None]:
    """Fix the settings that affect the digits of a computation, and restore them on exit.

    Single precision is computed in full, without TF32. A deterministic recipe uses deterministic kernels only.
    """
    benchmark = torch.backends.cudnn.benchmark
    deterministic = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.backends.cudnn.benchmark = not recipe.deterministic
        if recipe.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
        with tf32(allowed=recipe.precision == "tf32"):
            yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(deterministic, warn_only=only_warns)


def keep_memory() -> None:
    """Make glibc keep memory that this process frees, for the rest of the process.

    By default glibc returns large tensors to the system and gets them back at the next step, page by page. This took
    about a tenth of the time of a ViT on a CPU.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl lacks it
        trim_threshold, mmap_threshold = -1, -3  # as malloc.h numbers them
        library.mallopt(mmap_threshold, 32 << 20)
        library.mallopt(trim_threshold, 2**31 - 1)


def describe(recipe: Recipe, device: torch.device, memory: torch.memory_format, *notes: str) -> str:
    """Return the numerical settings of a training in words, as stored with the run; `notes` are appended unchanged."""
    parts = [
        torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        recipe.precision,
        "channels-last" if memory == torch.channels_last else "",
        f"compiled ({recipe.compile})" if recipe.compile else "",
        "deterministic" if recipe.deterministic else "",
        f"{torch.get_num_threads()} threads" if device.type == "cpu" and torch.get_num_threads() > 1 else "",
        *notes,
        f"torch {torch.__version__}",
    ]
    return ", ".join(part for part in parts if part)
